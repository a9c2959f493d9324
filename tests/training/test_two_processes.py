"""Two processes that share each batch make the steps of one process with all of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from srtheory.training import Sisr, train
from srtheory.training.checkpoint import CHECKPOINT, read_tensors

from .runs import SMALL, differences, environment, rows_of
from .two_processes import CASES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All runs, made in one call, and what it printed."""
    folder = tmp_path_factory.mktemp("two")
    command = [sys.executable, "-W", "error", "-m", "tests.training.two_processes", str(folder)]
    found = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stdout + found.stderr
    (folder / "printed.txt").write_text(found.stdout)
    return folder


@pytest.fixture
def outcomes(folder):
    return [json.loads((folder / f"outcomes-{rank}.json").read_text()) for rank in (0, 1)]


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_those_of_the_whole_batch(folder, name):
    printed = dict(line.split(" ", 1) for line in (folder / "printed.txt").read_text().splitlines())
    for found in printed[name].split():
        assert float(found) < 1e-12  # the promise is 1e-5
    halves = [torch.load(folder / f"{name}-{rank}.pt", weights_only=True) for rank in (0, 1)]
    assert torch.equal(*halves)
    assert halves[0].norm() > 1e-6


def test_several_steps(folder):
    two, one = (read_tensors(folder / run / CHECKPOINT) for run in ("two", "one"))
    assert two[1]["step"] == one[1]["step"] == 8
    assert set(two[0]) == set(one[0])
    for name, tensor in one[0].items():
        assert torch.allclose(two[0][name], tensor, rtol=1e-9, atol=1e-12), name
    for a, b in zip(rows_of(folder / "two" / "scores.csv"), rows_of(folder / "one" / "scores.csv"), strict=True):
        assert a == b
    rates = [[row["learning_rate"] for row in rows_of(folder / run / "log.csv")] for run in ("two", "one")]
    assert rates[0] == rates[1]


def test_paused_and_resumed(folder, outcomes):
    assert differences(folder / "two-paused", folder / "two") == []
    stops = [(one["state"], one["step"]) for one in outcomes[0] if one["run"] == "two-paused"]
    assert stops == [("paused", 3), ("paused", 6), ("done", 8)]  # where all agree: between lines of the log


def test_all_processes_know_how_it_ended(outcomes):
    assert outcomes[0] == outcomes[1]
    assert all(one["scores"]["0"]["psnr"] > 5 for one in outcomes[0])
    assert [one["state"] for one in outcomes[0] if one["run"] == "two-gan"] == ["done"]


def test_a_batch_that_cannot_be_shared(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 0)
    with pytest.raises(ValueError, match="batch=3 must be a multiple of the 2 processes that share it"):
        train(Sisr(**{**SMALL, "batch": 3}), tmp_path, tmp_path / "run")
    assert not (tmp_path / "run").exists()
