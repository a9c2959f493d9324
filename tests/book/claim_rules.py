"""What the claim ledger owes. Each rule takes the ledger, and what it is held against, and lists what is wrong."""

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import claims
import guards

MAY = {
    "id",
    "paper",
    "kind",
    "places",
    "also",
    "statement",
    "verdict",
    "because",
    "chapter",
    "shown_by",
    "evidence",
    "erratum",
}
MUST = {"id", "paper", "kind", "places", "statement", "verdict"}
WHERE = re.compile(r"(section|Appendix|Theorem) [\w.-]+|abstract|conclusion")
WITHOUT_EVIDENCE = ("not tested", "pending")


def is_well_formed(ledger: dict) -> list[str]:
    """Each row has what a row needs, in the words of this book, on one line of a table."""
    problems = [f"{name}: {n} rows" for name, n in Counter(c.get("id") for c in ledger["claims"]).items() if n > 1]
    for claim in ledger["claims"]:
        name, keys = claim.get("id"), set(claim)
        if not MUST <= keys <= MAY:
            problems.append(f"{name}: lacks {sorted(MUST - keys)}, has in vain {sorted(keys - MAY)}")
            continue
        if not re.fullmatch(r"[a-z\d]+(-[a-z\d]+)+", name):
            problems.append(f"{name!r} is no slug")
        if claim["kind"] not in claims.KINDS:
            problems.append(f"{name}: {claim['kind']!r} is no kind; there are {', '.join(claims.KINDS)}")
        if claim["verdict"] not in guards.VERDICTS:
            problems.append(f"{name}: {claim['verdict']!r} is no verdict")
        elif bool(claim.get("because")) != (claim["verdict"] not in ("holds", "pending")):
            problems.append(f"{name}: {claim['verdict']} with because: {claim.get('because')!r}")
        for paper, places in claims.papers_of(claim).items():
            if paper not in ledger["papers"]:
                problems.append(f"{name}: {paper!r} is no paper")
            odd = [p for p in places if not claims.numbered(p) and not WHERE.fullmatch(p)]
            problems += [f"{name}: {place!r} is no place" for place in odd]
            if not places:
                problems.append(f"{name}: no place in {paper}")
        for key in ("statement", "because", "shown_by"):
            text = claim.get(key, "x")
            if not isinstance(text, str) or not text or re.search(r"[|\n]|\.$", text):
                problems.append(f"{name}: {key} is {text!r}")
        if set(claim.get("erratum", {})) not in (
            set(),
            *({kind, "corrected", "because"} for kind in ("printed", "says")),
        ):
            problems.append(f"{name}: its erratum has {sorted(claim['erratum'])}")
        if claim["verdict"] == "misprint" and "erratum" not in claim:
            problems.append(f"{name}: a misprint without an erratum")
    return problems


def has_evidence(ledger: dict) -> list[str]:
    problems = []
    for claim in ledger["claims"]:
        name, items = claim["id"], claim.get("evidence", [])
        if claim["verdict"] == "pending" and items:
            problems.append(f"{name}: pending, with evidence")
        if claim["verdict"] not in WITHOUT_EVIDENCE and not items:
            problems.append(f"{name}: {claim['verdict']}, without evidence")
        printed = [str(item["printed"]) for item in items if "printed" in item]
        if printed and not any(re.search(r"\d|True", line) for line in printed):
            problems.append(f"{name}: {printed} measures nothing")
        for item in items:
            if len(item) != 1 or not set(item) <= {"printed", "test", "arithmetic"}:
                problems.append(f"{name}: {item} is no evidence")
            if "printed" in item and not claim.get("chapter"):
                problems.append(f"{name}: a printed line of no chapter")
    return problems


def kinds_fit_the_evidence(ledger: dict) -> list[str]:
    """Arithmetic on printed tables is counted as that, and nothing else is; what the book proves itself holds."""
    problems = []
    for claim in ledger["claims"]:
        items = claim.get("evidence", [])
        on_tables = bool(items) and all("arithmetic" in item for item in items)
        if on_tables != (claim["kind"] == "arithmetic"):
            problems.append(f"{claim['id']}: of kind {claim['kind']}, on evidence {items}")
        if claim["kind"] == "own" and claim["verdict"] != "holds":
            problems.append(f"{claim['id']}: a statement of the book's own with the verdict {claim['verdict']}")
    return problems


def compared_lines(chapter: guards.Chapter) -> list[str]:
    """The lines that nbval compares, runs of blanks as one."""
    outputs = [o for cell, o in chapter.outputs() if not guards.is_digest(o) and not guards.kept_from_comparison(cell)]
    return [" ".join(line.split()) for output in outputs for line in guards.text_of(output).splitlines()]


def lines_are_printed(ledger: dict, chapters: dict[str, guards.Chapter]) -> list[str]:
    problems, lines = [], {name: compared_lines(chapter) for name, chapter in chapters.items()}
    for claim in ledger["claims"]:
        for item in claim.get("evidence", []):
            wanted = " ".join(str(item.get("printed", "")).split())
            whole = re.compile(rf"(?<![\w.]){re.escape(wanted)}(?!\w|\.\d)")
            if wanted and not any(whole.search(line) for line in lines.get(claim["chapter"], [])):
                problems.append(f"{claim['id']}: {claim['chapter']} does not print {wanted!r}")
    return problems


@cache
def functions_of(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8")) if path.is_file() else ast.Module([], [])
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def named_tests_exist(ledger: dict) -> list[str]:
    problems = []
    for claim in ledger["claims"]:
        for test in [item["test"] for item in claim.get("evidence", []) if "test" in item]:
            path, _, name = test.partition("::")
            if not re.fullmatch(r"tests/[\w/]+\.py::test_\w+", test) or name not in functions_of(guards.ROOT / path):
                problems.append(f"{claim['id']}: there is no {test}")
    return problems


def arithmetic_agrees(ledger: dict, known: dict) -> list[str]:
    """What holds is true by each table; of any other verdict on arithmetic alone, something is not."""
    problems, used = [], set()
    for claim in ledger["claims"]:
        items = claim.get("evidence", [])
        names = [item["arithmetic"] for item in items if "arithmetic" in item]
        used |= {*names}
        if missing := {*names} - {*known}:
            problems.append(f"{claim['id']}: no arithmetic {sorted(missing)}")
        elif names:
            agree = all(known[name]()[0] for name in names)
            if claim["verdict"] == "holds" and not agree:
                problems.append(f"{claim['id']}: holds, but the tables say otherwise")
            if claim["verdict"] != "holds" and len(names) == len(items) and agree:
                problems.append(f"{claim['id']}: {claim['verdict']}, but the tables agree")
    return problems + [f"no row uses the arithmetic {name}" for name in sorted({*known} - used)]


def everything_is_covered(ledger: dict) -> list[str]:
    """Each numbered equation, table, figure and algorithm is in a row or is no claim, and not both."""
    problems = []
    if set(ledger["not_a_claim"]) != set(ledger["papers"]):
        problems.append("not_a_claim does not name the papers")
    for paper, counts in ledger["papers"].items():
        names = {"equations": "Eq.", "tables": "Table", "figures": "Fig.", "algorithms": "Algorithm"}
        wanted = {(names[kind], n) for kind, most in counts.items() for n in range(1, most + 1)}
        rows = [place for c in ledger["claims"] for place in claims.papers_of(c).get(paper, [])]
        in_rows = {thing for place in rows for thing in claims.numbered(place)}
        no_claim = [thing for place in ledger["not_a_claim"].get(paper, {}) for thing in claims.numbered(place)]
        for text, things in (
            ("is in no row and not among what is no claim", wanted - in_rows - set(no_claim)),
            ("is in a row and among what is no claim", in_rows & set(no_claim)),
            ("is not in the paper", (in_rows | set(no_claim)) - wanted),
            ("is twice among what is no claim", {t for t, n in Counter(no_claim).items() if n > 1}),
        ):
            problems += [f"{paper} {kind} {number} {text}" for kind, number in sorted(things)]
    return problems


def chapters_show_rows(ledger: dict, chapters: dict[str, guards.Chapter]) -> list[str]:
    return [
        f"{name}: its last cell is not what the ledger says: run make ledger"
        for name, chapter in chapters.items()
        if guards.source(chapter.cells[-1]) != claims.rows_of(name, ledger)
    ]


def pending_is_planned(ledger: dict, chapters: dict[str, guards.Chapter]) -> list[str]:
    problems = [f"{name} is there, and among the planned" for name in ledger["planned"] if name in chapters]
    for claim in ledger["claims"]:
        name, chapter = claim["id"], claim.get("chapter")
        if claim["verdict"] == "pending":
            if chapter in chapters:
                problems.append(f"{name}: pending, but {chapter} is there")
            elif chapter not in ledger["planned"]:
                problems.append(f"{name}: pending, and no planned chapter {chapter}")
        elif chapter and chapter not in chapters:
            problems.append(f"{name}: {claim['verdict']}, but there is no {chapter}")
    return problems
