"""Alpha dropout: N(0, 1) keeps its moments; torch's values where torch draws."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ravine.core.errors import BadValue
from ravine.regularize import AlphaDropout, alpha_dropout, apply
from ravine.regularize.alpha_dropout import FLOOR, affine


def test_the_floor_is_what_selu_gives_far_below():
    torch.testing.assert_close(nn.functional.selu(torch.tensor(-100.0, dtype=torch.float64)).item(), FLOOR)


@pytest.mark.parametrize("p", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("seed", [None, 1])
def test_mean_and_variance_stay(p, seed):
    torch.manual_seed(0)
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    x = torch.randn(400_000, dtype=torch.float64)
    out = alpha_dropout(x, p, generator)
    assert abs(out.mean()) < 5 / len(x) ** 0.5
    assert abs(out.var() - 1) < 5 * (out**4).mean() ** 0.5 / len(x) ** 0.5


@pytest.mark.parametrize("seed", [None, 1])
def test_elements_are_kept_or_at_the_floor(seed):
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    x = torch.linspace(1, 2, 1000, dtype=torch.float64)
    out = alpha_dropout(x, 0.3, generator)
    a, b = affine(0.3)
    kept = torch.isclose(out, a * x + b)
    assert torch.isclose(out[~kept], torch.tensor(a * FLOOR + b, dtype=torch.float64)).all()
    assert 600 < kept.sum() < 790


def test_it_goes_behind_selu_and_nowhere_else():
    model = nn.Sequential(nn.Linear(3, 4), nn.SELU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
    assert apply(model, AlphaDropout(0.1)) == ["1"]
    assert torch.equal(AlphaDropout(0.0)(torch.ones(3)), torch.ones(3))


def test_dropping_all_is_refused():
    with pytest.raises(BadValue, match=r"alpha-dropout: p must be in \[0, 1\); got 1"):
        AlphaDropout(1.0)
