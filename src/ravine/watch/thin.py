"""Rows that grow with the logarithm of the training: every one at first, then means over more and more of them."""

from __future__ import annotations

from typing import Any


class Thinner:
    """Turns a stream of rows into ever longer means.

    The first `every` rows pass as they are, the next come out as means of two, the next of four: 100,000 rows
    become 7,000, ten million 14,000. NaN in one of them is NaN in the mean, so that nothing bad is averaged away.
    What is no number is taken from the last row.

    >>> thinner = Thinner(every=1)
    >>> [thinner.take({"step": step, "loss": float(step)}) for step in range(3)]
    [{'step': 0, 'loss': 0.0}, None, {'step': 2, 'loss': 1.5}]
    """

    def __init__(self, every: int) -> None:
        self._every = every
        self._given = 0
        self._waiting: list[dict[str, Any]] = []

    def take(self, row: dict[str, Any]) -> dict[str, Any] | None:
        """The row to keep now, if one is complete."""
        self._waiting.append(row)
        if len(self._waiting) < 1 << (self._given // self._every):
            return None
        return self.rest()

    def rest(self) -> dict[str, Any] | None:
        """What has not come out yet, as one row."""
        if not self._waiting:
            return None
        rows, self._waiting = self._waiting, []
        self._given += 1
        return rows[0] if len(rows) == 1 else _mean(rows)


def _mean(rows: list[dict[str, Any]]) -> dict[str, Any]:
    values: dict[str, list[Any]] = {}
    for row in rows:
        for name, value in row.items():
            values.setdefault(name, []).append(value)
    return {
        name: sum(of) / len(of) if name != "step" and all(isinstance(value, float) for value in of) else of[-1]
        for name, of in values.items()
    }
