"""Drop on plateau: against torch's on what both have, and on curves whose drops a table says beforehand."""

from __future__ import annotations

import math
import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler as torch_lr

from ravine.core.errors import BadValue
from ravine.schedules import Plateau, PlateauState


def factors(plateau, values):
    state, found = PlateauState(), []
    for value in values:
        factor, state = plateau(value, state)
        found.append(factor)
    return found


def drops(plateau, values):
    """The places, counted from 0, at which the factor fell."""
    found = [1.0, *factors(plateau, values)]
    return [place for place in range(len(values)) if found[place + 1] < found[place]]


@given(
    values=st.lists(st.floats(0.01, 10) | st.sampled_from([1.0, 2.0, math.nan, math.inf]), max_size=120),
    patience=st.integers(1, 5),
    cooldown=st.integers(0, 5),
    threshold=st.sampled_from([0.0, 1e-4, 0.1]),
    relative=st.booleans(),
    mode=st.sampled_from(["min", "max"]),
    floor=st.sampled_from([0.0, 0.01]),
)
def test_drops_as_torch_s_does(values, patience, cooldown, threshold, relative, mode, floor):
    if mode == "max":
        values = [math.nan if math.isinf(value) else value for value in values]  # torch takes an infinity as the best
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = torch_lr.ReduceLROnPlateau(
        optimizer, mode, 0.3, patience, threshold, "rel" if relative else "abs", cooldown, floor, eps=0
    )
    expected = []
    for value in values:
        scheduler.step(value)
        expected.append(optimizer.param_groups[0]["lr"])
    plateau = Plateau(
        patience=patience, factor=0.3, cooldown=cooldown, threshold=threshold, relative=relative, mode=mode, floor=floor
    )
    assert factors(plateau, values) == pytest.approx(expected, rel=1e-12)


def noisy_descent(start=4.0, noise=0.02, steps=400, seed=0):
    draw = random.Random(seed)
    return [start * math.exp(-step / 100) + draw.gauss(0, noise) for step in range(steps)]


STAIRS = [3.0, 2.0, 1.0, *[1.0] * 12]
TABLE = {
    # name: (plateau, values, places of the drops)
    "steady descent": (Plateau(patience=1), [10 * 0.9**k for k in range(50)], []),
    "noisy descent, patient": (Plateau(patience=60), noisy_descent()[:300], []),
    "constant": (Plateau(patience=2), [1.0] * 8, [3, 6]),
    "stands still": (Plateau(patience=3), STAIRS, [6, 10, 14]),
    "waits a bit before the next": (Plateau(patience=3, cooldown=2), STAIRS, [6, 12]),
    "begins late": (Plateau(patience=1, wait=6), [1.0] * 10, [7, 9]),
    "a spike": (Plateau(patience=2), [5.0, 4.0, 3.0, 90.0, 2.9, 2.8, 2.7], []),
    "a spike that stays": (Plateau(patience=2), [5.0, 4.0, *[90.0] * 4], [4]),
    "below 0, falling": (Plateau(patience=1), [-1.0 - 0.1 * k for k in range(20)], []),
    "below 0, standing": (Plateau(patience=2), [-1.0] * 8, [3, 6]),
    "below 0, gains too small": (Plateau(patience=2, threshold=0.1), [-1 - 0.01 * k for k in range(7)], [3, 6]),
    "through 0": (Plateau(patience=1), [0.3 - 0.1 * k for k in range(10)], []),
    "higher is better, rising": (Plateau(patience=1, mode="max"), [0.5 + 0.01 * k for k in range(30)], []),
    "higher is better, standing": (Plateau(patience=1, mode="max"), [0.5, 0.9, 0.9, 0.9, 0.9, 0.9], [3, 5]),
    "higher is better, below 0": (Plateau(patience=1, mode="max"), [-3.0, -2.0, -2.0, -2.0], [3]),
    "absolute": (Plateau(patience=1, threshold=0.5, relative=False), [9.0, 8.0, 7.6, 7.55, 7.0], [3]),
    "only NaN": (Plateau(patience=2), [math.nan] * 7, [2, 5]),
    "one NaN": (Plateau(patience=2), [3.0, math.nan, 2.0, math.nan, 1.0], []),
    "from a NaN on": (Plateau(patience=2), [3.0, 2.0, *[math.nan] * 3, 1.0], [4]),
    "an infinity is no gain": (Plateau(patience=2, mode="max"), [1.0, math.inf, math.inf, math.inf], [3]),
    "noise, smoothed": (Plateau(patience=30, smooth=0.9), noisy_descent(noise=0.3)[:250], []),
    "NaN enters no mean": (Plateau(patience=3, smooth=0.9), [3.0, math.nan, *[3 - 0.1 * k for k in range(9)]], []),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_drops_where_the_table_says(name):
    plateau, values, places = TABLE[name]
    assert drops(plateau, values) == places


def test_noise_alone_drops_often_without_smoothing_and_seldom_with():
    values = [1 + random.Random(k).gauss(0, 0.2) for k in range(400)]
    descent = noisy_descent(noise=0.4, steps=250)
    assert len(drops(Plateau(patience=5), descent)) > 3
    assert drops(Plateau(patience=25, smooth=0.95), descent) == []
    assert len(drops(Plateau(patience=25, smooth=0.95), values)) >= 3


def test_the_moving_average_is_the_corrected_mean():
    state = PlateauState()
    plateau = Plateau(smooth=0.5)
    for value in (4.0, 2.0):
        _, state = plateau(value, state)
    assert state.mean / (1 - 0.5**2) == pytest.approx((0.25 * 4 + 0.5 * 2) / 0.75)
    assert state.best == pytest.approx((0.25 * 4 + 0.5 * 2) / 0.75)


def test_never_below_the_floor():
    assert factors(Plateau(patience=1, factor=0.1, floor=0.05), [1.0] * 20)[-1] == 0.05


def test_a_state_is_never_changed():
    state = PlateauState(best=1.0, without_gain=1)
    plateau = Plateau(patience=1)
    once, again = plateau(2.0, state), plateau(2.0, state)
    assert once == again
    assert state == PlateauState(best=1.0, without_gain=1)
    assert once[0] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"patience": 0}, "plateau: patience must be at least 1; got 0."),
        ({"patience": 2.5}, "plateau: patience must be a whole number; got 2.5."),
        ({"factor": 1}, "plateau: factor must be in (0, 1); got 1."),
        ({"factor": 0}, "plateau: factor must be in (0, 1); got 0."),
        ({"cooldown": -1}, "plateau: cooldown must be at least 0; got -1."),
        ({"wait": -1}, "plateau: wait must be at least 0; got -1."),
        ({"threshold": math.nan}, "plateau: threshold must be at least 0; got nan."),
        ({"smooth": 1}, "plateau: smooth must be in [0, 1); got 1."),
        ({"mode": "up"}, "plateau: mode must be one of min, max; got 'up'."),
        ({"relative": 1}, "plateau: relative must be true or false; got 1."),
    ],
)
def test_what_is_out_of_bounds_is_refused_in_words(arguments, words):
    with pytest.raises(BadValue) as refusal:
        Plateau(**arguments)
    assert str(refusal.value) == words
