"""Runs in processes of their own: killed at random moments, and on a disk that becomes full."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .runs import environment

ROOT = Path(__file__).resolve().parents[2]
IN_A_SMALL_DISK = 'mount -t tmpfs -o size=2m none "$1" && shift && exec "$@"'


def said(*command):
    found = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is killed in this way there")
def test_killed(tmp_path):
    text = said(sys.executable, "-m", "tests.training.killed_run", str(tmp_path), "5")
    assert "5 kills, " in text
    assert "each checkpoint readable, all ends bit-equal" in text


def check(text, reason):
    first, second, last = text.splitlines()
    for line in (first, second):
        assert "checkpoint.safetensors could not be written (" in line
        assert f"{reason}, 0.4 MiB); the one before it is intact: make room, then go on with --resume" in line
    assert last == "gone on, bit-equal"


def test_file_that_may_not_grow(tmp_path):
    pytest.importorskip("resource")
    check(said(sys.executable, "-m", "tests.training.full_disk", str(tmp_path)), "File too large")


def test_disk_full(tmp_path):
    """On a file system of its own, which goes away with the process."""
    for name in ("small", "roomy"):
        (tmp_path / name).mkdir()
    alone = ("unshare", "--mount", "sh", "-c", IN_A_SMALL_DISK, "sh", str(tmp_path / "small"))
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("a small file system can be mounted only by root")
    program = (sys.executable, "-m", "tests.training.full_disk")
    check(said(*alone, *program, str(tmp_path / "roomy"), str(tmp_path / "small")), "No space left on device")
    assert not list((tmp_path / "small").iterdir())
