"""The loop: any recipe, on one device or several, budgeted, resumable, and never without a checkpoint."""

import csv
import io
import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from srtheory import __version__
from srtheory.data import Pictures, list_pictures
from srtheory.training.checkpoint import (
    CHECKPOINT,
    alone,
    load_weights,
    read_tensors,
    restore,
    state_of,
    unwritable,
    weights_at,
    write_tensors,
    write_whole,
)
from srtheory.training.evaluation import evaluate, mean_of
from srtheory.training.pairs import MARGIN, degrade
from srtheory.training.recipes import RECIPES, Recipe

BETAS = (0.9, 0.999)
TRIALS = 3  # steps that the forecast tries on copies
LEAST_SCALE = 2.0**-20  # of losses in float16; gradients that overflow even so are broken
SCORES = ("psnr", "ssim", "bicubic")
Say = Callable[[str], None]


class NonFinite(FloatingPointError):
    """A loss, or its gradient, was not finite; the run stopped and its last checkpoint is good."""


@dataclass(frozen=True)
class Outcome:
    """How a call of `train` ended.

    `state` is "done", "paused" (the budget is spent) or "interrupted"; `step` of the recipe's steps are done. `scores`
    has the means over the validation pictures by step.
    """

    folder: Path
    state: str
    step: int
    seconds: float
    scores: dict[int, dict[str, float]] = field(default_factory=dict)


def train(
    recipe: Recipe,
    data: str | Path | Sequence[str | Path] | Pictures,
    out: str | Path,
    *,
    validation: str | Path | None = None,
    device: str = "auto",
    budget: float | None = None,
    resume: bool = False,
    keep: str = "auto",
    say: Say | None = None,
) -> Outcome:
    """Train as a recipe says, and keep what is needed to go on at any time.

    The folder `out` holds settings.json, log.csv (the terms, averaged between lines), scores.csv (the validation) and
    checkpoint.safetensors, which is replaced whole, so that a run that is killed goes on from it: on a CPU, bit for bit
    as if nothing had happened. Under torchrun the batch is shared among the processes.

    Args:
        recipe: settings and steps.
        data: folder of training pictures, or several; or `Pictures`, read before.
        out: folder of the run.
        validation: folder of pictures to measure on, at the first step, the last, and as the recipe says.
        device: "auto", or one of torch's.
        budget: seconds, from the call on, after which the run pauses with a checkpoint. The schedule stays that of all
            steps.
        resume: go on with the run in `out`, if there is one; its settings must be the recipe's.
        keep: where the training pictures lie, see `Pictures`.
        say: called with lines to read; by default nothing is said.

    Returns:
        How it ended.

    Raises:
        FileExistsError: `out` holds a run, and `resume` was not asked for.
        FileNotFoundError: no pictures, or no weights to start from.
        ValueError: a budget that is not positive; settings that differ from those of the run to resume; pictures that
            are unreadable or smaller than a crop; weights of another network; a batch that the processes cannot share.
        NonFinite: a loss or a gradient is not finite; the message names the step, the term and the batch.
        OSError: a checkpoint could not be written, and the one before is intact; or another process trains in `out`.
    """
    begun = time.monotonic()
    if budget is not None and not 0 < budget < math.inf:
        raise ValueError(f"budget must be a positive time, not {budget:g} s; leave it out to run to the end")
    with _process_group(device) as (rank, ranks, place):
        run = _Run(recipe, Path(out), place, rank, ranks, say if say is not None and rank == 0 else _silent, begun)
        try:
            return run.go(data, validation, budget, resume, keep)
        finally:
            run.close()


def _silent(line: str) -> None:
    pass


class _Player:
    """A network as a recipe calls it: under autocast, in the right memory layout, its output in full precision."""

    def __init__(self, module: nn.Module, recipe: Recipe, device: torch.device, ranks: int) -> None:
        self.precision = precision_on(device, recipe.precision)
        self.dtype = torch.float64 if self.precision == "float64" else torch.float32
        self.format = torch.channels_last if recipe.channels_last else torch.contiguous_format
        self.module = module.to(device=device, dtype=self.dtype, memory_format=self.format)  # type: ignore[call-overload]
        self.device = device
        self._called: Any = torch.compile(self.module) if recipe.compile else self.module
        if ranks > 1:
            ids = [device.index] if device.type == "cuda" else None
            self._called = DistributedDataParallel(self._called, device_ids=ids)
            self._called.broadcast_buffers = False  # each process normalizes with its own crops

    def __call__(self, x: Tensor) -> Tensor:
        return self._run(self._called, x)

    def alone(self, x: Tensor) -> Tensor:
        """Call it past what shares gradients with other processes."""
        return self._run(self.module, x)

    def _run(self, called: Any, x: Tensor) -> Tensor:
        half = self.precision in ("bfloat16", "float16")
        with torch.autocast(self.device.type, dtype=getattr(torch, self.precision) if half else None, enabled=half):
            made: Tensor = called(x.to(self.dtype).contiguous(memory_format=self.format))
        return made.to(self.dtype)


class _Run:
    def __init__(
        self, recipe: Recipe, folder: Path, device: torch.device, rank: int, ranks: int, say: Say, begun: float
    ) -> None:
        if recipe.batch % ranks:
            raise ValueError(f"batch={recipe.batch} must be a multiple of the {ranks} processes that share it")
        self.recipe, self.folder, self.device, self.rank, self.ranks = recipe, folder, device, rank, ranks
        self.say, self.begun = say, begun
        self.step, self.spent = 0, 0.0  # steps done, seconds of earlier calls
        self.scores: dict[int, dict[str, float]] = {}
        self.asked = ""  # why to stop
        self.window: list[Tensor] = []  # terms and gradients since the last line of the log
        self.names: list[str] = []
        self.wide = torch.float32 if device.type == "mps" else torch.float64  # which Apple's GPUs do not have
        self.opened: Pictures | None = None  # to be closed here
        self.strict = torch.are_deterministic_algorithms_enabled()

    def close(self) -> None:
        if self.recipe.deterministic:
            torch.use_deterministic_algorithms(self.strict)
        if self.opened is not None:
            self.opened.close()

    def go(
        self,
        data: str | Path | Sequence[str | Path] | Pictures,
        validation: str | Path | None,
        budget: float | None,
        resume: bool,
        keep: str,
    ) -> Outcome:
        recipe, saved = self.recipe, self._saved(resume)
        if validation is not None:
            list_pictures(validation)  # to hear now, not after hours, that there are none
        if recipe.deterministic:
            torch.use_deterministic_algorithms(True)
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        players = {
            name: _Player(net, recipe, self.device, self.ranks) for name, net in self._networks(saved is None).items()
        }
        self.players = players
        self.optimizers = {
            name: torch.optim.Adam(player.module.parameters(), lr=recipe.learning_rate, betas=BETAS, fused=True)
            for name, player in players.items()
        }
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=players["net"].precision == "float16")
        self.losses = recipe.make_losses(self.device, self.ranks)
        if isinstance(data, Pictures):
            self.pictures = data
        else:
            with _bar(self.say, "decoding pictures") as bar:
                self.pictures = self.opened = Pictures(
                    data, self.device, keep, progress=lambda done, total: bar(done, total, "")
                )
        if saved is None:
            self.pictures.check_crop(recipe.crop)
        if self.rank == 0:
            self.folder.mkdir(parents=True, exist_ok=True)
        with alone(self.folder / ".lock") if self.rank == 0 else nullcontext():
            if saved is None:
                self._write_settings()
            else:
                self._restore(*saved)
            self._describe(budget)
            if saved is None:
                self._score(validation)
                self._save()
            del saved  # its memory is needed
            state = self._loop(validation, budget)
            if state != "interrupted" and validation is not None and self.step not in self.scores:
                self._score(validation)
                self._save()
        self.say(
            f"{state} after {self.step} of {recipe.steps} steps, {clock(self._seconds())} in all; the run is in "
            f"{self.folder}{'' if state == 'done' else '; go on with --resume'}"
        )
        return Outcome(self.folder, state, self.step, self._seconds(), self.scores)

    # The loop.

    def _loop(self, validation: str | Path | None, budget: float | None) -> str:
        recipe = self.recipe
        look = 1 if self.device.type == "cpu" else recipe.log_every  # looking makes a GPU wait
        with _signals(self), _bar(self.say, recipe.NAME) as bar:
            bar(self.step, recipe.steps, "")
            while self.step < recipe.steps:
                if recipe.validate_every and self.step % recipe.validate_every == 0 and self.step not in self.scores:
                    self._score(validation)
                self._move(self._batch(self.step))
                self.step += 1
                last = self.step == recipe.steps
                if self.step % look == 0 or last:
                    self._check()
                if self.step % recipe.log_every == 0 or last:
                    bar(self.step, recipe.steps, self._log())
                if budget is not None and time.monotonic() - self.begun > budget and not last:
                    self.asked = self.asked or "paused"
                stop = self._agreed() if self.ranks == 1 or self.step % recipe.log_every == 0 else ""
                if stop or last or self.step % recipe.save_every == 0:
                    self._check()
                    self._save()
                if stop and not last:
                    return stop
        return "done"

    def _batch(self, step: int) -> tuple[Tensor, Tensor]:
        """The LR and HR crops of this process, in the network's dtype; LR as that of the whole picture would be."""
        recipe = self.recipe
        share = recipe.batch // self.ranks
        part = slice(self.rank * share, (self.rank + 1) * share)
        margin = MARGIN * recipe.scale
        pixels = self.pictures.batch(step, recipe.batch, recipe.crop, recipe.seed, recipe.scale, margin, part)
        around = pixels.to(self.players["net"].dtype).div_(255)
        hr = around[:, :, margin:-margin, margin:-margin].contiguous()
        return degrade(around, recipe.scale, MARGIN), hr

    def _move(self, batch: tuple[Tensor, Tensor]) -> None:
        """Let each player move once, and remember its terms and the size of its gradient, on the device."""
        rate = rate_at(self.step, self.recipe)
        values, names = [], []
        for name, terms in self.recipe.turns(self.players, *batch, self.losses):
            optimizer = self.optimizers[name]
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.zero_grad(set_to_none=True)
            total = torch.stack(list(terms.values())).sum()
            self.scaler.scale(total).backward()  # type: ignore[no-untyped-call]
            self.scaler.unscale_(optimizer)
            size = torch.nn.utils.get_total_norm(
                [p.grad for p in self.players[name].module.parameters() if p.grad is not None]
            )
            self.scaler.step(optimizer)
            values += [*(term.detach() for term in terms.values()), size]
            names += [*terms, f"gradient of {name}"]
        self.scaler.update()
        self.names = names
        self.window.append(torch.stack([value.to(self.wide) for value in values]))

    def _check(self) -> None:
        """Stop if what was remembered since the last line of the log is not finite."""
        if not self.window:
            return
        rows = torch.stack(self.window[-1:] if self.device.type == "cpu" else self.window).cpu()
        skipped = self.scaler.is_enabled() and self.scaler.get_scale() >= LEAST_SCALE  # and the scale halved
        allowed = torch.tensor([skipped and name.startswith("gradient") for name in self.names])
        bad = (~rows.isfinite() & ~allowed).nonzero()
        if len(bad):
            row, column = bad[0].tolist()
            step = self.step - len(rows) + row
            raise NonFinite(
                self._report(step, self.names[column], dict(zip(self.names, rows[row].tolist(), strict=True)))
            )

    def _report(self, step: int, name: str, values: Mapping[str, float]) -> str:
        places = self.pictures.places(step, self.recipe.batch, self.recipe.crop, self.recipe.seed, self.recipe.scale)
        batch = [
            {"picture": str(self.pictures.paths[picture]), "top": top, "left": left, "symmetry": symmetry}
            for picture, top, left, symmetry in zip(*(x.tolist() for x in places), strict=True)
        ]
        if self.rank == 0:
            content = {"step": step, "term": name, "values": {k: str(v) for k, v in values.items()}, "batch": batch}
            write_whole(self.folder / "not_finite.json", json.dumps(content, indent=1).encode())
        first = batch[0]
        others = ", ".join(f"{key} {value:.4g}" for key, value in values.items() if key != name)
        return (
            f"step {step}: {name} is {values[name]} ({others}). Its batch has {len(batch)} crops, the first of "
            f"{Path(first['picture']).name} at row {first['top']}, column {first['left']}; all are in "
            f"{self.folder / 'not_finite.json'}. The last checkpoint is good; a lower learning_rate, a longer warmup "
            "or precision=float32 may help"
        )

    def _agreed(self) -> str:
        """Why all processes stop, or nothing."""
        if self.ranks == 1:
            return self.asked
        reasons = ["", "paused", "interrupted"]
        number = torch.tensor(reasons.index(self.asked), device=self.device)
        torch.distributed.all_reduce(number, torch.distributed.ReduceOp.MAX)
        return reasons[int(number)]

    # What is kept in the folder.

    def _saved(self, resume: bool) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return the checkpoint of the run to go on with, if there is one."""
        path = self.folder / CHECKPOINT
        if self.folder.exists() and not self.folder.is_dir():
            raise NotADirectoryError(f"{self.folder} is a file; a run takes a folder")
        if not path.is_file():
            return None
        if not resume:
            raise FileExistsError(
                f"{self.folder} holds a run already; go on with it by --resume, or choose another --out"
            )
        tensors, about = read_tensors(path)
        if "settings" not in about:
            raise ValueError(f"{path} was not written by srtheory train; choose another --out")
        begun, now = about["settings"], settings_of(self.recipe)
        differ = [key for key in now if begun.get(key) != now[key]]
        if differ:
            key = differ[0]
            raise ValueError(
                f"{self.folder} was begun with {key}={begun.get(key)}, not {now[key]}; resume it with the same "
                "settings, or choose another --out"
            )
        return tensors, about

    def _write_settings(self) -> None:
        if self.rank == 0:
            write_whole(self.folder / "settings.json", json.dumps(settings_of(self.recipe), indent=1).encode())
            for name in ("log.csv", "scores.csv", "not_finite.json"):
                (self.folder / name).unlink(missing_ok=True)

    def _networks(self, new: bool) -> dict[str, nn.Module]:
        networks = self.recipe.make_players()
        if self.recipe.start and new:
            weights, _, source = weights_at(self.recipe.start)
            load_weights(networks["net"], weights, source)
        return networks

    def _save(self) -> None:
        if self.rank == 0:
            modules = {name: player.module for name, player in self.players.items()}
            write_tensors(self.folder / CHECKPOINT, state_of(modules, self.optimizers), self._about())

    def _about(self) -> dict[str, Any]:
        return {
            "version": __version__,
            "step": self.step,
            "seconds": self._seconds(),
            "scaler": self.scaler.state_dict(),
            "scores": self.scores,
            "window": [row.tolist() for row in self.window],
            "settings": settings_of(self.recipe),
            "data": self.pictures.hash,
        }

    def _restore(self, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
        if about.get("data", self.pictures.hash) != self.pictures.hash:
            raise ValueError(f"{self.folder} was begun on other pictures; give the same --data, or another --out")
        modules = {name: player.module for name, player in self.players.items()}
        restore(tensors, modules, self.optimizers, self.folder / CHECKPOINT)
        self.step, self.spent = about["step"], about["seconds"]
        self.window = list(torch.tensor(about.get("window", []), dtype=self.wide, device=self.device))
        self.scores = _scores(self.folder / "scores.csv", self.step)  # some are measured after it was saved
        self.scores |= {int(step): scores for step, scores in about["scores"].items()}
        if about["scaler"]:
            self.scaler.load_state_dict(about["scaler"])
        if self.rank == 0:
            for name in ("log.csv", "scores.csv"):
                _cut(self.folder / name, self.step)
        self.say(f"going on after step {self.step}")

    def _log(self) -> str:
        """Write the means since the last line; return them in short."""
        means = torch.stack(self.window).mean(0).tolist()
        self.window.clear()
        if self.rank == 0:
            values = [self.step, round(self._seconds(), 2), rate_at(self.step - 1, self.recipe), *means]
            _append(self.folder / "log.csv", ["step", "seconds", "learning_rate", *self.names], values)
        return ", ".join(f"{name} {mean:.4g}" for name, mean in zip(self.names, means, strict=True) if " " not in name)

    def _score(self, validation: str | Path | None) -> None:
        """Measure on the validation pictures; the others wait."""
        if validation is None:
            return
        means = {}
        if self.rank == 0:
            net = self.players["net"].alone
            means = mean_of(evaluate(net, validation, self.recipe.scale, device=self.device))
            _append(self.folder / "scores.csv", ["step", *means], [self.step, *(round(x, 5) for x in means.values())])
            self.say(
                f"step {self.step}: PSNR-Y {means['psnr']:.3f} dB, {means['psnr'] - means['bicubic']:+.3f} against "
                f"bicubic; SSIM {means['ssim']:.4f}"
            )
        self.scores[self.step] = self._told(means)

    def _told(self, means: Mapping[str, float]) -> dict[str, float]:
        """Tell the others what rank 0 measured."""
        if self.ranks == 1:
            return dict(means)
        numbers = torch.tensor([means.get(name, 0.0) for name in SCORES], dtype=torch.float64, device=self.device)
        torch.distributed.broadcast(numbers, 0)
        return dict(zip(SCORES, numbers.tolist(), strict=True))

    def _seconds(self) -> float:
        return self.spent + time.monotonic() - self.begun

    # Before it starts.

    def _describe(self, budget: float | None) -> None:
        recipe, settings = self.recipe, settings_of(self.recipe)
        self.say(" ".join(f"{key}={value}" for key, value in settings.items()))
        count = sum(p.numel() for player in self.players.values() for p in player.module.parameters())
        self.say(
            f"{len(self.pictures)} pictures, kept on the {self.pictures.keep}; {count:,} parameters; "
            f"{self.players['net'].precision} on {name_of(self.device)}{f' x {self.ranks}' if self.ranks > 1 else ''}"
        )
        left = recipe.steps - self.step
        if not left:
            return
        seconds, memory = self._trial()
        text = f"forecast: {left} steps of {1000 * seconds:.3g} ms, {clock(left * seconds)}; {memory / 2**30:.2f} GiB"
        if budget is not None and left * seconds > (rest := max(budget - (time.monotonic() - self.begun), 0)):
            text += f"; what is left of the budget, {clock(rest)}, is for about {max(int(rest / seconds), 1)} of them"
        self.say(text)

    def _trial(self) -> tuple[float, float]:
        """Try some steps, and put back what they moved; return seconds a step, and the memory it took, in bytes."""
        modules = {name: player.module for name, player in self.players.items()}
        before = {name: deepcopy(module.state_dict()) for name, module in modules.items()}
        optimizers = {name: deepcopy(optimizer.state_dict()) for name, optimizer in self.optimizers.items()}
        scaler, window, times = deepcopy(self.scaler.state_dict()), self.window, []
        self.window = []
        for _ in range(TRIALS):
            start = time.monotonic()
            self._move(self._batch(self.step))
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            times.append(time.monotonic() - start)
        self.window = window
        for name, module in modules.items():
            module.load_state_dict(before[name])
            self.optimizers[name].load_state_dict(optimizers[name])
        if scaler:
            self.scaler.load_state_dict(scaler)
        return min(times), memory_taken(self.device)


def rate_at(step: int, recipe: Recipe) -> float:
    """Return the learning rate of a step, from 0: linear warm-up, then half a cosine down to zero."""
    if step < recipe.warmup:
        return recipe.learning_rate * (step + 1) / (recipe.warmup + 1)
    along = (step - recipe.warmup) / max(recipe.steps - recipe.warmup, 1)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * along))


def settings_of(recipe: Recipe) -> dict[str, Any]:
    """Return the settings of a recipe, its name first."""
    return {"recipe": recipe.NAME, **asdict(recipe)}


def recipe_of(settings: Mapping[str, Any]) -> Recipe:
    """Make the recipe that `settings_of` described.

    Raises:
        ValueError: an unknown recipe or setting.
    """
    rest = dict(settings)
    name = rest.pop("recipe", None)
    if name not in RECIPES:
        raise ValueError(f"recipe must be one of {', '.join(RECIPES)}, not {name!r}")
    return RECIPES[name](**RECIPES[name].known(rest))


def load_network(source: str | Path, device: str | torch.device = "cpu") -> tuple[nn.Module, Recipe]:
    """Make the SR network of a run, with its weights, ready to use.

    Args:
        source: a run's folder, a checkpoint, or the name of a shipped run ("tiny", "tiny-decloss").
        device: where it goes.

    Returns:
        The network, in evaluation mode and without gradients, and the recipe that trained it.

    Raises:
        FileNotFoundError: there is no such run.
        ValueError: a file that is not whole, has no settings, or the weights of another network.
    """
    weights, about, path = weights_at(source)
    if "settings" not in about:
        raise ValueError(f"{path} does not say which network it is of: it was not written by srtheory train")
    recipe = recipe_of(about["settings"])
    net = recipe.make_network()
    load_weights(net, weights, path)
    return net.to(device, torch.float32).train(False).requires_grad_(False), recipe


def precision_on(device: torch.device, wanted: str) -> str:
    if wanted != "auto":
        return wanted
    if device.type != "cuda":
        return "float32"
    return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"


def device_of(name: str) -> torch.device:
    """Return the device of that name; "auto" is a GPU where there is one.

    Raises:
        ValueError: torch knows no such device, or it is not there.
    """
    if name == "auto":
        return torch.device(
            "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        )
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device {name!r} cannot be used here ({str(error).splitlines()[0]}); take cpu or auto"
        ) from error
    return device


def name_of(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    count = torch.get_num_threads()
    return f"{device.type}, {count} thread{'s' if count > 1 else ''}"


def memory_taken(device: torch.device) -> float:
    """Return the most memory taken so far, in bytes: the GPU's, or this process's where the system tells."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    try:
        import resource
    except ImportError:
        return math.nan
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def clock(seconds: float) -> str:
    """Write a time as people say it: 48 s, 9.5 min, 3.2 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


@contextmanager
def _process_group(device: str) -> Iterator[tuple[int, int, torch.device]]:
    """Join the processes that torchrun started; alone, there is nothing to join."""
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    if ranks == 1 or torch.distributed.is_initialized():
        there = torch.distributed.is_available() and torch.distributed.is_initialized()
        dist = torch.distributed
        yield (dist.get_rank(), dist.get_world_size(), device_of(device)) if there else (0, 1, device_of(device))
        return
    local = int(os.environ.get("LOCAL_RANK", "0"))
    cuda = device in ("auto", "cuda") and torch.cuda.is_available()
    place = torch.device("cuda", local) if cuda else device_of("cpu" if device == "auto" else device)
    if cuda:
        torch.cuda.set_device(place)
    torch.distributed.init_process_group("nccl" if cuda else "gloo")
    try:
        yield torch.distributed.get_rank(), ranks, place
    finally:
        torch.distributed.destroy_process_group()


@contextmanager
def _signals(run: _Run) -> Iterator[None]:
    """Let Ctrl-C, or a polite kill, end the run after its step, with a checkpoint; a second one ends it at once."""

    def ask(number: int, frame: object) -> None:
        if run.asked == "interrupted":
            raise KeyboardInterrupt
        run.asked = "interrupted"
        run.say("stopping after this step, with a checkpoint; once more to stop at once")

    kept = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            kept[number] = signal.signal(number, ask)
    except ValueError:  # not the main thread: signals are not ours
        pass
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


@contextmanager
def _bar(say: Say, title: str) -> Iterator[Callable[[int, int, str], None]]:
    """A progress bar on a terminal, while something is said at all; else nothing."""
    bar: tqdm[Any] | None = None

    def show(done: int, total: int, text: str) -> None:
        nonlocal bar
        if say is _silent or not sys.stderr.isatty():
            return
        if bar is None:
            bar = tqdm(total=total, desc=title, initial=done, dynamic_ncols=True)
        bar.update(done - bar.n)
        bar.set_postfix_str(text)

    try:
        yield show
    finally:
        if bar is not None:
            bar.close()


def _append(path: Path, names: Sequence[str], values: Sequence[float]) -> None:
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\n")
    if not path.exists():
        writer.writerow(names)
    writer.writerow(values)
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(line.getvalue())
    except OSError as error:
        raise unwritable(path, error) from error


def _cut(path: Path, step: int) -> None:
    """Take away the lines after a step, and one that was cut off."""
    lines = _lines(path, step)
    if lines:
        write_whole(path, "\n".join([*lines, ""]).encode())
    else:
        path.unlink(missing_ok=True)


def _scores(path: Path, step: int) -> dict[int, dict[str, float]]:
    """Read what was measured up to a step."""
    rows = csv.DictReader(_lines(path, step))
    return {int(row["step"]): {name: float(row[name]) for name in SCORES} for row in rows}


def _lines(path: Path, step: int) -> list[str]:
    """Return the head and the lines up to a step, each of them whole."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    numbers = [line.split(",")[0] for line in lines]
    return [
        line
        for line, number in zip(lines, numbers, strict=True)
        if number == "step" or (number.isdigit() and int(number) <= step)
    ]
