"""README keeps its promises: its example runs as printed, its links lead somewhere, its table lists every chapter."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from printed import agree

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.S)


def test_example_runs_as_printed(tmp_path):
    (example,), (expected,) = blocks("python"), blocks("text")
    result = subprocess.run([sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert agree(expected, result.stdout)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(name):
    for link in re.findall(r"\]\(([^)]+)\)", (ROOT / name).read_text(encoding="utf-8")):
        assert not link.startswith("http"), f"{link} may lead nowhere: the repository's address is not known here"
        assert (ROOT / link).exists(), link


def test_two_commands_and_no_more():
    commands = [line.split("#")[0].strip() for line in blocks("sh")[0].splitlines()]
    assert commands == ["make book", "make test"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(re.search(rf"^{command.split()[1]}:", makefile, flags=re.M) for command in commands)


@pytest.mark.parametrize("page", ["README.md", "book/intro.md"])
def test_every_chapter_is_in_the_table(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for path in (ROOT / "chapters").glob("ch*.ipynb"):
        assert path.name in text


def test_citation_file_is_complete():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors", "version", "date-released", "license"} <= set(citation)
    assert citation["version"] in (ROOT / "srtheory" / "__init__.py").read_text(encoding="utf-8")


def test_no_file_names_the_data_folder_outside_tests():
    """What a reader cannot have is not mentioned to them."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a git checkout")
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for name in tracked:
        if name.split("/")[0] not in ("tests", "benchmarks") and not name.endswith((".png", ".ipynb", ".safetensors")):
            assert "shared" + "/" not in (ROOT / name).read_text(encoding="utf-8"), name
