"""Where rows go: kept on the device until they are read in bulk, thinned, then in memory and in the record."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from ravine.core.errors import RavineError
from ravine.records.metrics import MetricsWriter
from ravine.watch.thin import Thinner

WAITING = 128
"""Rows that wait, at most, before they are read from the device and written."""

SECONDS = 0.5
"""How long they wait, at most, while the program steps: what a killed program loses."""

MOST = 30_000
"""Rows of one kind that are kept, beside the curves; a training that writes more has said what it has to say."""


class Sink:
    """Takes rows as they come and keeps a bounded number of them.

    Args:
        open_record: Makes the writer of the record, at the first row; None keeps the rows in memory alone.
        say: Told once, should the record fail.
    """

    def __init__(self, open_record: Callable[[], MetricsWriter] | None, say: Callable[[str], None]) -> None:
        self.rows: list[dict[str, Any]] = []
        self._open_record = open_record
        self._writer: MetricsWriter | None = None
        self._say = say
        self._thinners = {"step": Thinner(every=1000), "epoch": Thinner(every=4000)}
        self._waiting: list[dict[str, Any]] = []
        self._open: dict[str, Any] | None = None  # the step row of the current step, not yet complete
        self._kept: dict[str, int] = {}
        self._facts: dict[tuple[str, str], int] = {}
        self._read_at = perf_counter()

    def take(self, kind: str, step: int, values: dict[str, Any]) -> None:
        """One row; rows of kind "step" at the same step become one."""
        for name, value in values.items():
            if isinstance(value, Tensor):
                values[name] = reading(value)
        row = self._open
        if kind != "step":
            if self._kept.get(kind, 0) < MOST:
                self._kept[kind] = self._kept.get(kind, 0) + 1
                self._waiting.append({"kind": kind, "step": step, **values})
        elif row is not None and row["step"] == step:
            row.update(values)
        else:
            if row is not None:
                self._waiting.append(row)
            self._open = {"kind": "step", "step": step, **values}

    def fact(self, name: str, step: int, details: dict[str, Any]) -> None:
        """A fact; the same one is written once and counted after that."""
        key = (name, repr(sorted(details.items())))
        seen = self._facts.get(key, 0)
        self._facts[key] = seen + 1
        if not seen:
            self.take("fact", step, {"fact": name, **details})

    def tick(self) -> None:
        """Read and write what waits, if that is enough or old enough."""
        if len(self._waiting) >= WAITING or (self._waiting and perf_counter() - self._read_at > SECONDS):
            self.flush()

    def flush(self, *, whole: bool = False) -> None:
        """Read what waits from its devices, keep it and write it.

        Args:
            whole: Also the row of the current step, and means that are not complete.
        """
        if whole and self._open is not None:
            self._waiting.append(self._open)
            self._open = None
        rows, self._waiting = self._waiting, []
        _read(rows)
        for row in rows:
            thinner = self._thinners.get(row["kind"])
            self._keep(row if thinner is None else thinner.take(row))
        if whole:
            for thinner in self._thinners.values():
                self._keep(thinner.rest())
        self._read_at = perf_counter()

    def begin_anew(self) -> None:
        """Forget all there is: another training begins. The record says so, and its readers drop what came before."""
        self._keep({"kind": "resume", "step": -1})
        self.rows, self._kept, self._facts = [], {}, {}

    def close(self, *, write: bool = True) -> None:
        """Keep all there is, and how often each fact was seen; then leave the record alone.

        Args:
            write: Whether there was a training to make a record of.
        """
        if not write and self._writer is None:
            self._open_record = None
        self.flush(whole=True)
        for (name, _), times in self._facts.items():
            if times > 1:
                self._keep({"kind": "count", "step": 0, "fact": name, "times": times})
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._open_record = None

    def _keep(self, row: dict[str, Any] | None) -> None:
        if row is None:
            return
        self.rows.append(row)
        try:
            if self._writer is None and self._open_record is not None:
                self._writer = self._open_record()
            if self._writer is not None:
                self._writer.write(row)
        except (RavineError, OSError, TypeError, ValueError) as error:
            self._say(f"the record is not written any further: {error}")
            self._writer = self._open_record = None


def reading(value: Tensor) -> Any:
    """What is kept of a tensor: of one in the processor's memory its numbers; of another its own copy.

    A copy, since the program may change the tensor before it is read, and since a captured graph writes its next
    result into the same place.
    """
    if value.device.type == "cpu":
        return value.item() if value.dim() == 0 else value.tolist()
    return value.detach().clone()


def _read(rows: list[dict[str, Any]]) -> None:
    """Put numbers in the place of tensors, with one reading per device."""
    places = [(row, name) for row in rows for name, value in row.items() if isinstance(value, Tensor)]
    for row, name in places:
        if row[name].dim():
            row[name] = row[name].tolist()
    left = [(row, name) for row, name in places if isinstance(row[name], Tensor)]
    left.sort(key=lambda place: str(place[0][place[1]].device))
    for _, group in itertools.groupby(left, key=lambda place: place[0][place[1]].device):
        there = list(group)
        numbers = torch.stack([row[name].to(torch.float32) for row, name in there]).tolist()
        for (row, name), number in zip(there, numbers, strict=True):
            row[name] = number
