"""What all tests share."""

import random

import numpy as np
import pytest
import torch
from hypothesis import settings

# Time limits on single examples measure how busy the machine is, not the code.
settings.register_profile("ravine", deadline=None)
settings.load_profile("ravine")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Every test draws the same numbers, alone or among others, whichever worker it falls to."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
