"""What a recipe may choose of any network: its normalizations and its first weights."""

import pytest
import torch
from torch import nn

from ravine.core.errors import BadValue
from ravine.core.shapes import InputShape
from ravine.models import build
from ravine.regularize import DecorrelatedBatchNorm, GhostBatchNorm

IMAGE = InputShape(form="image", channels=1, height=8, width=8)
KINDS = {"group": nn.GroupNorm, "decorrelated": DecorrelatedBatchNorm, "ghost": GhostBatchNorm}


def made(**choices):
    return build("convnet", IMAGE, 10, rows=1000, **choices).module


@pytest.mark.parametrize("norm", KINDS)
def test_every_batch_norm_is_swapped_and_the_network_trains(norm):
    network = made(norm=norm)
    kinds = [type(layer) for layer in network.modules()]
    assert nn.BatchNorm2d not in kinds
    assert any(issubclass(kind, KINDS[norm]) for kind in kinds)
    network(torch.rand(64, 1, 8, 8)).sum().backward()
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)


def test_weight_norm_leaves_no_normalization_of_activations():
    network = made(norm="weight")
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())
    assert network(torch.rand(4, 1, 8, 8)).isfinite().all()


def test_a_scheme_is_used_for_every_weight():
    network = made(initialization="orthogonal")
    square = [layer.weight.flatten(1) for layer in network.modules() if isinstance(layer, nn.Linear)]
    for weight in square:
        small, _ = sorted(weight.shape)
        gram = weight @ weight.T if weight.shape[0] == small else weight.T @ weight
        scale = gram.diagonal().mean()
        torch.testing.assert_close(gram / scale, torch.eye(small), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"norm": "grup"}, "Did you mean 'group'"),
        ({"initialization": "ortogonal"}, "Did you mean 'orthogonal'"),
        ({"initialization": "zeros"}, "zeros"),
    ],
)
def test_bad_choices_are_refused(choices, words):
    with pytest.raises(BadValue, match=words):
        made(**choices)
