"""Every guard catches the defect that it is there for."""

import copy

import guards
import pytest

DIGEST = "figure of\n  grass: (2, 2), mean 0.5, sd 0.1, from 0.0 to 1.0"
LEDGER = (
    "## Rows of the ledger\n\n| paper | s | v | e |\n| --- | --- | --- | --- |\n| COO Eq. 6 | x | holds if (so) | y |"
)
ALT = "A crop of the grass photograph beside its blurred copy."


def cell(source, outputs=(), count=1, **metadata):
    return {
        "cell_type": "code",
        "source": source,
        "outputs": list(outputs),
        "execution_count": count,
        "metadata": metadata,
    }


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def figure(digest=DIGEST):
    return {"output_type": "display_data", "data": {"image/png": "AAAA", "text/plain": digest}, "metadata": {}}


def prose(text):
    return {"cell_type": "markdown", "source": text, "metadata": {}}


def good():
    return guards.Chapter(
        "ch00_good",
        [
            prose("\n".join(guards.PARTS)),
            prose("It gains 2.48 dB, see `x = 9.99` and $y = 8.88$ in section 3.2."),
            cell("print(gain)", [stream("gain 2.48 dB\nnot answered yet\n")]),
            cell("plots.pictures(x)", [figure()], count=2, mystnb={"image": {"alt": ALT}}),
            prose("## The claims, fairly put\n\n- **COO Eq. 6.** This **holds if** the mean is zero."),
            prose(LEDGER),
        ],
    )


@pytest.mark.parametrize("guard", guards.OF_ONE_CHAPTER, ids=lambda guard: guard.__name__)
def test_good_chapter_passes(guard):
    assert guard(good()) == []


PLANTED = {
    "count missing": (guards.execution_counts, lambda c: c.code[0].update(execution_count=None)),
    "counts out of order": (guards.execution_counts, lambda c: c.code[0].update(execution_count=7)),
    "error stored": (
        guards.outputs_are_clean,
        lambda c: c.code[0]["outputs"].append({"output_type": "error", "ename": "E", "evalue": "v", "traceback": []}),
    ),
    "stderr stored": (guards.outputs_are_clean, lambda c: c.code[0]["outputs"].append(stream("warning", "stderr"))),
    "widget stored": (
        guards.outputs_are_clean,
        lambda c: c.code[0]["outputs"].append({"output_type": "display_data", "data": {"application/x-widget": {}}}),
    ),
    "network": (
        guards.outputs_are_clean,
        lambda c: c.code[0]["outputs"].append(
            {"output_type": "display_data", "data": {"text/html": '<script src="https://cdn.example/x.js">'}}
        ),
    ),
    "line too long": (guards.printed_lines_fit, lambda c: c.code[0]["outputs"].append(stream("x" * 89))),
    "a spread over nothing": (
        guards.spreads_name_their_unit,
        lambda c: c.code[0]["outputs"].append(stream("gain 2.48 +- 0.10 dB\n")),
    ),
    "a name with two meanings": (
        guards.names_keep_their_meaning,
        lambda c: c.cells.extend(
            [
                cell("hrs = [1, 2]", count=3),
                cell("for hrs in ([3],):\n    train(hrs)", count=4),
                cell("print(len(hrs))", count=5),
            ]
        ),
    ),
    "a function that reads a name with two meanings": (
        guards.names_keep_their_meaning,
        lambda c: c.cells.extend(
            [cell("hrs = 1", count=3), cell("hrs = 2", count=4), cell("def f(x):\n    return x + hrs", count=5)]
        ),
    ),
    "a name that grows from cell to cell": (
        guards.names_keep_their_meaning,
        lambda c: c.cells.extend([cell("total = 1", count=3), cell("total += 1", count=4)]),
    ),
    "path in output": (guards.no_leaked_paths, lambda c: c.code[0]["outputs"].append(stream("/home/me/x.py:3"))),
    "path in code": (guards.no_leaked_paths, lambda c: c.cells.append(cell("open('/tmp/x')"))),
    "no alt text": (guards.figures_have_alt_text, lambda c: c.code[1].update(metadata={})),
    "alt text too short": (
        guards.figures_have_alt_text,
        lambda c: c.code[1].update(metadata={"mystnb": {"image": {"alt": "figure"}}}),
    ),
    "img without alt": (
        guards.figures_have_alt_text,
        lambda c: c.code[0]["outputs"].append({"output_type": "display_data", "data": {"text/html": "<img src='x'>"}}),
    ),
    "figure without arrays": (
        guards.figures_have_arrays,
        lambda c: c.code[1].update(outputs=[figure("<Figure size 400x300 with 1 Axes>")]),
    ),
    "output kept from comparison": (
        guards.only_times_are_ignored,
        lambda c: c.code[0].update(metadata={"tags": ["nbval-ignore-output"]}),
    ),
    "kept from comparison by a comment": (
        guards.only_times_are_ignored,
        lambda c: c.code[0].update(source="# NBVAL_SKIP\nprint(gain)"),
    ),
    "part missing": (guards.has_all_parts, lambda c: c.cells.pop(0)),
    "no exercise": (guards.has_all_parts, lambda c: c.code[0].update(outputs=[stream("gain 2.48 dB")])),
    "directive": (guards.prose_is_plain, lambda c: c.cells.append(prose("```{note}\nx\n```"))),
    "role": (guards.prose_is_plain, lambda c: c.cells.append(prose("see {cite:t}`coo2024`"))),
    "tag in several lines": (
        guards.tagged_equations_render,
        lambda c: c.cells.append(prose(r"$$\begin{aligned} a \\ b \end{aligned} \tag{COO 1}$$")),
    ),
    "orphan decimal": (guards.numbers_are_outputs, lambda c: c.cells.append(prose("It gains 2.47 dB."))),
    "orphan part of a number": (guards.numbers_are_outputs, lambda c: c.cells.append(prose("It gains 2.4 dB."))),
    "orphan percent": (guards.numbers_are_outputs, lambda c: c.cells.append(prose("In 93% of all cases."))),
    "orphan in dollars": (guards.numbers_are_outputs, lambda c: c.cells.append(prose("It gains $2.47$ dB."))),
    "orphan in backticks": (guards.numbers_are_outputs, lambda c: c.cells.append(prose("It gains `2.47` dB."))),
    "orphan count": (guards.numbers_are_outputs, lambda c: c.cells.append(prose("On 7 of 8 it gains."))),
    "orphan in words": (guards.numbers_are_outputs, lambda c: c.cells.append(prose("On eight photographs."))),
    "orphan gray levels": (guards.numbers_are_outputs, lambda c: c.cells.append(prose("17 gray levels apart."))),
    "orphan that only a figure's digest has": (
        guards.numbers_are_outputs,
        lambda c: c.cells.append(prose("Its spread is 0.1.")),
    ),
    "number of an ignored output": (
        guards.numbers_are_outputs,
        lambda c: c.code[0].update(metadata={"tags": ["nbval-ignore-output"]}),
    ),
    "a result hidden beside a time": (
        guards.only_times_are_ignored,
        lambda c: c.cells.append(
            cell("perf_counter()", [stream("gain 9.99 dB in 3.0 s")], tags=["nbval-ignore-output"])
        ),
    ),
    "unknown verdict": (
        guards.verdicts_are_known,
        lambda c: c.cells.append(prose(LEDGER.replace("holds if (so)", "assumption, broken"))),
    ),
    "verdict not among the claims": (
        guards.verdicts_are_known,
        lambda c: c.cells.append(prose(LEDGER.replace("holds if (so)", "refuted"))),
    ),
    "row without evidence": (
        guards.verdicts_are_known,
        lambda c: c.cells.append(prose(LEDGER.replace("| y |", "|  |"))),
    ),
    "no ledger": (guards.verdicts_are_known, lambda c: c.cells.pop()),
    "orphan time": (guards.numbers_are_outputs, lambda c: c.cells.append(prose("It takes 12 seconds."))),
}


@pytest.mark.parametrize(("guard", "plant"), PLANTED.values(), ids=PLANTED.keys())
def test_planted_defect_is_caught(guard, plant):
    chapter = copy.deepcopy(good())
    plant(chapter)
    assert guard(chapter) != []


def test_size_guard(tmp_path):
    path = tmp_path / "ch00.ipynb"
    path.write_bytes(b" " * (guards.MOST_BYTES + 1))
    assert guards.size_is_bounded(path) != []


def cites(text):
    def thing():
        pass

    thing.__doc__ = text
    return thing


LINKED = r"$$x \tag{COO 4}$$ is [`A`](../book/api/operators.md#ahr)"


def test_equation_needs_a_link_to_a_function_that_cites_it():
    chapter = guards.Chapter("ch00_good", [prose(LINKED)])
    key = ("operators", "ahr")
    assert guards.equations_link_to_code(chapter, {key: cites("COO Eqs. 1, 4.")}) == []
    assert guards.equations_link_to_code(chapter, {key: cites("COO Eqs. 1, 5; COO-v1 Eq. 4.")}) != []
    assert guards.equations_link_to_code(chapter, {}) != []
    assert (
        guards.equations_link_to_code(guards.Chapter("x", [prose(r"$$x \tag{COO 4}$$")]), {key: cites("COO Eq. 4")})
        != []
    )


def test_citing_function_needs_an_equation_in_the_chapter_it_names():
    chapters = [guards.Chapter("ch00_good", [prose(LINKED)])]
    at = ("operators", "ahr")
    assert guards.code_links_to_equations({at: cites("COO Eq. 4; chapter ch00_good.")}, chapters) == []
    assert guards.code_links_to_equations({at: cites("COO Eqs. 3-4; chapter ch00_good.")}, chapters) != []
    assert guards.code_links_to_equations({at: cites("COO Eq. 4.")}, chapters) != []
    assert guards.code_links_to_equations({at: cites("COO Eq. 4; chapter ch99_gone.")}, chapters) != []


def test_cited_equations_are_read():
    text = "COO Eqs. 7, 32 and 34-36; COO-v1 Eq. 8; PCL Eq. 3"
    expected = {("COO", n) for n in ("7", "32", "34", "35", "36")} | {("COO-v1", "8"), ("PCL", "3")}
    assert guards.cited_equations(text) == expected


def test_api_pages_name_real_objects():
    objects = guards.api_objects()
    assert ("operators", "pinv") in objects
    assert all(callable(thing) for thing in objects.values())


@pytest.mark.parametrize(
    "later",
    [
        "hrs = [3]\nprint(hrs)",
        "def f(hrs):\n    return hrs",
        "print([hrs for hrs in x])",
        "for hrs in x:\n    print(hrs)",
        "f = lambda hrs: hrs",
    ],
)
def test_a_name_of_the_cell_itself_may_be_used_again(later):
    chapter = good()
    chapter.cells += [cell("hrs = 1", count=3), cell("hrs = 2\nprint(hrs)", count=4), cell(later, count=5)]
    assert guards.names_keep_their_meaning(chapter) == []
