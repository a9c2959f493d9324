"""What all tests share: one seed, and hypothesis without a clock, a database or luck."""

import pytest
import torch
from hypothesis import settings

settings.register_profile("srtheory", deadline=None, derandomize=True, database=None, max_examples=40)
settings.load_profile("srtheory")


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
