"""Every chapter, as it is stored, passes every guard."""

import re

import guards
import pytest
import yaml

each_chapter = pytest.mark.parametrize("path", guards.CHAPTERS, ids=lambda path: path.stem)


@each_chapter
@pytest.mark.parametrize("guard", guards.OF_ONE_CHAPTER, ids=lambda guard: guard.__name__)
def test_chapter(path, guard):
    assert guard(guards.Chapter.read(path)) == []


@each_chapter
def test_size_is_bounded(path):
    assert guards.size_is_bounded(path) == []


@each_chapter
def test_equations_link_to_code(path):
    assert guards.equations_link_to_code(guards.Chapter.read(path), guards.api_objects()) == []


def test_code_links_to_equations():
    chapters = [guards.Chapter.read(path) for path in guards.CHAPTERS]
    assert guards.code_links_to_equations(guards.api_objects(), chapters) == []


def test_first_cell_is_the_same_everywhere():
    assert len({guards.colab_cell(guards.Chapter.read(path)) for path in guards.CHAPTERS}) == 1


def test_every_chapter_is_in_the_table_of_contents():
    toc = yaml.safe_load((guards.ROOT / "_toc.yml").read_text(encoding="utf-8"))
    listed = [entry["file"] for part in toc["parts"] for entry in part["chapters"]]
    assert [name for name in listed if name.startswith("chapters/")] == [
        f"chapters/{path.stem}" for path in guards.CHAPTERS
    ]


def test_some_chapters_exist_and_show_figures():
    for path in guards.CHAPTERS:
        assert any("image/png" in output.get("data", {}) for _, output in guards.Chapter.read(path).outputs())
    assert guards.CHAPTERS


@each_chapter
def test_chapters_seed_their_chance(path):
    code = "\n".join(guards.source(cell) for cell in guards.Chapter.read(path).code)
    assert not re.search(r"default_rng\(\)|\btorch\.Generator\(\)(?!\.manual_seed)|np\.random\.(?!default_rng)", code)
    for call in re.finditer(r"torch\.(?:rand|randn|randint|randperm|multinomial)\(", code):
        assert "generator=" in code[call.start() : call.start() + 150]
