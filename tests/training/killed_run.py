"""Kill a run at random moments, with kill -9, and go on each time: `python -m tests.training.killed_run FOLDER KILLS`.

After each kill the checkpoint must be readable. In the end all weights, what the optimizers keep, and the log must be
bit for bit those of the run that was left alone. A checkpoint is written after every step, and every second kill waits
until one is.
"""

import math
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from srtheory.training import Recipe, train
from srtheory.training.checkpoint import CHECKPOINT, read_tensors

from .runs import ARMS, differences, save_photographs

RECIPE = ARMS["gan"].changed(steps=30, save_every=1, validate_every=5)


def forked(call: Callable[[], object]) -> int:
    """Call a function in a process of its own; return its number."""
    child = os.fork()
    if child:
        return child
    try:
        torch.set_num_threads(1)  # makes torch's pool of threads anew, which a fork breaks, before there are threads
        call()
        os._exit(0)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        os._exit(1)


def readable(folder: Path, recipe: Recipe) -> int:
    """Return the step of the checkpoint, or 0 where there is none yet; it must be whole."""
    if not (folder / CHECKPOINT).exists():
        return 0
    tensors, about = read_tensors(folder / CHECKPOINT)
    assert 0 <= about["step"] <= recipe.steps
    assert all(tensor.isfinite().all() for tensor in tensors.values())
    assert {f"net/{name}" for name in recipe.make_network().state_dict()} <= set(tensors)
    return about["step"]


def waited(child: int, patience: float) -> int | None:
    """Return how a process ended, or None if it has not after some seconds."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        number, status = os.waitpid(child, os.WNOHANG)
        if number:
            return status
        time.sleep(2e-4)
    return None


def writing(folder: Path, since: float) -> bool:
    """Return whether a checkpoint is half written, and not a leftover of an earlier kill."""
    try:
        return (folder / f"{CHECKPOINT}.part").stat().st_mtime > since
    except FileNotFoundError:
        return False


def main(folder: Path, kills: int, seed: int) -> None:
    torch.set_num_threads(1)
    draw = random.Random(seed)  # noqa: S311
    pictures = save_photographs(folder / "pictures")
    alone, run, killed, met = folder / "alone", folder / "run-1", 0, 0

    def start(run: Path) -> int:
        return forked(lambda: train(RECIPE, pictures, run, validation=pictures, resume=True))

    train(RECIPE, pictures, folder / "first", validation=pictures)  # imports what a first step needs
    begun = time.monotonic()
    assert waited(start(alone), math.inf) == 0
    whole = time.monotonic() - begun
    print(f"left alone: {RECIPE.steps} steps in {whole:.2f} s")
    finished = 0
    while True:
        child, since = start(run), time.time()
        patience = draw.uniform(0, 2 * whole / min(kills, 8)) if killed < kills else math.inf
        ended = waited(child, patience)
        while ended is None and killed % 2 and not writing(run, since):
            ended = waited(child, 1e-4)
        if ended is None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            killed += 1
            step, meeting = readable(run, RECIPE), writing(run, since)
            met += meeting
            print(
                f"kill {killed}: after {patience:.3f} s, checkpoint of step {step}{', while one was written' * meeting}"
            )
            continue
        assert ended == 0, f"the run ended with status {ended}"
        found = differences(run, alone)
        assert not found, f"different: {found}"
        assert (run / "scores.csv").read_text() == (alone / "scores.csv").read_text()
        finished += 1
        print(f"run {finished} done: {len(read_tensors(run / CHECKPOINT)[0])} tensors, log and scores bit-equal")
        if killed == kills:
            break
        run = folder / f"run-{finished + 1}"
    print(f"{killed} kills, {met} of them while a checkpoint was written: each checkpoint readable, all ends bit-equal")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0)
