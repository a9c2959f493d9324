"""Two processes that share each batch, as torchrun starts them: `python -m tests.training.two_processes FOLDER`.

Trains each of `CASES` for a step, in two processes and alone, and prints the relative difference of the gradients.
"""

import json
import os
import socket
import sys
from pathlib import Path

import torch
from torch import Tensor

from srtheory.training import Decloss, Recipe, Sisr, train
from srtheory.training.engine import _Run

from .killed_run import forked
from .runs import SMALL, save_photographs

EXACT = {**SMALL, "batch": 4, "precision": "float64"}
CASES: dict[str, Recipe] = {
    "mean": Sisr(**EXACT),
    "picture": Sisr(**EXACT, l1_reduction="picture"),
    "sum": Sisr(**EXACT, l1_reduction="sum"),
    "decloss": Decloss(**EXACT, l1_weight=0.0, decloss_weight=1.0),
    "both": Decloss(**EXACT, l1_weight=1e-2, decloss_weight=1e-2, threshold=20.0, temperature="inside", center="patch"),
}
GAN = Sisr(**{**EXACT, "crop": 32}, gan_weight=5e-3)
RUNS = {  # of several steps: folder, and the budgets of the calls that it takes
    "two": (CASES["both"], [None]),
    "two-paused": (CASES["both"], [1e-9, 1e-9, None]),
    "two-gan": (GAN, [None]),
}


class Kept:
    """Keeps what a run has after its last step."""

    def __init__(self) -> None:
        move = _Run._move

        def kept(run: _Run, batch: tuple[Tensor, Tensor]) -> None:
            move(run, batch)
            self.run = run

        _Run._move = kept

    def gradient(self) -> Tensor:
        return torch.cat([parameter.grad.flatten() for parameter in self.run.players["net"].module.parameters()])

    def weights(self) -> list[float]:
        return [sum(p.sum().item() for p in player.module.parameters()) for player in self.run.players.values()]


def join(rank: int, port: int) -> None:
    """Be one of two, as torchrun says it."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}


def one_of_two(rank: int, ports: list[int], folder: Path) -> None:
    port, kept = iter(ports), Kept()
    pictures, outcomes = folder / "pictures", []
    for name, recipe in CASES.items():
        join(rank, next(port))
        train(recipe.changed(steps=1), pictures, folder / f"{name}-two")
        torch.save(kept.gradient(), folder / f"{name}-{rank}.pt")
    for name, (recipe, budgets) in RUNS.items():
        for budget in budgets:
            join(rank, next(port))
            said: list[str] = []
            outcome = train(
                recipe, pictures, folder / name, validation=pictures, budget=budget, resume=True, say=said.append
            )
            assert bool(said) == (rank == 0)
            outcomes.append({"run": name, "state": outcome.state, "step": outcome.step, "scores": outcome.scores})
        outcomes[-1]["weights"] = kept.weights()
    (folder / f"outcomes-{rank}.json").write_text(json.dumps(outcomes))


def free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    pictures = save_photographs(folder / "pictures")
    ports = free_ports(len(CASES) + sum(len(budgets) for _, budgets in RUNS.values()))
    children = [forked(lambda rank=rank: one_of_two(rank, ports, folder)) for rank in (0, 1)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    kept = Kept()
    for name, recipe in CASES.items():
        train(recipe.changed(steps=1), pictures, folder / f"{name}-one")
        one, *two = (kept.gradient(), *(torch.load(folder / f"{name}-{rank}.pt", weights_only=True) for rank in (0, 1)))
        print(name, *(f"{((one - half).norm() / one.norm()).item():.2e}" for half in two))
    train(CASES["both"], pictures, folder / "one", validation=pictures)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
