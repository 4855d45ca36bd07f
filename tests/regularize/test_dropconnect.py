"""DropConnect: masks of the right chance, expectations, the Gaussian of the paper against Monte Carlo."""

from __future__ import annotations

import pytest
import torch
from scipy import stats
from torch import nn

from ravine.core.errors import BadValue
from ravine.regularize import (
    DropConnect,
    Moments,
    apply,
    average_activation,
    drop_connect,
    drop_connect_rows,
    gaussian_moments,
    remove,
)
from ravine.regularize.masks import keep_mask


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("p", [0.003, 0.1, 0.3, 0.5, 0.9, 0.999])
def test_masks_have_the_chance_asked_for_and_no_pattern(p):
    size = 400_001
    kept = keep_mask(torch.empty(size), p, generator(1))
    assert set(kept.unique().tolist()) == {0.0, 1.0}
    assert stats.binomtest(int(size - kept.sum()), size, p).pvalue > 1e-4
    for lag in (1, 2, 3, 4, 8):  # four are cut out of one number
        r = stats.pearsonr(kept[:-lag].numpy(), kept[lag:].numpy()).statistic
        assert abs(r) < 5 / size**0.5


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_expectation_over_masks_is_the_weight(p, dtype):
    weight = torch.tensor([[1.0, -2.0, 0.5]], dtype=dtype)
    draws = torch.stack([drop_connect(weight, p, generator(seed)) for seed in range(3000)]).double()
    assert draws.shape == (3000, 1, 3)
    error = weight.double().abs() * (p / (1 - p)) ** 0.5 / 3000**0.5
    rounding = weight.double().abs() * (2**-8 if dtype is torch.bfloat16 else 0)
    assert ((draws.mean(0) - weight.double()).abs() < 5 * error + rounding).all()


def test_ends_and_gradient():
    weight = torch.randn(5, 4, requires_grad=True)
    assert torch.equal(drop_connect(weight, 0.0), weight)
    assert torch.equal(drop_connect(weight, 1.0), torch.zeros(5, 4))
    dropped = drop_connect(weight, 0.5, generator())
    dropped.sum().backward()
    assert torch.equal(weight.grad, (dropped != 0) * 2.0)
    assert torch.equal(drop_connect(weight, 0.5, generator()), dropped)


def test_a_mask_for_each_row():
    weight, bias = torch.randn(3, 4), torch.randn(3)
    x = torch.ones(500, 6, 4)
    out = drop_connect_rows(x, weight, bias, 0.5, generator())
    assert out.shape == (500, 6, 3)
    assert torch.equal(out[:, :1].expand_as(out), out)  # what lies between shares its row's mask
    assert len(out[:, 0].unique(dim=0)) > 100
    assert torch.equal(drop_connect_rows(x, weight, bias, 0.0), nn.functional.linear(x, weight, bias))
    # the same masks by hand
    masked = torch.stack(list(drop_connect(weight.expand(500, 3, 4), 0.5, generator())))
    torch.testing.assert_close(out[:, 0], masked.sum(-1) + bias)
    assert drop_connect_rows(x[0, 0], weight, bias, 0.5).shape == (3,)


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_gaussian_moments_are_those_of_many_masks(p):
    torch.manual_seed(0)
    weight, bias, x = torch.randn(3, 20).double(), torch.randn(3).double(), torch.randn(2, 20).double()
    number = 20_000
    masks = drop_connect(weight.expand(number, 3, 20), p, generator(2))
    outputs = torch.einsum("moi,bi->mbo", masks, x) + bias
    mean, variance = gaussian_moments(x, weight, bias, p)
    assert ((outputs.mean(0) - mean).abs() < 5 * (variance / number).sqrt()).all()
    # the variance of a sample variance, of something nearly Gaussian
    assert ((outputs.var(0) / variance - 1).abs() < 5 * (2 / number) ** 0.5).all()


def test_the_papers_own_scaling_is_the_same_up_to_the_weights_scale():
    torch.manual_seed(0)
    weight, x, p = torch.randn(3, 20), torch.randn(2, 20), 0.3
    keep = 1 - p
    ours = gaussian_moments(x, weight * keep, None, p)
    torch.testing.assert_close(ours.mean, keep * (x @ weight.mT))
    torch.testing.assert_close(ours.variance, keep * (1 - keep) * (x.square() @ weight.square().mT))


def test_the_average_of_an_activation_over_its_gaussian():
    mean, variance = torch.tensor([[0.3, -1.0]]).double(), torch.tensor([[1.0, 0.5]]).double()
    found = average_activation(torch.relu, Moments(mean, variance), 20_000, generator())
    std = variance.sqrt()
    normal = torch.distributions.Normal(0.0, 1.0)
    exact = mean * normal.cdf(mean / std) + std * normal.log_prob(mean / std).exp()
    torch.testing.assert_close(found, exact, atol=0.02, rtol=0)


def test_evaluation_by_the_gaussian_draws_and_by_the_mean_is_plain():
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(20, 3)), torch.randn(1, 20)
    plain = model(x)
    apply(model, DropConnect(0.5))
    assert torch.equal(model.eval()(x), plain)
    remove(model)
    apply(model, DropConnect(0.5, inference="gaussian", generator=generator(1)))
    draws = model.eval()(x.expand(20_000, 20))
    mean, variance = gaussian_moments(x, model[0].weight.detach(), model[0].bias.detach(), 0.5)
    for unit in range(3):
        law = stats.norm(float(mean[0, unit]), float(variance[0, unit]) ** 0.5)
        assert stats.kstest(draws[:, unit].detach().numpy(), law.cdf).pvalue > 1e-4
    inputs = torch.zeros(2, 20, requires_grad=True)
    model(inputs).sum().backward()
    assert inputs.grad.isfinite().all()
    remove(model)
    assert torch.equal(model(x), plain)


def test_per_row_in_a_network():
    model, x = nn.Sequential(nn.Linear(20, 3)), torch.randn(1, 20).expand(8, 20)
    apply(model, DropConnect(0.5, per_row=True))
    assert len(model(x).unique(dim=0)) == 8
    remove(model)
    apply(model, DropConnect(0.5))
    assert len(model(x).unique(dim=0)) == 1


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_recurrent_layers_have_one_mask_for_the_whole_sequence_on_hidden_weights_only(kind):
    torch.manual_seed(0)
    layer = kind(4, 3, 1)
    x = torch.randn(6, 2, 4)
    apply(layer, DropConnect(0.5, generator=generator(5)))
    out, _ = layer(x)
    twin = kind(4, 3, 1)
    twin.load_state_dict(layer.state_dict())
    with torch.no_grad():
        twin.weight_hh_l0.copy_(drop_connect(layer.weight_hh_l0, 0.5, generator(5)))
    torch.testing.assert_close(out, twin(x)[0])


def test_tied_weights_and_checkpointed_passes_see_one_mask_again():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 2))
    apply(model, DropConnect(0.5))
    x = torch.randn(3, 6, requires_grad=True)
    torch.manual_seed(1)
    model(x).sum().backward()
    expected = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    torch.manual_seed(1)
    torch.utils.checkpoint.checkpoint(model, x, use_reentrant=False).sum().backward()
    for p, g in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(p.grad, g)


@pytest.mark.parametrize("p", [-0.1, 1.5, float("nan")])
def test_chances_outside_are_refused(p):
    with pytest.raises(BadValue, match=r"dropconnect: p must be in \[0, 1\]; got"):
        DropConnect(p)
    with pytest.raises(BadValue, match=r"dropconnect: p must be in \[0, 1\]; got"):
        drop_connect(torch.ones(2), p)


def test_other_refusals():
    with pytest.raises(BadValue, match=r"dropconnect: p must be in \[0, 1\); got 1\.0"):
        DropConnect(1.0, inference="gaussian")
    with pytest.raises(BadValue, match=r"dropconnect: inference must be one of 'mean', 'gaussian'; got 'exact'"):
        DropConnect(0.5, inference="exact")
    with pytest.raises(BadValue, match=r"dropconnect: p must be in \[0, 1\]; got '0\.5'"):
        DropConnect("0.5")
    with pytest.raises(BadValue, match=r"per_row=True is for Linear; layer '' is a Conv2d"):
        apply(nn.Conv2d(1, 1, 1), DropConnect(0.5, per_row=True), where=nn.Conv2d)
    with pytest.raises(BadValue, match=r'inference="gaussian" is for Linear; layer \'\' is a GRU'):
        apply(nn.GRU(1, 1), DropConnect(0.5, inference="gaussian"), where=nn.GRU)
    with pytest.raises(BadValue, match="samples must be at least 1; got 0"):
        average_activation(torch.relu, Moments(torch.ones(1), torch.ones(1)), 0)
