"""What all tests share."""

import random

import numpy as np
import pytest
import torch
from hypothesis import settings

# Time limits on single examples measure how busy the machine is, not the code. The same examples come at each run, so
# that a change is judged by what it changes; `pytest --hypothesis-profile explore` looks for others, and more.
settings.register_profile("ravine", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=500)
settings.load_profile("ravine")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Every test draws the same numbers, alone or among others, whichever worker it falls to."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


# A warning that torch gives once a process would fail whichever test comes first.
torch.set_warn_always(True)
