"""Spatial dropout: whole channels, each row its own, torch's law."""

from __future__ import annotations

import pytest
import torch
from scipy import stats
from torch import nn

from ravine.core.errors import BadValue
from ravine.regularize import SpatialDropout, apply, spatial_dropout


@pytest.mark.parametrize("places", [(5,), (4, 3), (2, 3, 2)])
@pytest.mark.parametrize("seed", [None, 3])
def test_a_channel_is_dropped_whole_or_kept_whole(places, seed):
    torch.manual_seed(0)
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    x = torch.rand(300, 40, *places) + 1
    ratio = (spatial_dropout(x, 0.25, generator) / x).flatten(2)
    assert (ratio.std(2) < 1e-6).all()
    kept = ratio[:, :, 0] > 0
    torch.testing.assert_close(ratio[:, :, 0][kept], torch.full_like(ratio[:, :, 0][kept], 4 / 3))
    assert stats.binomtest(int(kept.sum()), kept.numel(), 0.75).pvalue > 1e-6
    counts = torch.bincount(kept.sum(1), minlength=41)
    assert (counts > 0).sum() > 5  # rows differ


def test_it_has_the_distribution_of_torchs_own():
    torch.manual_seed(1)
    x = torch.ones(400, 60, 2, 2)
    ours, torchs = (layer(x)[:, :, 0, 0].count_nonzero(1) for layer in (SpatialDropout(0.4), nn.Dropout2d(0.4)))
    assert stats.ks_2samp(ours, torchs).pvalue > 1e-4


def test_it_goes_behind_the_activations_of_convolutions():
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)
    )
    assert apply(model, SpatialDropout(0.5)) == ["2"]


def test_vectors_are_refused():
    with pytest.raises(
        BadValue, match=r"spatial-dropout: its input must have shape \(batch, channels, \*places\); got \(2, 3\)"
    ):
        spatial_dropout(torch.ones(2, 3), 0.5)
    with pytest.raises(BadValue, match=r"spatial-dropout: p must be in \[0, 1\]; got 2"):
        SpatialDropout(2)
