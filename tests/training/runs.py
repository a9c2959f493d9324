"""Small runs for the tests: photographs of a few thousand pixels, a tiny network, few steps; and what a run left."""

import csv
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from srtheory.data import photograph
from srtheory.training import Decloss, Recipe, Sisr
from srtheory.training.checkpoint import CHECKPOINT, read_tensors
from srtheory.training.engine import TRIALS

SMALL = {
    "network": "edsr-tiny",
    "scale": 2,
    "crop": 16,
    "batch": 2,
    "steps": 8,
    "learning_rate": 1e-3,
    "warmup": 2,
    "log_every": 3,
    "save_every": 3,
    "validate_every": 4,
}
ARMS: dict[str, Recipe] = {
    "sisr": Sisr(**SMALL),
    "decloss": Decloss(**SMALL),
    "gan": Sisr(**{**SMALL, "crop": 32}, gan_weight=5e-3),
    "float16": Sisr(**SMALL, precision="float16"),
}
FULL = Path("/dev/full")  # each write there fails as on a full disk


def save_photographs(folder: Path, names: tuple[str, ...] = ("astronaut", "chelsea", "coffee")) -> Path:
    """Write small parts of photographs, of several sizes, as PNG."""
    folder.mkdir(parents=True)
    for number, name in enumerate(names):
        part = photograph(name)[:, 90 : 138 + 3 * number, 150 : 202 - number]
        Image.fromarray((255 * part).round().byte().movedim(0, -1).numpy()).save(folder / f"{name}.png")
    return folder


def planted(recipe: Recipe, *, at: int, plant: Callable[[dict[str, Tensor], Tensor, Tensor], object]) -> Recipe:
    """The same recipe, whose terms are given to `plant`, with SR and HR, in step `at`, from 1; `at=0` in each."""
    kind = type(recipe)
    calls = 0

    class Planted(kind):
        def terms(self, sr, hr, losses):
            nonlocal calls
            calls += 1
            terms = super().terms(sr, hr, losses)
            if calls > TRIALS and at in (0, calls - TRIALS):
                plant(terms, sr, hr)
            return terms

    return Planted(**asdict(recipe))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def log_of(folder: Path) -> list[dict[str, str]]:
    """The lines of the log, without the one column that a clock wrote."""
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows_of(folder / "log.csv")]


def step_of(folder: Path) -> int:
    return read_tensors(folder / CHECKPOINT)[1]["step"]


def differences(one: Path, other: Path) -> list[str]:
    """What differs between two runs, bit by bit, apart from the time they took."""
    (a, about), (b, other_about) = (read_tensors(folder / CHECKPOINT) for folder in (one, other))
    found = [name for name in sorted({*a, *b}) if name not in a or name not in b or not torch.equal(a[name], b[name])]
    if log_of(one) != log_of(other):
        found.append("log.csv")
    found += [key for key in about if key not in ("seconds", "scores") and about[key] != other_about[key]]
    return found


def environment(**more: str) -> dict[str, str]:
    """That of a subprocess which runs a program of the tests."""
    root = Path(__file__).resolve().parents[2]
    return {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", **more}
