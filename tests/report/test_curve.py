"""Curves keep what matters when they are thinned."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravine.records.history import History
from ravine.report.curve import Curve, curve, thinned, x_unit


@given(st.lists(st.none() | st.floats(-1e6, 1e6), min_size=1, max_size=3000), st.integers(10, 200))
def test_thinning_keeps_order_ends_and_extremes(values: list[float | None], limit: int) -> None:
    full = Curve(tuple(map(float, range(len(values)))), tuple(values))
    thin = thinned(full, limit)
    assert len(thin) <= max(limit + 1, 2)
    assert list(thin.xs) == sorted(set(thin.xs))
    assert thin.xs[-1] == full.xs[-1]
    assert set(zip(thin.xs, thin.ys, strict=True)) <= set(zip(full.xs, full.ys, strict=True))
    if full.finite:
        assert (min(thin.finite), max(thin.finite)) == (min(full.finite), max(full.finite))


def test_values_that_are_not_finite_leave_gaps_and_are_counted() -> None:
    rows = [
        {"kind": "epoch", "step": n, "epoch": n, "val_loss": value} for n, value in enumerate([1.0, math.nan, math.inf])
    ]
    drawn = curve(History(rows), "val_loss")
    assert drawn.ys == (1.0, None, None)
    assert drawn.broken == 2


@pytest.mark.parametrize(
    ("rows", "unit"), [([{"step": 3, "val_loss": 1.0}], "step"), ([{"step": 3, "epoch": 1}], "epoch")]
)
def test_a_history_without_epochs_is_drawn_over_steps(rows: list[dict[str, float]], unit: str) -> None:
    assert x_unit(History(rows)) == unit
