"""What all tests share: one seed, one thread, and hypothesis without a clock, a database or luck."""

import signal
import sys

import pytest
import torch
from hypothesis import settings

settings.register_profile("srtheory", deadline=None, derandomize=True, database=None, max_examples=40)
settings.load_profile("srtheory")
torch.set_warn_always(True)  # so that a warning fails every test that causes it, not only the first
torch.set_num_threads(1)  # small problems: a second thread mostly waits, for minutes where another program has its core


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture
def signals_as_on_a_terminal():
    """Signals as a program on a terminal hears them; one that runs in the background inherits them ignored."""
    numbers = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    if sys.platform != "win32":
        numbers[signal.SIGHUP] = signal.SIG_DFL
    before = {number: signal.signal(number, handler) for number, handler in numbers.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
