"""A column that is the target is named, among networks of several widths; columns that only go with it are not."""

import pytest
import torch
from torch import nn

from ravine.watch.checks.target_in_inputs import BATCHES, TargetInInputs
from ravine.watch.instrument import LossSeen


class Stage:
    """What the check asks of a scene."""

    def __init__(self, *models):
        self.models, self.facts = list(models), []

    def fact(self, name, **details):
        self.facts.append((name, details["columns"]))


def shown(check, scene, model, x, y):
    out = model(x)
    check.forward(scene, model, (x,), out)
    value = nn.functional.mse_loss(out[:, 0], y)
    seen = LossSeen(
        name="mse_loss", outputs=out, targets=y, value=value, options={}, place="train.py:1", with_gradient=True
    )
    check.loss(scene, seen)


@pytest.mark.parametrize("share", [1.0, 0.9])
def test_the_column_that_is_the_target_is_named_among_networks_of_two_widths(share):
    torch.manual_seed(0)
    small, large = nn.Linear(3, 1), nn.Linear(5, 1)
    check, scene = TargetInInputs(), Stage(small, large)
    for _ in range(BATCHES):
        x, other = torch.randn(32, 3), torch.randn(32, 5)
        x[:, 2] = share * x[:, 2] + (1 - share) * torch.randn(32)
        shown(check, scene, small, x, x[:, 2] if share == 1.0 else x[:, 2] + 0.5 * torch.randn(32))
        shown(check, scene, large, other, torch.randn(32))
    assert scene.facts == ([("target-in-inputs", [2])] if share == 1.0 else [])
