"""The claim ledger as pages: book/claims.yml read, shown on the claims and errata pages, and as each chapter's rows."""

import re
from collections import Counter
from html import escape
from pathlib import Path

import arithmetic
import yaml
from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList

BOOK = Path(__file__).resolve().parents[1]
VERDICTS = (
    "holds",
    "holds if",
    "holds but for",
    "misprint",
    "ambiguous",
    "refuted",
    "not reproduced",
    "not tested",
    "pending",
)
KINDS = {
    "theory": "What the papers prove or derive",
    "experiment": "What the papers measure, or say of measurements",
    "arithmetic": "What the papers say of their own tables",
    "own": "What this book proves in its own words; no claim of a paper",
}
NUMBERS = {"Eq": "Eq.", "Table": "Table", "Fig": "Fig.", "Algorithm": "Algorithm"}
NUMBERED = re.compile(r"(Eq|Table|Fig|Algorithm)s?\.? ([\dIVX]+(?:-\d+)?(?:, \d+(?:-\d+)?)*)")
ROMAN = {"I": 1, "II": 2, "III": 3, "IV": 4, "V": 5, "VI": 6, "VII": 7}
ROWS = "## Rows of the ledger"


def load() -> dict:
    return yaml.safe_load((BOOK / "claims.yml").read_text(encoding="utf-8"))


def numbered(place: str) -> list[tuple[str, int]]:
    """(kind, number) of each equation, table, figure or algorithm that a place names, ranges written out."""
    match = NUMBERED.fullmatch(place)
    if not match:
        return []
    found = []
    for part in match[2].split(", "):
        first, _, last = part.partition("-")
        first = ROMAN.get(first) or int(first)
        found += [(NUMBERS[match[1]], number) for number in range(first, int(last or first) + 1)]
    return found


def papers_of(claim: dict) -> dict[str, list[str]]:
    """The places of a claim by paper, its own first."""
    return {claim["paper"]: claim["places"], **claim.get("also", {})}


def place_of(claim: dict) -> str:
    return "; ".join(f"{paper} {', '.join(places)}" for paper, places in papers_of(claim).items())


def index_of(claim: dict) -> str:
    """Every numbered place written out, for the search."""
    things = [thing for places in papers_of(claim).values() for place in places for thing in numbered(place)]
    return " ".join(f"{kind} {number}" for kind, number in things)


def verdict_of(claim: dict) -> str:
    return claim["verdict"] + (f" ({claim['because']})" if claim.get("because") else "")


def rows_of(chapter: str, ledger: dict) -> str:
    """The last cell of a chapter."""
    lines = [ROWS, "", "| paper | statement, in our words | verdict | evidence |", "| --- | --- | --- | --- |"]
    for claim in ledger["claims"]:
        if claim.get("chapter") == chapter:
            cells = (place_of(claim), claim["statement"], verdict_of(claim), claim.get("shown_by", ""))
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def slug(text: str) -> str:
    return text.lower().replace(" ", "-")


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def chapter_name(chapter: str) -> str:
    return f"chapter {int(chapter[2:4])}"


class Ledger(Directive):
    """A directive that writes MyST text and HTML about the ledger."""

    def markdown(self, text: str, **attributes) -> nodes.container:
        box = nodes.container(**attributes)
        self.state.nested_parse(StringList(text.split("\n"), "claims.yml"), 0, box)
        return box

    def run(self) -> list[nodes.Node]:
        environment = self.state.document.settings.env
        for name in ("claims.yml", "tables.yml"):
            environment.note_dependency(str(BOOK / name))
        return self.pages(load())


def html(text: str) -> nodes.raw:
    return nodes.raw("", text, format="html")


class Counts(Ledger):
    """How many claims of each kind and paper got which verdict."""

    def pages(self, ledger):
        papers, boxes = list(ledger["papers"]), []
        for kind, text in KINDS.items():
            of_kind = [claim for claim in ledger["claims"] if claim["kind"] == kind]
            counts = Counter((claim["paper"], claim["verdict"]) for claim in of_kind)
            lines = [f"| {kind} | " + " | ".join(papers) + " | all |", "| --- " * (len(papers) + 2) + "|"]
            for verdict in (*VERDICTS, None):
                row = [
                    sum(n for (p, v), n in counts.items() if p == paper and verdict in (v, None)) for paper in papers
                ]
                if sum(row):
                    lines.append(f"| {verdict or 'all'} | " + " | ".join(map(str, row)) + f" | {sum(row)} |")
            boxes.append(self.markdown("\n".join([f"{text}:", "", *lines]), classes=["claim-counts"]))
        return boxes


class Filters(Ledger):
    """Controls that hide the claims one does not ask for; they work from disk and without a network."""

    def pages(self, ledger):
        def choices(name, label, values):
            options = "".join(f'<option value="{slug(v)}">{escape(v)}</option>' for v in values)
            return f'<label>{label} <select name="{name}"><option value="">all</option>{options}</select></label>'

        used = {claim["verdict"] for claim in ledger["claims"]}
        total = len(ledger["claims"])
        return [
            html(
                '<form class="claim-filters" role="search" aria-label="Find claims">'
                + choices("paper", "Paper", ledger["papers"])
                + choices("kind", "Kind", KINDS)
                + choices("verdict", "Verdict", [v for v in VERDICTS if v in used])
                + '<label>Text <input type="search" name="text" placeholder="entropy, Eq. 6, LPIPS"></label>'
                + f'<output aria-live="polite">{total} of {total} shown</output></form><script>{SCRIPT}</script>'
            )
        ]


SCRIPT = """
document.addEventListener('DOMContentLoaded', () => {
  const form = document.querySelector('.claim-filters'), cards = [...document.querySelectorAll('.claim')];
  const texts = cards.map(card => (card.textContent + ' ' + card.id).toLowerCase().replace(/\\s+/g, ' '));
  const show = () => {
    const asked = form.elements.text.value.toLowerCase();
    const words = (asked.match(/(?:eqs?\\.?|table|fig\\.?|section|appendix|theorem|algorithm) \\S+|\\S+/g) || [])
      .map(word => new RegExp(word.replace(/[^\\w ]/g, '\\\\$&') + '(?![\\\\d])'));
    const classes = ['paper', 'kind', 'verdict'].filter(name => form.elements[name].value)
      .map(name => name + '-' + form.elements[name].value);
    let count = 0;
    cards.forEach((card, place) => {
      const shown = classes.every(name => card.classList.contains(name))
        && words.every(word => word.test(texts[place]));
      card.hidden = !shown;
      count += shown;
    });
    form.querySelector('output').textContent = count + ' of ' + cards.length + ' shown';
  };
  form.addEventListener('input', show);
  form.addEventListener('change', show);
  form.addEventListener('submit', event => event.preventDefault());
  window.addEventListener('hashchange', () => {
    const asked = document.getElementById(location.hash.slice(1));
    if (asked && asked.hidden) { form.reset(); show(); asked.scrollIntoView(); }
  });
  show();
});
"""


class Claims(Ledger):
    """The claims of one paper as cards, and what of the paper is no claim."""

    required_arguments = 1

    def pages(self, ledger):
        paper = self.arguments[0]
        cards = [self.card(claim) for claim in ledger["claims"] if claim["paper"] == paper]
        lines = [f"- {place}: {reason}" for place, reason in ledger["not_a_claim"][paper].items()]
        fold = self.markdown("\n".join(lines), classes=["not-a-claim"])
        return [*cards, html(f"<details><summary>What of {paper} is no claim</summary>"), fold, html("</details>")]

    def card(self, claim):
        classes = ["claim", f"verdict-{slug(claim['verdict'])}", *(f"paper-{slug(p)}" for p in papers_of(claim))]
        classes.append(f"kind-{claim['kind']}")
        box = nodes.container(classes=classes, ids=[claim["id"]])
        head = nodes.paragraph(classes=["claim-head"])
        head += nodes.inline("", claim["verdict"], classes=["claim-verdict"])
        head += nodes.inline("", place_of(claim), classes=["claim-place"])
        head += html(f'<a class="claim-link" href="#{claim["id"]}" aria-label="Link to {claim["id"]}">#</a>')
        head += nodes.inline("", index_of(claim), classes=["claim-index"])
        box += head
        text = [sentence(claim["statement"])]
        if claim.get("because"):
            text.append(f"*{sentence(verdict_of(claim))}*")
        box += self.markdown("\n\n".join(text), classes=["claim-text"]).children
        chapter = claim.get("chapter")
        if chapter and f"chapters/{chapter}" not in self.state.document.settings.env.found_docs:
            box += self.markdown(f"Planned: {chapter_name(chapter)}.", classes=["claim-source"])
        elif chapter:
            shown = f": {claim['shown_by']}" if claim.get("shown_by") else ""
            link = f"[{chapter_name(chapter).capitalize()}](../chapters/{chapter}.ipynb){shown}."
            box += self.markdown(link, classes=["claim-source"])
        box += self.evidence(claim)
        return box

    def evidence(self, claim):
        values, tests, lines = [], [], []
        for item in claim.get("evidence", []):
            [(kind, what)] = item.items()
            if kind == "printed":
                lines.append(what)
            elif kind == "arithmetic":
                values.append(nodes.paragraph("", arithmetic.CLAIMS[what]()[1], classes=["claim-value"]))
            else:
                tests.append(what)
        if lines:
            text = "\n".join(lines)
            values.insert(0, nodes.literal_block(text, text, language="none"))
        if tests:
            values.append(nodes.paragraph("", f"Tests: {', '.join(tests)}", classes=["claim-tests"]))
        return values


class Errata(Ledger):
    """The rows with a correction: what is printed, what is meant, and what shows it."""

    def pages(self, ledger):
        boxes = []
        for claim in (c for c in ledger["claims"] if "erratum" in c):
            erratum = claim["erratum"]
            said = "says" in erratum
            label = "The text says, in our words" if said else "Printed, as extracted"
            wrong = erratum["says" if said else "printed"]
            text = [
                f"**{place_of(claim)}**: {claim['statement']}",
                f"{label}:\n\n$$\n{wrong}\n$$",
                f"Corrected:\n\n$$\n{erratum['corrected']}\n$$",
            ]
            boxes.append(self.markdown("\n\n".join(text), classes=["erratum"]))
            last = nodes.paragraph("", f"What shows it: {erratum['because']}. ")
            last += nodes.reference("", "The row of the ledger.", refuri=f"claims.html#{claim['id']}")
            boxes[-1] += last
        return boxes


def setup(app):
    for name, directive in {
        "claim-counts": Counts,
        "claim-filters": Filters,
        "claims-of": Claims,
        "errata": Errata,
    }.items():
        app.add_directive(name, directive)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
