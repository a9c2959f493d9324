"""What all experiments share: arms of a second stage trained over seeds, measured, and kept with their origin."""

import hashlib
import json
import math
import platform
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from srtheory import __version__
from srtheory.data import Pictures, list_pictures, read_picture
from srtheory.metrics import (
    gradient_distance,
    icoo,
    psnr,
    sliced_wasserstein,
    spectrum_gap,
    ssim,
    wavelet_distance,
)
from srtheory.training.checkpoint import alone, write_whole
from srtheory.training.engine import Say, clock, device_of, load_network, name_of, settings_of, train
from srtheory.training.pairs import bicubic, degrade, eight_bits
from srtheory.training.recipes import Decloss, Sisr
from srtheory.training.upscaling import upscale_tensor

RECORDED = Path(__file__).with_name("recorded")
CONTROL, START, BICUBIC = "L1, as many steps", "start", "bicubic"
METRICS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "psnr": psnr,
    "ssim": ssim,
    "icoo": lambda sr, hr: icoo(sr, hr).mean,
    "patches": lambda sr, hr: 255 * sliced_wasserstein(sr, hr),
    "gradients": lambda sr, hr: 255 * gradient_distance(sr, hr),
    "wavelets": lambda sr, hr: 255 * wavelet_distance(sr, hr),
    "spectrum": spectrum_gap,
}
UNITS = {
    "psnr": "PSNR of luma, dB",
    "ssim": "SSIM of luma",
    "icoo": "ICOO, dB",
    "patches": "sliced Wasserstein distance of 7x7 patches, gray levels",
    "gradients": "Wasserstein distance of gradient magnitudes, gray levels",
    "wavelets": "Wasserstein distance of Haar coefficients, gray levels",
    "spectrum": "power of high frequencies against the truth's, dB",
}
PAUSED = "the budget is spent; the same command goes on from here"
DIGITS = 5  # of the value of a picture


@dataclass(frozen=True)
class Scale:
    """How large an experiment is: the first stage, the second, the seeds, and how many pictures of a folder it uses."""

    first: Mapping[str, Any]
    second: Mapping[str, Any]
    seeds: int
    pictures: int | None


SCALES = {
    "smoke": Scale(
        {"network": "edsr-tiny", "crop": 48, "batch": 2, "steps": 4, "learning_rate": 2e-3},
        {"network": "edsr-tiny", "crop": 96, "batch": 2, "steps": 2, "learning_rate": 2e-4},
        seeds=1,
        pictures=1,
    ),
    "demo": Scale(
        {"network": "edsr-tiny", "crop": 96, "batch": 16, "steps": 2500, "learning_rate": 2e-3, "warmup": 100},
        {"network": "edsr-tiny", "crop": 96, "batch": 8, "steps": 250, "learning_rate": 2e-4, "warmup": 10},
        seeds=3,
        pictures=20,
    ),
    "gpu": Scale(
        {"network": "edsr-baseline", "crop": 192, "batch": 32, "steps": 10_000, "learning_rate": 4e-4, "warmup": 500},
        {"network": "edsr-baseline", "crop": 192, "batch": 32, "steps": 2000, "learning_rate": 1e-4, "warmup": 50},
        seeds=3,
        pictures=None,
    ),
    "paper": Scale(
        {"network": "rrdb-esrgan", "crop": 128, "batch": 32, "steps": 200_000, "learning_rate": 1e-4, "warmup": 5000},
        {"network": "rrdb-esrgan", "crop": 128, "batch": 32, "steps": 200_000, "learning_rate": 2e-5},
        seeds=3,
        pictures=None,
    ),
}
Arms = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Experiment:
    """One table or figure of a paper: its arms, each a change of the second stage, and what is made of their results.

    `arms` gets the scale and returns the settings of `Decloss` by name of the arm, the control among them. An arm with
    "perceptual_weight" needs VGG's weights. `more` makes rows of no training, of the results of the others.
    """

    name: str
    text: str
    arms: Callable[[Scale], Arms]
    more: "Callable[[Testing, list[Row], Mapping[tuple[str, int], Path]], list[Row]] | None" = None


@dataclass(frozen=True)
class Row:
    """What one arm made of one seed: the value of each picture by metric, and the settings that were changed."""

    arm: str
    seed: int
    values: dict[str, list[float]]
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass
class Result:
    """An experiment that was run: its rows, and where they come from."""

    name: str
    text: str
    preset: str
    rows: list[Row]
    not_tested: dict[str, str]
    origin: dict[str, Any]

    @property
    def arms(self) -> list[str]:
        """The names of the arms, in their order."""
        return list(dict.fromkeys(row.arm for row in self.rows))

    def values(self, arm: str, metric: str) -> np.ndarray:
        """Return what an arm measured, (seeds, pictures).

        Raises:
            KeyError: there is no such arm or metric.
        """
        rows = [row.values[metric] for row in self.rows if row.arm == arm]
        if not rows:
            raise KeyError(f"{self.name} has no arm {arm!r}; it has {', '.join(self.arms)}")
        return np.array(rows)

    def mean(self, arm: str, metric: str) -> tuple[float, float]:
        """Return the mean over pictures and seeds, and the standard deviation over seeds of the mean over pictures."""
        by_seed = self.values(arm, metric).mean(1)
        return float(by_seed.mean()), float(by_seed.std(ddof=1)) if len(by_seed) > 1 else math.nan

    def against(self, arm: str, control: str, metric: str) -> tuple[float, float, float]:
        """Compare an arm with a control, seed by seed and picture by picture.

        Returns:
            The mean difference, arm less control; its standard deviation over seeds; and the share of the pictures, by
            their mean over seeds, on which the arm has the larger value.
        """
        one, other = self.values(arm, metric), self.values(control, metric)
        if one.shape != other.shape:
            one, other = np.broadcast_arrays(one, other)
        gap = one - other
        by_seed = gap.mean(1)
        spread = float(by_seed.std(ddof=1)) if len(by_seed) > 1 else math.nan
        return float(by_seed.mean()), spread, float((gap.mean(0) > 0).mean())

    def interval(
        self,
        arm: str,
        control: str,
        metric: str,
        generator: np.random.Generator,
        level: float = 0.95,
        draws: int = 2000,
    ) -> tuple[float, float]:
        """Return where the mean difference of an arm and a control lies, had other pictures been measured.

        The seeds are the same few for all pictures: what they make uncertain is the spread of `against`. Here each
        picture has one difference, the mean over seeds, and the pictures are drawn again with replacement.

        Args:
            arm: the arm.
            control: what is subtracted, picture by picture.
            metric: the metric.
            generator: draws the pictures.
            level: the share of the draws whose mean lies inside.
            draws: how many.

        Returns:
            The lower and the upper end, by quantiles of the draws.

        Raises:
            KeyError: there is no such arm or metric.
            ValueError: a level that is not between 0 and 1, or no draw.
        """
        if not 0 < level < 1 or draws < 1:
            raise ValueError(f"level must lie between 0 and 1 and draws be positive, not {level} and {draws}")
        gap = self.values(arm, metric).mean(0) - self.values(control, metric).mean(0)
        means = gap[generator.integers(len(gap), size=(draws, len(gap)))].mean(1)
        low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    def table(self, metrics: Sequence[str] = tuple(METRICS), arms: Sequence[str] | None = None) -> str:
        """Return the means and spreads as text, an arm a line."""
        shown = self.arms if arms is None else list(arms)
        width = max(len(arm) for arm in [*shown, *self.not_tested])
        cells = [[f"{metric:>18}" for metric in metrics]]
        for arm in shown:
            pairs = [self.mean(arm, metric) for metric in metrics]
            texts = [f"{mean:.3f}" + (f" +- {spread:.3f}" if spread == spread else "") for mean, spread in pairs]
            cells.append([f"{text:>18}" for text in texts])
        lines = [f"{name:{width}}{''.join(line)}" for name, line in zip(["", *shown], cells, strict=True)]
        lines += [f"{arm:{width}}  not tested: {why}" for arm, why in self.not_tested.items() if arms is None]
        return "\n".join(lines)

    def provenance(self) -> str:
        """Return in words where the numbers come from."""
        o = self.origin
        sets = ", ".join(f"{one['pictures']} of {one['name']}" for one in o["test"])
        return (
            f"preset {self.preset}: {o['network']}, first stage {o['first_steps']} steps, second {o['steps']} steps of "
            f"{o['batch']} crops of {o['crop']} at a learning rate of {o['second']['learning_rate']:g}, "
            f"{o['seeds']} seeds; trained on {o['train']['pictures']} pictures of "
            f"{', '.join(o['train']['name'])}, measured on {sets}; {o['device']}, {clock(o['seconds'])}; srtheory "
            f"{o['srtheory']} {o['commit'] or ''}, torch {o['torch']}, {o['date']}"
        )

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all."""
        content = asdict(self)
        for row in content["rows"]:
            row["values"] = {name: [rounded(x) for x in values] for name, values in row["values"].items()}
        write_whole(path, _compact(content).encode())

    @classmethod
    def read(cls, path: Path) -> "Result":
        """Read what `write` wrote."""
        content = json.loads(path.read_text(encoding="utf-8"))
        content["rows"] = [Row(**row) for row in content["rows"]]
        return cls(**content)


class Testing:
    """The pictures that everything is measured on, held in memory with their LR pictures."""

    def __init__(self, folders: Sequence[str | Path], limit: int | None, scale: int, device: torch.device) -> None:
        self.scale, self.device = scale, device
        self.names: list[str] = []
        self.hr: list[Tensor] = []
        self.sets: list[dict[str, Any]] = []
        for folder in folders:
            paths = list_pictures(folder)
            paths = paths[:: max(math.ceil(len(paths) / limit), 1)] if limit else paths
            digest = hashlib.sha256()
            for path in paths:
                hr = read_picture(path)
                height, width = (side // scale * scale for side in hr.shape[-2:])
                self.hr.append(hr[:, :height, :width])
                self.names.append(f"{Path(folder).name}/{path.stem}")
                digest.update(path.read_bytes())
            self.sets.append({"name": Path(folder).name, "pictures": len(paths), "sha256": digest.hexdigest()[:16]})
        self.lr = [degrade(hr.double(), scale).float() for hr in self.hr]

    def made_by(self, net: Callable[[Tensor], Tensor]) -> list[Tensor]:
        """Super-resolve all of them, in 8 bits."""
        return [eight_bits(upscale_tensor(net, lr, self.scale, device=self.device)).cpu() for lr in self.lr]

    def enlarged(self) -> list[Tensor]:
        return [bicubic(lr.double(), self.scale).float() for lr in self.lr]

    def measure(self, made: Sequence[Tensor]) -> dict[str, list[float]]:
        """Return the value of each picture by metric."""
        return {
            name: [float(metric(sr.double(), hr.double())) for sr, hr in zip(made, self.hr, strict=True)]
            for name, metric in METRICS.items()
        }


def run(
    experiment: Experiment,
    preset: str,
    data: Sequence[str | Path],
    test: Sequence[str | Path],
    out: str | Path,
    *,
    budget: float | None = None,
    device: str = "auto",
    vgg: str = "",
    say: Say = print,
) -> Result | None:
    """Train all arms of an experiment over its seeds, or go on where an earlier call stopped; measure; write NAME.json.

    The first stages and arms lie in `out`, so that experiments in one folder share what they have in common.

    Returns:
        The result, or None if the budget, in seconds, was spent before.

    Raises:
        ValueError: an arm in `out` was measured on other pictures, or trained on others.
    """
    begun = time.monotonic()
    out, scale, place = Path(out), SCALES[preset], device_of(device)
    testing, pictures = Testing(test, scale.pictures, 4, place), Pictures(data, place)
    arms, not_tested = experiment.arms(scale), {}
    for arm in [arm for arm, changes in arms.items() if changes.get("perceptual_weight") and not vgg]:
        not_tested[arm] = "weights of VGG-19 (give --vgg FILE)"
        del arms[arm]
    rows, seconds = [], 0.0
    jobs = [(seed, arm) for seed in range(scale.seeds) for arm in [START, *arms]]
    folders: dict[tuple[str, int], Path] = {}
    for number, (seed, arm) in enumerate(jobs, start=1):
        first = Sisr(**{**scale.first, "seed": seed})
        if arm == START:
            recipe: Sisr | Decloss = first
            folder = out / f"first-{digest_of(first)}"
        else:
            changes = {**arms[arm], **({"vgg": vgg} if arms[arm].get("perceptual_weight") else {})}
            recipe = Decloss(
                **{**scale.second, "seed": 100 + seed, **changes, "start": str(out / f"first-{digest_of(first)}")}
            )
            folder = out / f"second-{digest_of(recipe, digest_of(first))}"
        left = None if budget is None else budget - (time.monotonic() - begun)
        kept = folder / "measured.json"
        folder.mkdir(parents=True, exist_ok=True)
        with alone(folder / ".measuring", wait=True):
            if not kept.is_file():
                say(f"{number} of {len(jobs)}: seed {seed}, {arm}")
                if left is not None and left <= 0:
                    say(PAUSED)
                    return None
                outcome = train(recipe, pictures, folder, device=device, budget=left, resume=True, say=_only_bar)
                if outcome.state == "interrupted":
                    raise KeyboardInterrupt
                if outcome.state != "done":
                    say(PAUSED)
                    return None
                net, _ = load_network(folder, place)
                measured = testing.measure(testing.made_by(net))
                content = {"values": measured, "seconds": outcome.seconds, "test": testing.sets}
                write_whole(kept, json.dumps(content).encode())
        content = json.loads(kept.read_text())
        if content["test"] != testing.sets:
            raise ValueError(f"{folder} was measured on other pictures; give the same --test, or another --out")
        seconds += content["seconds"]
        shown = {} if arm == START else arms[arm]
        rows.append(Row(arm, seed, content["values"], shown))
        folders[arm, seed] = folder
    rows.append(Row(BICUBIC, 0, testing.measure(testing.enlarged())))
    if experiment.more is not None:
        rows += experiment.more(testing, rows, folders)
    order = [BICUBIC, START, *arms]
    rows.sort(key=lambda row: order.index(row.arm) if row.arm in order else len(order))
    result = Result(
        experiment.name,
        experiment.text,
        preset,
        rows,
        not_tested,
        _origin(scale, data, pictures, testing, place, seconds),
    )
    result.write(out / f"{experiment.name}.json")
    return result


def _only_bar(line: str) -> None:
    """Say nothing of an arm; on a terminal its progress bar shows."""


def digest_of(recipe: Sisr | Decloss, start: str = "") -> str:
    settings = {**settings_of(recipe), "start": start, "vgg": ""}
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


def rounded(x: float) -> float:
    return float(f"{x:.{DIGITS}g}")


def _origin(
    scale: Scale,
    data: Sequence[str | Path],
    pictures: Pictures,
    testing: Testing,
    device: torch.device,
    seconds: float,
) -> dict[str, Any]:
    return {
        "network": scale.first["network"],
        "first_steps": scale.first["steps"],
        "steps": scale.second["steps"],
        "batch": scale.second["batch"],
        "crop": scale.second["crop"],
        "seeds": scale.seeds,
        "first": dict(scale.first),
        "second": dict(scale.second),
        "train": {"name": [Path(folder).name for folder in data], "pictures": len(pictures), "sha256": pictures.hash},
        "test": testing.sets,
        "device": name_of(device),
        "seconds": round(seconds, 1),
        "srtheory": __version__,
        "commit": _commit(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d"),
    }


def _commit() -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    asked = subprocess.run(  # noqa: S603 - a fixed command
        [git, "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip()


def _compact(content: Mapping[str, Any]) -> str:
    """JSON with a line for each row, so that a change of one shows as one."""
    rows = ",\n".join(json.dumps(row) for row in content["rows"])
    rest = json.dumps({key: value for key, value in content.items() if key != "rows"}, indent=1)
    return rest[: rest.rindex("}")].rstrip() + ',\n "rows": [\n' + rows + "\n ]\n}\n"
