"""Draw the picture of README and of the book's first page from chapter 1's own code, so that the three agree."""

import json
from pathlib import Path

from srtheory import plots

ROOT = Path(__file__).resolve().parent.parent
CHAPTER = ROOT / "chapters" / "ch01_one_lr_many_hr.ipynb"
TARGET = ROOT / "book" / "_static" / "one_lr_many.png"


def main() -> None:
    cells = [cell for cell in json.loads(CHAPTER.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    sources = ["".join(cell["source"]) for cell in cells]
    starts = ("import time", "scale, radius")
    wanted = [source for source in sources if source.startswith(starts)]
    chapter: dict = {}
    for source in wanted:
        exec(compile(source, CHAPTER.name, "exec"), chapter)  # noqa: S102 - the repository's own chapter
    name, crop = "astronaut", (slice(40, 200), slice(150, 310))
    scores, averages = chapter["table"], chapter["averages"]
    drawn = plots.pictures(
        {
            "the photograph": chapter["whole"][name][crop],
            f"nearest neighbor: {scores['neighbors, 1'][name][0]:.1f} dB": averages[name, 1][crop],
            f"average of 16: {scores['neighbors, 16'][name][0]:.1f} dB": averages[name, 16][crop],
        },
        width=8.4,
    )
    TARGET.write_bytes(drawn._repr_png_())
    print(f"wrote {TARGET.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
