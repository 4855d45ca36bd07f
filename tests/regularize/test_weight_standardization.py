"""Weight standardization: its moments, its gradient, the same in evaluation."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ravine.core.errors import BadValue
from ravine.regularize import WeightStandardization, apply, remove, standardize_weight


@pytest.mark.parametrize("shape", [(5, 12), (4, 3, 5), (4, 3, 3, 3), (2, 3, 2, 2, 2)])
def test_each_unit_has_mean_0_and_variance_1(shape):
    weight = torch.randn(shape, dtype=torch.float64) * 3 + 1
    units = standardize_weight(weight, 1e-12).flatten(1)
    torch.testing.assert_close(units.mean(1), torch.zeros(shape[0]).double(), atol=1e-9, rtol=0)
    torch.testing.assert_close(units.var(1, correction=0), torch.ones(shape[0]).double())


def test_it_is_the_batch_norm_of_units_and_its_gradient_is_right():
    weight = torch.randn(4, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    twin = nn.functional.batch_norm(weight.reshape(1, 4, -1), None, None, training=True, eps=1e-5)
    torch.testing.assert_close(standardize_weight(weight).reshape(1, 4, -1), twin)
    assert torch.autograd.gradcheck(standardize_weight, (weight,))


def test_the_gradient_has_no_mean_and_no_part_along_the_weight():
    weight = torch.randn(4, 9, dtype=torch.float64, requires_grad=True)
    (standardize_weight(weight, 1e-12) * torch.randn(4, 9).double()).sum().backward()
    assert weight.grad.mean(1).abs().max() < 1e-12
    assert (weight.grad * weight).sum(1).abs().max() < 1e-9


def test_the_same_in_evaluation_on_convolutions_by_itself():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), nn.Flatten(), nn.Linear(4, 2))
    x = torch.randn(2, 3, 3, 3)
    plain = model(x)
    assert apply(model, WeightStandardization()) == ["0"]
    training = model(x)
    assert torch.equal(model.eval()(x), training)
    conv = nn.functional.conv2d(x, standardize_weight(model[0].weight), model[0].bias)
    torch.testing.assert_close(training, model[3](model[2](model[1](conv))))
    remove(model)
    assert torch.equal(model(x), plain)


def test_refusals():
    with pytest.raises(BadValue, match="weight-standardization: eps must be above 0; got 0"):
        WeightStandardization(0)
    with pytest.raises(BadValue, match=r"acts on convolutions and Linear; layer '' is a ConvTranspose2d"):
        apply(nn.ConvTranspose2d(1, 1, 1), WeightStandardization(), where=nn.ConvTranspose2d)
