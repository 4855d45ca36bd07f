"""The refusal of a batch of one names the layer."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ravine.core.errors import BadValue
from ravine.regularize import GhostBatchNorm, explained_batch_of_one


@pytest.mark.parametrize("layer", [nn.BatchNorm1d(4), GhostBatchNorm(4)])
def test_torchs_error_and_ours_read_alike(layer):
    model = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.ReLU(), layer))
    words = r"at least 2 values per channel while training; got \(1, 4\)"
    with pytest.raises(BadValue, match=words) as caught, explained_batch_of_one(model):
        model(torch.randn(1, 3))
    assert type(layer).__name__ in str(caught.value)
    if isinstance(layer, nn.BatchNorm1d):
        assert "'1.1'" in str(caught.value)
        assert isinstance(caught.value.__cause__, ValueError)


def test_other_errors_pass():
    with pytest.raises(ValueError, match="mine"), explained_batch_of_one(nn.Linear(1, 1)):
        raise ValueError("mine")


def test_a_batch_that_will_do_passes():
    model = nn.BatchNorm2d(3)
    with explained_batch_of_one(model):
        assert model(torch.randn(1, 3, 2, 2)).shape == (1, 3, 2, 2)
