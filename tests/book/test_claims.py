"""The claim ledger is held to the chapters, the tests and the papers' tables; planted contradictions are caught."""

import copy
import sys

import guards
import pytest

sys.path.insert(0, str(guards.ROOT / "book" / "_ext"))
import arithmetic
import claim_rules as rules
import claims

LEDGER = claims.load()
CHAPTERS = {path.stem: guards.Chapter.read(path) for path in guards.CHAPTERS}


def problems(rule, ledger, chapters=CHAPTERS, known=arithmetic.CLAIMS):
    more = {
        rules.lines_are_printed: (chapters,),
        rules.chapters_show_rows: (chapters,),
        rules.pending_is_planned: (chapters,),
        rules.arithmetic_agrees: (known,),
    }
    return rule(ledger, *more.get(rule, ()))


RULES = (
    rules.is_well_formed,
    rules.has_evidence,
    rules.kinds_fit_the_evidence,
    rules.lines_are_printed,
    rules.named_tests_exist,
    rules.arithmetic_agrees,
    rules.everything_is_covered,
    rules.chapters_show_rows,
    rules.pending_is_planned,
)
each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)


@each_rule
def test_ledger(rule):
    assert problems(rule, LEDGER) == []


def test_verdicts_are_those_of_the_book():
    assert claims.VERDICTS == guards.VERDICTS


def test_every_sentence_of_arithmetic_has_numbers():
    for name, function in arithmetic.CLAIMS.items():
        agrees, sentence = function()
        assert isinstance(agrees, bool), name
        assert sentence.endswith("."), name
        assert any(letter.isdigit() for letter in sentence), name


def test_places_are_read():
    assert claims.numbered("Eqs. 14, 20-22") == [("Eq.", 14), ("Eq.", 20), ("Eq.", 21), ("Eq.", 22)]
    assert claims.numbered("Table IV") == [("Table", 4)]
    assert claims.numbered("section 3.2") == []


def test_ranks_of_equal_values_are_shared():
    assert arithmetic.ranks([2.0, 1.0, 2.0]) == [1.5, 0, 1.5]
    assert arithmetic.spearman([1, 2, 3], [2, 4, 9]) == pytest.approx(1)
    assert arithmetic.spearman([1, 2, 3], [9, 4, 2]) == pytest.approx(-1)


# A ledger of three rows that passes every rule, and what must not pass.


def stream(text, tags=()):
    return {
        "cell_type": "code",
        "source": "",
        "execution_count": 1,
        "metadata": {"tags": [*tags]},
        "outputs": [{"output_type": "stream", "name": "stdout", "text": text}],
    }


def row(name, **fields):
    plain = {"paper": "COO", "kind": "theory", "places": ["section 1"], "statement": "it is so", "verdict": "holds"}
    return {"id": name} | plain | fields


def small():
    return {
        "papers": {"COO": {"equations": 3, "tables": 1, "figures": 1, "algorithms": 0}},
        "planned": ["ch09_later"],
        "claims": [
            row(
                "a-measured",
                places=["Eqs. 1-2", "Fig. 1"],
                verdict="holds if",
                because="so",
                chapter="ch01_now",
                shown_by="a line",
                evidence=[
                    {"printed": "gain  2.48 dB"},
                    {"test": "tests/book/test_claims.py::test_ledger"},
                ],
            ),
            row("a-table", kind="arithmetic", places=["Table 1"], evidence=[{"arithmetic": "sums"}]),
            row("a-wrong", kind="arithmetic", verdict="refuted", because="no", evidence=[{"arithmetic": "differs"}]),
            row("a-later", verdict="pending", chapter="ch09_later"),
        ],
        "not_a_claim": {"COO": {"Eq. 3": "a definition"}},
    }


SUMS = {"sums": lambda: (True, "1 + 1 = 2."), "differs": lambda: (False, "1 is not 2.")}


def chapters_for(ledger):
    last = {"cell_type": "markdown", "source": claims.rows_of("ch01_now", ledger), "metadata": {}}
    digest = stream("figure of\n  x: (2, 2), mean 7.77")
    cells = [stream("gain 2.48 dB, all\n"), stream("took 9.99 s\n", ["nbval-ignore-output"]), digest, last]
    return {"ch01_now": guards.Chapter("ch01_now", cells)}


@each_rule
def test_good_ledger_passes(rule):
    assert problems(rule, small(), chapters_for(small()), SUMS) == []


def change(index, **fields):
    return lambda ledger: ledger["claims"][index].update(fields)


def drop(index, field):
    return lambda ledger: ledger["claims"][index].pop(field)


def evidence(index, *items):
    return change(index, evidence=[*items])


PLANTED = {
    "unknown verdict": (rules.is_well_formed, change(1, verdict="true")),
    "no reason": (rules.is_well_formed, drop(0, "because")),
    "a reason for what holds": (rules.is_well_formed, change(1, because="so")),
    "one name for two rows": (rules.is_well_formed, change(1, id="a-measured")),
    "no statement": (rules.is_well_formed, drop(1, "statement")),
    "a field nobody reads": (rules.is_well_formed, change(1, note="x")),
    "a bar in a statement": (rules.is_well_formed, change(1, statement="the length |c|")),
    "no such paper": (rules.is_well_formed, change(1, paper="XYZ")),
    "no such kind of place": (rules.is_well_formed, change(1, places=["page 3"])),
    "a misprint without an erratum": (rules.is_well_formed, change(2, verdict="misprint")),
    "half an erratum": (rules.is_well_formed, change(0, erratum={"printed": "a"})),
    "an erratum of two sources": (
        rules.is_well_formed,
        change(0, erratum={"printed": "a", "says": "b", "corrected": "c", "because": "d"}),
    ),
    "no kind": (rules.is_well_formed, drop(1, "kind")),
    "no such kind": (rules.is_well_formed, change(1, kind="opinion")),
    "arithmetic counted as theory": (rules.kinds_fit_the_evidence, change(1, kind="theory")),
    "a measurement counted as arithmetic": (rules.kinds_fit_the_evidence, change(0, kind="arithmetic")),
    "an own statement that does not hold": (rules.kinds_fit_the_evidence, change(0, kind="own")),
    "an exception without a name": (rules.is_well_formed, change(1, verdict="holds but for")),
    "holds without evidence": (rules.has_evidence, drop(1, "evidence")),
    "refuted without evidence": (rules.has_evidence, evidence(2)),
    "pending with evidence": (rules.has_evidence, evidence(3, {"arithmetic": "sums"})),
    "evidence of no kind": (rules.has_evidence, evidence(1, {"heard": "2.48 dB"})),
    "a printed line without a number": (rules.has_evidence, evidence(0, {"printed": "gain"})),
    "a printed line of no chapter": (rules.has_evidence, drop(0, "chapter")),
    "recorded evidence that moved": (rules.lines_are_printed, evidence(0, {"printed": "gain 2.47 dB"})),
    "a part of a number": (rules.lines_are_printed, evidence(0, {"printed": "gain 2.4"})),
    "a line of a cell not compared": (rules.lines_are_printed, evidence(0, {"printed": "took 9.99 s"})),
    "a line of a digest": (rules.lines_are_printed, evidence(0, {"printed": "mean 7.77"})),
    "no such test": (rules.named_tests_exist, evidence(0, {"test": "tests/book/test_claims.py::test_gone"})),
    "no such file of tests": (rules.named_tests_exist, evidence(0, {"test": "tests/book/test_gone.py::test_ledger"})),
    "a helper for a test": (rules.named_tests_exist, evidence(0, {"test": "tests/book/test_claims.py::small"})),
    "no such arithmetic": (rules.arithmetic_agrees, evidence(1, {"arithmetic": "gone"})),
    "holds against the table": (rules.arithmetic_agrees, change(2, verdict="holds")),
    "refuted with the table": (rules.arithmetic_agrees, change(1, verdict="refuted")),
    "arithmetic that no row uses": (rules.arithmetic_agrees, drop(2, "evidence")),
    "an equation left out": (rules.everything_is_covered, change(0, places=["Eq. 1", "Fig. 1"])),
    "an equation in both": (rules.everything_is_covered, change(0, places=["Eqs. 1-3", "Fig. 1"])),
    "a table the paper has not": (rules.everything_is_covered, change(1, places=["Table 1", "Table 2"])),
    "no reason for a paper": (rules.everything_is_covered, lambda ledger: ledger["not_a_claim"].clear()),
    "a row the chapter does not show": (rules.chapters_show_rows, change(1, chapter="ch01_now")),
    "a statement the chapter says otherwise": (rules.chapters_show_rows, change(0, statement="it is not so")),
    "pending in a chapter that is there": (rules.pending_is_planned, change(3, chapter="ch01_now")),
    "pending in no chapter": (rules.pending_is_planned, drop(3, "chapter")),
    "planned and there": (rules.pending_is_planned, lambda ledger: ledger["planned"].append("ch01_now")),
    "a verdict of a chapter that is not there": (rules.pending_is_planned, change(1, chapter="ch09_later")),
}


@pytest.mark.parametrize(("rule", "plant"), PLANTED.values(), ids=PLANTED.keys())
def test_planted_contradiction_is_caught(rule, plant):
    ledger = copy.deepcopy(small())
    plant(ledger)
    assert problems(rule, ledger, chapters_for(small()), SUMS) != []


def test_a_line_that_moves_in_a_chapter_is_caught():
    """Change digits in the stored outputs of the real chapters: the rows that rest on them fail."""
    chapters = copy.deepcopy(CHAPTERS)
    for chapter in chapters.values():
        for _, output in chapter.outputs():
            if "text" in output:
                output["text"] = "".join(output["text"]).replace("7", "8")
    moved = {
        claim["id"]
        for claim in LEDGER["claims"]
        if any("7" in str(item.get("printed", "")) for item in claim.get("evidence", []))
    }
    assert {problem.split(":")[0] for problem in rules.lines_are_printed(LEDGER, chapters)} == moved
    assert len(moved) > 10
