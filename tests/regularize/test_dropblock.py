"""DropBlock: squares and their rate, place by place, against the closed form; the scale; the schedule."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ravine.core.errors import BadValue
from ravine.regularize import DropBlock, apply, dropblock
from ravine.regularize.dropblock import block_mask, seed_rate


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("sides", "size"), [((9, 7), 3), ((6, 6), 2), ((5,), 4), ((4, 8), 7), ((3, 3), 1)])
def test_each_place_is_kept_as_often_as_no_square_covers_it(sides, size):
    # P(kept) = (1 − γ)ⁿ with n the squares inside the map that cover the place.
    many = 40_000
    like = torch.ones((), dtype=torch.float64)
    kept = block_mask((many, 1, *sides), 0.3, size, like, generator()).mean((0, 1))
    gamma = seed_rate(0.3, size, sides)
    for place in torch.cartesian_prod(*(torch.arange(side) for side in sides)).reshape(-1, len(sides)).tolist():
        covers = 1
        for at, side in zip(place, sides, strict=True):
            window = min(size, side)
            covers *= sum(begin <= at < begin + window for begin in range(side - window + 1))
        expected = (1 - gamma) ** covers
        error = (expected * (1 - expected) / many) ** 0.5
        assert abs(float(kept[tuple(place)]) - expected) < 5 * error


@given(seed=st.integers(0, 10_000), size=st.integers(1, 6), height=st.integers(1, 12), width=st.integers(1, 12))
def test_what_is_dropped_is_a_union_of_whole_squares_inside(seed, size, height, width):
    mask = block_mask((1, 1, height, width), 0.4, size, torch.ones(()), generator(seed))[0, 0]
    covered = torch.zeros_like(mask, dtype=torch.bool)
    tall, wide = min(size, height), min(size, width)
    for top in range(height - tall + 1):
        for left in range(width - wide + 1):
            square = (slice(top, top + tall), slice(left, left + wide))
            if not mask[square].any():
                covered[square] = True
    assert torch.equal(covered, mask == 0)


def test_the_rate_is_the_papers():
    # 0.1 of 14·14 places, squares of 7·7, 8·8 places to begin.
    assert seed_rate(0.1, 7, (14, 14)) == pytest.approx(0.1 * 14 * 14 / (7 * 7 * 8 * 8))
    assert seed_rate(0.2, 1, (5, 5)) == pytest.approx(0.2)
    assert seed_rate(0.9, 3, (3, 3)) == pytest.approx(0.9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_sum_of_the_mask_stays(dtype):
    x = torch.ones(64, 16, 14, 14, dtype=dtype)
    out = dropblock(x, 0.2, 5, generator())
    assert out.dtype == dtype
    assert abs(float(out.double().mean()) - 1) < (0.01 if dtype == torch.bfloat16 else 1e-5)
    share = float((out == 0).double().mean())
    assert 0.1 < share < 0.2  # overlaps: less than p


def test_size_one_is_dropout_and_a_map_is_a_channel():
    x = torch.ones(500, 8, 4, 4)
    assert abs(float((dropblock(x, 0.3, 1, generator()) == 0).float().mean()) - 0.3) < 0.01
    maps = dropblock(x, 0.3, 9, generator()).flatten(2)
    assert torch.equal(maps.amax(2), maps.amin(2))
    assert abs(float((maps[:, :, 0] == 0).float().mean()) - 0.3) < 0.05


def test_nothing_left_is_no_division_by_zero():
    assert not dropblock(torch.ones(1, 1, 2, 2), 0.999999, 2, generator()).any()


def test_a_schedule_raises_the_rate_pass_by_pass_in_each_layer():
    layer = DropBlock(0.5, size=1, schedule=lambda t: min(1.0, t / 4), generator=generator())
    model = nn.Sequential(nn.Conv2d(1, 8, 1), nn.ReLU(), nn.Conv2d(8, 8, 1), nn.ReLU(), nn.Conv2d(8, 1, 1))
    assert apply(model, layer) == ["1", "3"]
    alone = DropBlock(0.5, size=1, schedule=lambda t: min(1.0, t / 4), generator=generator())
    ones = torch.ones(8, 8, 32, 32)
    for step in range(7):
        for member in (model[1], model[3], alone):
            share = float((member(ones) == 0).float().mean())
            assert share == pytest.approx(0.5 * min(1, step / 4), abs=0.02)
        model.eval()
        model[1](ones)  # evaluation does not count
        model.train()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"p": 1.0}, r"dropblock: p must be in \[0, 1\); got 1.0"),
        ({"size": 0}, "dropblock: size must be at least 1; got 0"),
        ({"size": 2.5}, "dropblock: size must be a whole number; got 2.5"),
    ],
)
def test_bad_settings_are_refused(settings, words):
    with pytest.raises(BadValue, match=words):
        DropBlock(**settings)


def test_bad_input_and_schedules_are_refused():
    with pytest.raises(BadValue, match=r"dropblock: its input must have shape .* got \(2, 3\)"):
        DropBlock(0.1)(torch.ones(2, 3))
    with pytest.raises(BadValue, match=r"dropblock: the factor from its schedule must be in \[0, 1\]; got 2"):
        DropBlock(0.1, schedule=lambda t: 2.0)(torch.ones(1, 1, 2, 2))
