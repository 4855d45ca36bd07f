"""Knowing rows and batches again without keeping them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor

PLACES = 32  # numbers of a row that its fingerprint is made of
MOST_ROWS = 200_000
SHORTEST = 4  # batches of an order that is worth a word
FEWEST_ROWS = 128
FEW_CHANGES = 0.2  # labels that change from row to row, of those that would in a shuffled order
ALIKE = 0.5  # how alike neighbouring batches are, from 0, as drawn from all, to 1, of the same classes
ONE_WAY = 0.1  # changes to an earlier class, of all changes: once an epoch, where classes come in order
LEAKED = 0.05
ONCE_MORE = 1.02  # epochs after which the training's rows are known
WHOLE = 0.9  # of the training rows: so many together are the training data itself, evaluated on purpose


class Taken(NamedTuple):
    """Some places of each row, (rows, places), and what they are weighted by, (places)."""

    values: Tensor
    weights: Tensor


class Fingerprints:
    """Numbers that are the same for the same rows, and different for others with near certainty."""

    def __init__(self) -> None:
        self._weights: dict[tuple[torch.device, int], tuple[Tensor | None, Tensor]] = {}

    def rows(self, values: Tensor) -> Tensor:
        """One number a row, (rows), in float64 where the device has it."""
        return self.of_taken([self.take(values)])[0]

    def take(self, values: Tensor) -> Taken:
        """A copy of as much of each row as its number is made of, which can be worked out later."""
        flat = values.flatten(1)
        places, weights = self._of(flat)
        return Taken(flat.clone() if places is None else flat.index_select(1, places), weights)

    def take_each(self, batches: list[Tensor]) -> list[Taken]:
        """The same of each of these as one row, all that are alike at once."""
        groups: dict[tuple[torch.Size, torch.dtype], list[int]] = {}
        for number, one in enumerate(batches):
            groups.setdefault((one.shape, one.dtype), []).append(number)
        found: dict[int, Taken] = {}
        for numbers in groups.values():
            taken = self.take(torch.stack([batches[number] for number in numbers]))
            found.update((number, Taken(taken.values[n : n + 1], taken.weights)) for n, number in enumerate(numbers))
        return [found[number] for number in range(len(batches))]

    def of_taken(self, taken: list[Taken]) -> list[Tensor]:
        """The numbers of the rows of each, all that are alike at once."""
        groups: dict[tuple[int, torch.dtype], list[int]] = {}
        for number, one in enumerate(taken):
            groups.setdefault((id(one.weights), one.values.dtype), []).append(number)
        found: dict[int, Tensor] = {}
        for numbers in groups.values():
            parts = [taken[number].values for number in numbers]
            values = parts[0] if len(parts) == 1 else torch.cat(parts)
            # A product with a matrix would round by the size of the batch.
            rows = (values * taken[numbers[0]].weights).sum(1)
            found.update(zip(numbers, torch.split(rows, [part.shape[0] for part in parts]), strict=True))
        return [found[number] for number in range(len(taken))]

    def batches(self, rows: list[Tensor | None], targets: list[Taken]) -> list[tuple[Tensor, Tensor]]:
        """Two numbers for each batch: of its inputs' fingerprints, 0 where there are none, and its targets.

        Args:
            rows: Of each batch those of its inputs, (rows).
            targets: Of each batch all of them as one row.
        """
        there = [number for number, one in enumerate(rows) if one is not None]
        of_inputs = self.of_taken(self.take_each([one for one in rows if one is not None]))
        known = dict(zip(there, of_inputs, strict=True))
        return [
            (known[number][0] if number in known else torch.zeros_like(of_targets[0]), of_targets[0])
            for number, of_targets in enumerate(self.of_taken(targets))
        ]

    def _of(self, flat: Tensor) -> tuple[Tensor | None, Tensor]:
        """Places, None for all of them, and weights for rows of this width; always the same ones."""
        key = flat.device, flat.shape[1]
        known = self._weights.get(key)
        if known is None:
            draw = torch.Generator().manual_seed(flat.shape[1])
            count = min(PLACES, flat.shape[1])
            places = torch.randperm(flat.shape[1], generator=draw)[:count].sort().values.to(flat.device)
            kind = torch.float32 if flat.device.type == "mps" else torch.float64
            weights = (torch.rand(count, generator=draw, dtype=torch.float64) + 0.5).to(flat.device, kind)
            known = self._weights[key] = (places if count < flat.shape[1] else None), weights
        return known


def sorted_by_label(batches: list[Tensor]) -> dict[str, Any]:
    """What tells that classes come one after another; nothing when they do not, or only one came.

    Neighbouring rows rarely differ, and neighbouring batches are of the same classes, or go through them in order.
    Batches made of some rows of each of a few classes, on purpose, are not like their neighbours.
    """
    stream = torch.cat(batches)
    if stream.numel() < FEWEST_ROWS:
        return {}
    classes, numbers = torch.unique(stream, return_inverse=True)
    if not 2 <= classes.numel() <= max(2, stream.numel() // 4):
        return {}
    shares = torch.bincount(numbers).double() / numbers.numel()
    expected = float((1 - (shares**2).sum()) * (numbers.numel() - 1))
    changes = int((numbers[1:] != numbers[:-1]).sum())
    if changes > FEW_CHANGES * expected:
        return {}
    counts = [
        torch.bincount(part, minlength=classes.numel()).double() / part.numel()
        for part in numbers.split([one.numel() for one in batches])
    ]
    alike = sum(float(a @ b) for a, b in pairwise(counts)) / (len(counts) - 1)
    chance = float((shares**2).sum())
    steps = numbers.diff()
    one_way = min(int((steps < 0).sum()), int((steps > 0).sum())) <= ONE_WAY * changes
    if alike - chance < ALIKE * (1 - chance) and not one_way:
        return {}
    return {"rows": numbers.numel(), "changes": changes, "expected": round(expected), "classes": classes.numel()}


def sorted_by_value(batches: list[Tensor]) -> dict[str, Any]:
    """The same for numbers: nearly every one is at least the last, or at most, and they are not all the same."""
    stream = torch.cat(batches)
    if stream.numel() < FEWEST_ROWS:
        return {}
    steps = stream[1:] - stream[:-1]
    up, down = float((steps >= 0).float().mean()), float((steps <= 0).float().mean())
    if max(up, down) < 0.98 or min(up, down) > 0.5:
        return {}
    return {
        "rows": stream.numel(),
        "changes": int((steps < 0).sum() if up > down else (steps > 0).sum()),
        "expected": stream.numel() // 2,
        "classes": 0,
    }


def repeats(inputs: list[float], targets: list[float]) -> int:
    """After how many batches the same ones come again in the same order, for as long; 0 when they do not.

    Args:
        inputs: Fingerprints of the batches' inputs.
        targets: Those of their targets, which count where inputs are augmented, if there are many different ones.
    """
    for prints in (inputs, targets):
        period = _period(prints)
        if period and len(set(prints[:period])) > period // 2:
            return period
    return 0


def _period(prints: list[float]) -> int:
    first = prints[0]
    for period in range(SHORTEST, len(prints) // 2 + 1):
        if prints[period] == first and prints[:period] == prints[period : 2 * period]:
            return period
    return 0


class Overlap:
    """Rows of the training, and rows of each evaluation."""

    def __init__(self) -> None:
        self._new: list[Tensor] = []
        self._batches: set[float] = set()
        self._trained: set[float] = set()
        self._rows = 0
        self._asked: dict[int, list[Tensor]] = {}

    @property
    def epochs(self) -> float:
        """How often the training has seen its rows, as far as was looked."""
        return self._rows / max(1, len(self._trained))

    @property
    def waits(self) -> bool:
        """Whether there is something to compare."""
        return bool(self._trained) and bool(self._asked)

    def trained(self, rows: Tensor) -> None:
        """A batch was learned from."""
        if self._rows < MOST_ROWS:
            self._new.append(rows)

    def evaluated(self, dataset: int, rows: Tensor) -> None:
        """A batch was evaluated, of the data known by `dataset`; 0 where that is not known."""
        parts = self._asked.setdefault(dataset, [])
        if sum(part.numel() for part in parts) < MOST_ROWS // 10:
            parts.append(rows)

    def found(self) -> dict[str, Any]:
        """How many evaluated rows are among those learned from, where that is neither none nor all of those."""
        new, self._new = self._new, []
        for part in new:
            values = part.tolist()
            self._rows += len(values)
            self._trained.update(values)
            self._batches.add(_mark(part))
        if self.epochs < ONCE_MORE:
            return {}
        for parts in self._asked.values():
            there = [part.tolist() for part in parts if _mark(part) not in self._batches]
            rows = {value for part in there for value in part}
            inside = rows & self._trained
            clean = sum(inside.isdisjoint(part) for part in there)
            if not rows or len(inside) < max(10, LEAKED * len(rows)) or clean > 0.05 * len(there):
                continue
            if len(inside) < WHOLE * len(self._trained):
                return {"rows": len(rows), "shared": len(inside), "train_rows": len(self._trained)}
        return {}


def _mark(rows: Tensor) -> float:
    """The same number for the same rows in the same order."""
    return float(rows.sum())
