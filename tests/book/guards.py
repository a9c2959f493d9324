"""What nbval does not see. Each guard takes a chapter and lists what is wrong with it."""

import ast
import importlib
import inspect
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "chapters").glob("ch*.ipynb"))
MOST_BYTES = 2_000_000
MIME_TYPES = {"text/plain", "text/html", "image/png"}
PARTS = (
    "After this chapter you can answer",
    "## The idea in one picture",
    "Predict first",
    "## What fails, and when",
    "## Exercises",
    "## What it cost",
    "## Rows of the ledger",
)
PATHS = re.compile(r"(?<![\w.])(/(?:home|root|tmp|usr|opt|var|mnt|work|Users|content)/\w|[A-Z]:\\\\?\w)|ipykernel_\d")
PAPERS = ("COO-v1", "COO", "PCL", "ReDSR")
TAG = re.compile(r"\\tag\{(" + "|".join(PAPERS) + r") (\d+)\}")
CITED = re.compile(r"\b(" + "|".join(PAPERS) + r") Eqs?\.\s((?:\d+(?:-\d+)?(?:,? and |, )?)+)")
API_LINK = re.compile(r"\]\(\.\./book/api/(\w+)\.md#([\w-]+)\)")


@dataclass
class Chapter:
    name: str
    cells: list = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> "Chapter":
        return cls(path.stem, json.loads(path.read_text(encoding="utf-8"))["cells"])

    @property
    def code(self) -> list:
        return [cell for cell in self.cells if cell["cell_type"] == "code"]

    @property
    def prose(self) -> list[str]:
        return [source(cell) for cell in self.cells if cell["cell_type"] == "markdown"]

    def outputs(self):
        return [(cell, output) for cell in self.code for output in cell["outputs"]]


def source(cell) -> str:
    return "".join(cell["source"])


def text_of(output) -> str:
    """All text of an output, pictures left out."""
    parts = [output.get("text", "")]
    parts += [value for kind, value in output.get("data", {}).items() if kind.startswith("text/")]
    joined = "\n".join("".join(part) for part in parts)
    return re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", joined)


def execution_counts(chapter: Chapter) -> list[str]:
    counts = [cell["execution_count"] for cell in chapter.code if source(cell).strip()]
    expected = list(range(1, len(counts) + 1))
    return [] if counts == expected else [f"execution counts are {counts}, not 1 to {len(counts)}: run make execute"]


def outputs_are_clean(chapter: Chapter) -> list[str]:
    problems = []
    for cell, output in chapter.outputs():
        where = f"cell {cell['execution_count']}"
        allowed = "raises-exception" in cell["metadata"].get("tags", [])
        if output["output_type"] == "error" and not allowed:
            problems.append(f"{where} stores the error {output['ename']}: {output['evalue']}")
        if output.get("name") == "stderr":
            problems.append(f"{where} stores output on stderr: {text_of(output)[:80]!r}")
        strange = set(output.get("data", {})) - MIME_TYPES
        if strange:
            problems.append(f"{where} stores {sorted(strange)}, which a page without a server may not show")
        if re.search(r"(?:src|href)=[\"']?https?://", text_of(output)):
            problems.append(f"{where} loads something from the network")
    return problems


def printed_lines_fit(chapter: Chapter) -> list[str]:
    """A page shows about 88 characters of a line of output; what is beyond must be scrolled to."""
    return [
        f"cell {cell['execution_count']} prints {len(line)} characters in a line: {line[:50]!r}"
        for cell, output in chapter.outputs()
        if output["output_type"] == "stream"
        for line in text_of(output).splitlines()
        if len(line) > 88
    ]


UNIT = re.compile(
    r"\b(?:photographs?|pictures?|photos|seeds?|draws?|sets?|networks?|runs?|rounds?|crops?|samples?|starts?|windows?)\b"
)


def spreads_name_their_unit(chapter: Chapter) -> list[str]:
    """A spread says what varies: each output that prints +- says over what."""
    return [
        f"cell {cell['execution_count']} prints +- and does not say over what (photographs, seeds, draws, ...)"
        for cell, output in chapter.outputs()
        if output["output_type"] == "stream" and "+-" in text_of(output) and not UNIT.search(text_of(output))
    ]


def names_keep_their_meaning(chapter: Chapter) -> list[str]:
    """A name that two cells assign must not be read by a cell that does not assign it first: by which of the two?"""
    cells = [(cell["execution_count"], *names_of(source(cell))) for cell in chapter.code]
    problems = []
    for name in sorted(set().union(*(assigned for _, assigned, _ in cells))):
        writers = [count for count, assigned, _ in cells if name in assigned]
        readers = [count for count, _, read in cells if name in read and count > min(w for w in writers)]
        if len(writers) > 1 and readers:
            problems.append(f"{name} is assigned in cells {writers} and read from an earlier one in cells {readers}")
    return problems


def names_of(code: str) -> tuple[set[str], set[str]]:
    """The global names that a cell assigns, and those that it reads before it has assigned them."""
    tree = ast.parse(re.sub(r"^(\s*)[%!].*$", r"\1pass", code, flags=re.M))
    assigned: set[str] = set()
    read: set[str] = set()

    def visit(node: ast.AST, local: frozenset[str]) -> None:
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                if node.id not in local | assigned:
                    read.add(node.id)
            elif node.id not in local:
                assigned.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.Lambda)):
            if isinstance(node, ast.FunctionDef):
                for part in (*node.decorator_list, *node.args.defaults):
                    visit(part, local)
                assigned.add(node.name)
            inner = local | {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}
            body = node.body if isinstance(node.body, list) else [node.body]
            stored = (n for part in body for n in ast.walk(part) if isinstance(n, ast.Name))
            inner |= {n.id for n in stored if not isinstance(n.ctx, ast.Load)}
            for part in body:
                visit(part, inner)
        elif isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            targets = {n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
            for part in ast.iter_child_nodes(node):
                visit(part, local | targets)
        elif isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
            if node.value is not None:
                visit(node.value, local)
            if isinstance(node, ast.AugAssign):
                read.update(n.id for n in ast.walk(node.target) if isinstance(n, ast.Name) and n.id not in assigned)
            for target in getattr(node, "targets", [getattr(node, "target", None)]):
                visit(target, local)
        elif isinstance(node, ast.For):
            for part in (node.iter, node.target, *node.body, *node.orelse):
                visit(part, local)
        else:
            for part in ast.iter_child_nodes(node):
                visit(part, local)

    visit(tree, frozenset())
    return assigned, read


def no_leaked_paths(chapter: Chapter) -> list[str]:
    texts = [source(cell) for cell in chapter.cells] + [text_of(output) for _, output in chapter.outputs()]
    return [f"a path of a machine: {found[0]!r}" for text in texts for found in [PATHS.search(text)] if found]


def figures_have_alt_text(chapter: Chapter) -> list[str]:
    problems = []
    for cell, output in chapter.outputs():
        data, where = output.get("data", {}), f"cell {cell['execution_count']}"
        alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
        if "image/png" in data and len(alt.split()) < 8:
            problems.append(f"{where} has a figure without alt text (cell metadata mystnb.image.alt)")
        for tag in re.findall(r"<img\b[^>]*>", "".join(data.get("text/html", ""))):
            if not re.search(r'\balt="[^"]{20,}"', tag):
                problems.append(f"{where} has an <img> without alt text")
    return problems


def figures_have_arrays(chapter: Chapter) -> list[str]:
    """nbval compares text, not pictures: each figure must come with the digest of what it shows."""
    problems = []
    for cell, output in chapter.outputs():
        data = output.get("data", {})
        digest = "".join(data.get("text/plain", ""))
        drawn = re.match(r"(figure of|slider over)\n  .+: \(\d+,.*\), mean ", digest)
        if ("image/png" in data or "<img" in "".join(data.get("text/html", ""))) and not drawn:
            problems.append(f"cell {cell['execution_count']} shows a figure that does not come from srtheory.plots")
    return problems


def size_is_bounded(path: Path) -> list[str]:
    size = path.stat().st_size
    return [] if size <= MOST_BYTES else [f"{path.name} has {size} bytes, more than {MOST_BYTES}"]


def kept_from_comparison(cell) -> bool:
    marks = {"nbval-ignore-output", "nbval-skip", "NBVAL_IGNORE_OUTPUT", "NBVAL_SKIP"}
    return bool(marks & {*cell["metadata"].get("tags", []), *source(cell).split()})


def only_times_are_ignored(chapter: Chapter) -> list[str]:
    problems = []
    for cell in chapter.code:
        if kept_from_comparison(cell):
            printed = "\n".join(text_of(output) for output in cell["outputs"])
            rest = re.sub(r"\d+(?:\.\d+)?\s?(?:s|ms|seconds|minutes)\b", "", printed)
            if rest == printed or re.search(r"\d", rest):
                problems.append(f"cell {cell['execution_count']} is kept from comparison, and prints more than a time")
    return problems


def has_all_parts(chapter: Chapter) -> list[str]:
    everything = "\n".join(chapter.prose)
    missing = [f"the part {part!r} is missing" for part in PARTS if part not in everything]
    printed = "\n".join(text_of(output) for _, output in chapter.outputs())
    if "not answered yet" not in printed:
        missing.append("no exercise waits for an answer")
    return missing


def prose_is_plain(chapter: Chapter) -> list[str]:
    return [
        f"MyST markup in prose, which Colab shows raw: {found[0]!r}"
        for text in chapter.prose
        for found in [re.search(r"^(?:```|:::)\{\w+|\{[\w:]+\}`", text, flags=re.M)]
        if found
    ]


def tagged_equations_render(chapter: Chapter) -> list[str]:
    """Sphinx wraps a formula of several lines in split, where MathJax takes no tag."""
    formulas = re.findall(r"\$\$(.*?)\$\$", "\n".join(chapter.prose), flags=re.S)
    return [f"a tagged formula of several lines: {f.strip()[:60]}" for f in formulas if "\\tag" in f and "\\\\" in f]


def colab_cell(chapter: Chapter) -> str:
    return source(chapter.code[0])


NUMBER = r"\d[\d,]*(?:\.\d+)?(?:e-?\d+)?"
UNITS = (
    r"dBs?|decibels?|%|percent|s|ms|seconds|minutes|min|h|KiB|MiB|GiB|TiB|kB|MB|GB|TB|nats?|bits?|gray levels?|times|"
    r"photographs?"
)
WITH_UNIT = re.compile(rf"(?<![\w.])({NUMBER})\s?(?:{UNITS})(?![\w-])")
DECIMAL = re.compile(r"(?<![\w.])(\d[\d,]*\.\d+(?:e-?\d+)?|\d+e-?\d+)(?!\w)")
OF = re.compile(r"(?<![\w.])(\d+)(?: photographs)? of (\d+)(?![\w.])")
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def numbers_in(prose: str) -> set[str]:
    """What prose states: decimals, numbers with a unit, "7 of 8"; not those of code, formulas, links or sections."""
    prose = re.sub(r"```.*?```", " ", prose, flags=re.S)
    prose = re.sub(r"\$\$.*?\$\$", " ", prose, flags=re.S)
    prose = re.sub(rf"[$`]({NUMBER})[$`]", r"\1", prose)  # a number in dollars or backticks is a number
    prose = re.sub(r"\$[^$]*\$|`[^`]*`", " ", prose)
    prose = re.sub(r"\]\([^)]*\)|<[^>]*>|[*_]", " ", prose)
    prose = re.sub(r"[Ss]ections? \d+(?:\.\d+)*(?:(?:, | and | to )\d+(?:\.\d+)+)*", " ", prose)
    prose = re.sub(rf"\b(?:{'|'.join(WORDS)})\b", lambda word: str(WORDS.index(word[0].lower())), prose, flags=re.I)
    pairs = {number for pair in OF.findall(prose) for number in pair}
    return set(WITH_UNIT.findall(prose)) | set(DECIMAL.findall(prose)) | pairs


def is_digest(output) -> bool:
    return text_of(output).lstrip().startswith(("figure of", "slider over"))


def numbers_are_outputs(chapter: Chapter) -> list[str]:
    """A number of the prose is printed by a cell that nbval compares, and not only in the digest of a figure."""
    printed = "\n".join(
        text_of(output)
        for cell, output in chapter.outputs()
        if not is_digest(output) and not kept_from_comparison(cell)
    )
    problems = []
    for text in chapter.prose:
        for number in sorted(numbers_in(text)):
            if not re.search(rf"(?<![\d.]){re.escape(number)}(?:\.0)?(?![\d]|\.\d)", printed):
                problems.append(f"the prose says {number}, which no cell of the chapter printed")
    return problems


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


def verdicts_are_known(chapter: Chapter) -> list[str]:
    """The ledger's rows carry one of the book's verdicts, and the chapter's claims say the same word."""
    ledger = chapter.prose[-1].split("## Rows of the ledger")[-1]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in ledger.splitlines() if line.startswith("|")][
        2:
    ]
    problems = [] if rows else ["the ledger has no row"]
    claims = "\n".join(text for text in chapter.prose if re.search(r"^## The claims?, fairly put", text, flags=re.M))
    for row in rows:
        verdict = re.match(r"[a-z ]+", row[2])[0].strip() if re.match(r"[a-z ]+", row[2]) else ""
        if verdict not in VERDICTS:
            problems.append(f"{row[0]}: {row[2]!r} is not a verdict of this book")
        elif not re.search(rf"\*\*[^*]*\b{verdict}\b", claims):
            problems.append(f"{row[0]}: the verdict {verdict!r} is not among the claims in bold")
        elif not row[3] and verdict not in ("not tested", "pending"):
            problems.append(f"{row[0]}: no evidence")
    return problems


OF_ONE_CHAPTER = (
    execution_counts,
    outputs_are_clean,
    no_leaked_paths,
    printed_lines_fit,
    spreads_name_their_unit,
    names_keep_their_meaning,
    figures_have_alt_text,
    figures_have_arrays,
    only_times_are_ignored,
    has_all_parts,
    prose_is_plain,
    tagged_equations_render,
    numbers_are_outputs,
    verdicts_are_known,
)


def api_objects() -> dict[tuple[str, str], object]:
    """What the API pages document, by page and anchor."""
    found = {}
    for page in sorted((ROOT / "book" / "api").glob("*.md")):
        anchor = ""
        for line in page.read_text(encoding="utf-8").splitlines():
            if line.startswith("#"):
                anchor = re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
            directive = re.match(r"\.\. auto(?:class|method|function):: (srtheory[\w.]+)", line)
            if directive:
                found[page.stem, anchor] = locate(directive[1])
    return found


def locate(path: str) -> object:
    """The object of a dotted path; what a room offers comes before the file of the same name."""
    first, *names = path.split(".")
    found, reached = importlib.import_module(first), first
    for name in names:
        reached = f"{reached}.{name}"
        found = getattr(found, name) if hasattr(found, name) else importlib.import_module(reached)
    return found


def cited_equations(docstring: str) -> set[tuple[str, str]]:
    """(paper, number) of every equation that a docstring cites, ranges written out."""
    cited = set()
    for paper, numbers in CITED.findall(docstring):
        for first, last in re.findall(r"(\d+)(?:-(\d+))?", numbers):
            cited |= {(paper, str(n)) for n in range(int(first), int(last or first) + 1)}
    return cited


def equations_link_to_code(chapter: Chapter, objects: dict) -> list[str]:
    problems = []
    for text in chapter.prose:
        linked = [objects.get(key) for key in API_LINK.findall(text)]
        cited = set().union(*(cited_equations(inspect.getdoc(thing) or "") for thing in linked if thing))
        problems += [
            f"{paper} Eq. {number} is tagged, but the cell links to no function whose docstring cites it"
            for paper, number in TAG.findall(text)
            if (paper, number) not in cited
        ]
    return problems


def code_links_to_equations(objects: dict, chapters: list[Chapter]) -> list[str]:
    tagged = {chapter.name: set(TAG.findall("\n".join(chapter.prose))) for chapter in chapters}
    problems = []
    for (page, anchor), thing in objects.items():
        docstring = inspect.getdoc(thing) or ""
        named = re.findall(r"\bch\d\d_\w+", docstring)
        problems += [f"{page}#{anchor} names {name}, which is no chapter" for name in named if name not in tagged]
        there = set().union(*(tagged.get(name, set()) for name in named))
        problems += [
            f"{page}#{anchor} cites {paper} Eq. {number}, which is not tagged in the chapters that it names ({named})"
            for paper, number in sorted(cited_equations(docstring) - there)
        ]
    return problems
