"""Train on a disk that becomes full, make room, and go on: `python -m tests.training.full_disk ROOMY SMALL`.

`SMALL` is a file system of a few MiB, which is filled up. Without it, the size of files is limited instead.
"""

import resource
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from srtheory.training import train

from .runs import ARMS, differences, planted, save_photographs, step_of

LEFT = 100_000  # bytes, less than a checkpoint
RECIPE = ARMS["sisr"]


def fill(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    assert free < 2**24, "this is no small file system"
    (folder / "filler").write_bytes(bytes(free - LEFT))


def limit(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def check(run: Path, alone: Path, pictures: Path, full: Callable[[], None], room: Callable[[], None]) -> None:
    recipe = planted(RECIPE, at=5, plant=lambda *_: full())
    try:
        train(recipe, pictures, run, validation=pictures)
    except OSError as error:
        print(error)
    else:
        raise AssertionError("the disk was not full")
    assert step_of(run) == 3
    assert not list(run.glob("*.part"))
    try:
        train(RECIPE, pictures, run, validation=pictures, resume=True)
    except OSError as error:
        print(error)
    else:
        raise AssertionError("the disk was not full")
    assert step_of(run) == 3
    room()
    train(RECIPE, pictures, run, validation=pictures, resume=True)
    assert not differences(run, alone), differences(run, alone)
    assert (run / "scores.csv").read_text() == (alone / "scores.csv").read_text()


def main(roomy: Path, small: Path | None) -> None:
    torch.set_num_threads(1)
    pictures, alone = save_photographs(roomy / "pictures"), roomy / "alone"
    train(RECIPE, pictures, alone, validation=pictures)
    if small is None:
        unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
        check(roomy / "limited", alone, pictures, lambda: limit(LEFT), lambda: limit(unlimited))
    else:
        check(small / "run", alone, pictures, lambda: fill(small), (small / "filler").unlink)
    print("gone on, bit-equal")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
