"""A drift of one unit in the last printed place passes; of two units, or of any word or whole number, fails."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from printed import agree

HERE = Path(__file__).parent
DIGEST = "figure of\n  the truth: (160, 160), mean 0.532, sd 0.277, from -0.00 to 0.31, center 0.6597, 0.5268"


@pytest.mark.parametrize(
    ("stored", "fresh"),
    [
        ("loss 0.31", "loss 0.30"),
        (DIGEST, DIGEST.replace("0.31", "0.30").replace("0.6597", "0.6598").replace("-0.00", "0.01")),
        ("a   9.99 dB", "a  10.00 dB"),  # its width changes with it
        ("a 1.0e-07", "a 9.9e-08"),
        ("a -0.0", "a 0.1"),
        ("1,024.5 of 3", "1,024.4 of 3"),
        ("torch 2.13.0", "torch 2.13.0"),
    ],
)
def test_agree(stored, fresh):
    assert agree(stored, fresh)
    assert agree(fresh, stored)


@pytest.mark.parametrize(
    ("stored", "fresh"),
    [
        ("loss 0.31", "loss 0.29"),
        (DIGEST, DIGEST.replace("0.6597", "0.6599")),
        (DIGEST, DIGEST.replace("160", "161")),
        ("8 of 8", "7 of 8"),
        ("a 0.31", "b 0.31"),
        ("a 0.31", "a 0.310"),
        ("a 0.31\n", "a 0.31"),
        ("a 1.0e-07", "a 1.2e-07"),
        ("a 1.0e-07", "a 1.0e-06"),
        ("a -0.1", "a 0.1"),
        ("torch 2.13.0", "torch 2.12.0"),
        ("nan 0.31", "0.31 nan"),
        ("x1.5", "x1.6"),
    ],
)
def test_do_not_agree(stored, fresh):
    assert not agree(stored, fresh)
    assert not agree(fresh, stored)


@pytest.mark.parametrize(("drift", "code"), [(0.01, 0), (0.02, 1)])
def test_planted_drift(tmp_path, drift, code):
    """nbval itself, over a notebook whose stored outputs have drifted."""
    stored = f"{0.5 + drift:.2f}"
    new, output = nbformat.v4.new_code_cell, nbformat.v4.new_output
    page = {"text/html": f"<b>{stored}</b>", "text/plain": "<IPython.core.display.HTML object>"}
    cells = [
        new(
            "print('mean 0.50 dB')",
            execution_count=1,
            outputs=[output("stream", name="stdout", text=f"mean {stored} dB\n")],
        ),
        new(
            "from IPython.display import HTML\nHTML('<b>0.50</b>')",
            execution_count=2,
            outputs=[output("execute_result", page, execution_count=2)],
        ),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "drifted.ipynb")
    (tmp_path / "conftest.py").write_text((HERE.parents[1] / "chapters" / "conftest.py").read_text(encoding="utf-8"))
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-p", "no:cacheprovider", "-q", "."]
    environment = os.environ | {"PYTHONPATH": str(HERE)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout
    assert ("2 passed" if code == 0 else "2 failed") in done.stdout
