"""What all tests share: one seed, one thread, and hypothesis without a clock, a database or luck."""

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
