"""Write the rows of the claim ledger (book/claims.yml) into the last cell of each chapter that has some."""

import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))
import claims  # noqa: E402


def write_rows(notebook: nbformat.NotebookNode, chapter: str) -> bool:
    """Set the last cell to the chapter's rows, if it has any; return whether that changed it."""
    ledger, last = claims.load(), notebook.cells[-1]
    if not any(claim.get("chapter") == chapter and claim["verdict"] != "pending" for claim in ledger["claims"]):
        return False
    if not last.source.startswith(claims.ROWS):
        sys.exit(f"{chapter}: the last cell does not begin with {claims.ROWS!r}")
    rows = claims.rows_of(chapter, ledger)
    changed = last.source != rows
    last.source = rows
    return changed


def main() -> None:
    for path in sorted((ROOT / "chapters").glob("ch*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        if write_rows(notebook, path.stem):
            part = path.with_suffix(".part")
            nbformat.write(notebook, part)
            part.replace(path)
            print(f"{path.stem}: rows of the ledger written")


if __name__ == "__main__":
    main()
