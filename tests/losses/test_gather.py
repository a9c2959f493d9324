"""Two processes with half of the batch each get the value and the gradient of one process with all of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from srtheory.losses import decloss
from tests.losses.two_processes import batch, layer

ROOT = Path(__file__).resolve().parents[2]


def run(tmp_path, *arguments, program="tests.losses.two_processes"):
    """Start the program as ranks 0 and 1, and return what they printed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    command = [sys.executable, "-m", program]
    processes = [
        subprocess.Popen(
            [*command, str(rank), str(tmp_path / "rendezvous"), str(tmp_path / "out.pt"), *arguments],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in (0, 1)
    ]
    texts = [process.communicate(timeout=120)[0] for process in processes]
    assert all(process.returncode == 0 for process in processes), texts
    return texts


@pytest.mark.parametrize("backend", ["dense", "tiled"])
def test_two_processes_are_one(tmp_path, backend):
    run(tmp_path, "equal", backend)
    found = torch.load(tmp_path / "out.pt", weights_only=True)
    hr, blurred = batch()
    network = layer()
    loss = decloss(network(blurred) + blurred, hr)
    loss.backward()
    gradient = torch.cat([parameter.grad.flatten() for parameter in network.parameters()])
    assert abs(found["value"] - loss.detach()) <= 1e-10 * abs(loss.detach())
    assert (found["gradient"] - gradient).norm() <= 1e-10 * gradient.norm()
    halves = [decloss(network(blurred[part]) + blurred[part], hr[part]) for part in (slice(0, 2), slice(2, 4))]
    assert abs(sum(halves).detach() / 2 - loss.detach()) > 1e-3  # without gathering it is another loss


def test_unequal_batches_say_so(tmp_path):
    texts = run(tmp_path, "unequal", "tiled")
    assert all("equally many patches on every rank, not [8, 4]" in text for text in texts)


def test_alone_there_is_nothing_to_gather():
    hr, blurred = batch()
    assert decloss(blurred, hr, gather=True) == decloss(blurred, hr)
