"""Functions with a known fault or kink, and a small network."""

import pytest
import torch
from torch import nn

from ravine.optim.gradcheck.draws import Draws, springs
from ravine.optim.gradcheck.problem import Call, Effort, Problem


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture
def small():
    """A network of 27 parameters, its loss and a batch."""
    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 3))
    return model, nn.MSELoss(), (torch.randn(5, 4), torch.randn(5, 3))


@pytest.fixture
def problem():
    """The sum of a function of one tensor, as the check sees it, with the gradient of its backward pass."""

    def make(function, x):
        x = x.clone().double()
        made = Problem(Call(lambda t: function(t).sum(), (x,)), {"input": x}, Draws(springs()), Effort())
        gradient = made.gradients()["input"]
        made.settle()
        return made, gradient

    return make
