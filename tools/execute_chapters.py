"""Run chapters in fresh kernels and store their outputs: all of them, or those whose names are given."""

import sys
import time
from pathlib import Path

import ledger
import nbformat
from nbclient import NotebookClient

CHAPTERS = Path(__file__).resolve().parent.parent / "chapters"

METADATA = {  # the same on every machine
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "pygments_lexer": "ipython3"},
}


def execute(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", record_timing=False, coalesce_streams=True, resources=resources
    )
    client.execute()
    notebook.metadata = nbformat.from_dict(METADATA)
    ledger.write_rows(notebook, path.stem)
    part = path.with_suffix(".part")
    nbformat.write(notebook, part)
    part.replace(path)


def main(names: list[str]) -> None:
    paths = sorted(CHAPTERS.glob("ch*.ipynb"))
    for name in names:
        if not any(path.stem.startswith(Path(name).stem) for path in paths):
            sys.exit(f"no chapter begins with {name}; there are {', '.join(path.stem for path in paths)}")
    chosen = [path for path in paths if not names or any(path.stem.startswith(Path(name).stem) for name in names)]
    for path in chosen:
        start = time.monotonic()
        execute(path)
        print(f"{path.stem}: {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
