"""Curves kept as arrays: what a log of a million rows is read into."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Points: TypeAlias = tuple[NDArray[np.int64], NDArray[np.float64]]
    Columns: TypeAlias = Mapping[str, Mapping[str, Points]]


def rows_of(columns: Columns) -> Iterator[dict[str, Any]]:
    """The same as rows: one for each step that a kind's curves have, in order, with what is known there.

    Args:
        columns: Kind → name → steps (num_points,), increasing, and values (num_points,).
    """
    for kind, curves in columns.items():
        rows: dict[int, dict[str, Any]] = {}
        for step in _steps(curves):
            rows[step] = {"kind": kind, "step": step}
        for name, (steps, values) in curves.items():
            for step, value in zip(steps.tolist(), values.tolist(), strict=True):
                rows[step][name] = value
        yield from rows.values()


def number_of_rows(columns: Columns) -> int:
    """How many rows `rows_of` gives."""
    return sum(len(_steps(curves)) for curves in columns.values())


def _steps(curves: Mapping[str, Points]) -> list[int]:
    """All steps of the curves, each once, in order."""
    import numpy as np

    apart = {id(steps): steps for steps, _ in curves.values()}
    steps: list[int] = np.unique(np.concatenate(list(apart.values()))).tolist() if apart else []
    return steps
