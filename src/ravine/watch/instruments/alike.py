"""Whether rows that are alike have the same label: what nearest neighbours would answer, and what chance would."""

from __future__ import annotations

import torch
from torch import Tensor

NEIGHBOURS = 5
FEWEST_ROWS = 32
TINY = 1e-6  # of the widest column: a spread under it is none


def distinct(inputs: Tensor, targets: Tensor) -> Tensor:
    """Places of rows that are not the same as an earlier one, increasing; a row is its inputs and its targets.

    Args:
        inputs: (rows, columns), finite.
        targets: (rows, values).
    """
    both = torch.cat([inputs, targets.to(inputs.dtype)], dim=1)
    kind = torch.float32 if both.device.type == "mps" else torch.float64
    draw = torch.Generator().manual_seed(both.shape[1])
    weights = torch.rand(both.shape[1], generator=draw, dtype=torch.float64) + 0.5
    prints = (both.to(kind) * weights.to(both.device, kind)).sum(1)
    order = torch.sort(prints, stable=True)
    new = torch.ones_like(prints, dtype=torch.bool)
    new[order.indices[1:]] = order.values[1:] != order.values[:-1]
    return new.nonzero().flatten()


def standardized(train: Tensor, *others: Tensor, table: bool) -> list[Tensor]:
    """All of these, (rows, columns), with the mean of `train` at 0 and its spread at 1.

    Args:
        train: What decides.
        others: More rows of the same columns.
        table: Whether columns are of different kinds, each with a spread of its own; those of pictures share one.
    """
    spread, mean = torch.std_mean(train, dim=0, correction=0)
    widest = spread.amax()
    spread = torch.where(spread > TINY * widest, spread, 1.0) if table else widest.clamp(min=1e-30)
    return [(one - mean) / spread for one in (train, *others)]


def nearest(rows: Tensor, among: Tensor | None = None) -> Tensor:
    """For each row the places of the nearest ones, (rows, NEIGHBOURS), nearest first.

    Args:
        rows: (rows, columns).
        among: Where they are looked for, (others, columns); None for `rows` themselves, each without itself.
    """
    distances = torch.cdist(rows, rows if among is None else among)
    if among is None:
        distances.fill_diagonal_(torch.inf)
    return distances.topk(NEIGHBOURS, dim=1, largest=False).indices


def by_votes(neighbours: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """What the nearest one answers, (rows), and what most of them do, (rows); of equals, the class of the nearer.

    Args:
        neighbours: Places in `labels`, (rows, NEIGHBOURS).
        labels: Numbers of classes, from 0.
        classes: How many there are.
    """
    said = labels[neighbours]
    weights = 1 + 0.01 * 0.5 ** torch.arange(NEIGHBOURS, device=labels.device)
    votes = ((said[:, :, None] == torch.arange(classes, device=labels.device)) * weights[:, None]).sum(1)
    return said[:, 0], votes.argmax(1)


def by_class_means(train: Tensor, labels: Tensor, classes: int, rows: Tensor) -> Tensor:
    """The class whose mean, over the rows of `train`, is nearest, (rows)."""
    members = (labels == torch.arange(classes, device=labels.device)[:, None]).to(train.dtype)
    counts = members.sum(1, keepdim=True)
    means = (members @ train) / counts.clamp(min=1)
    return (torch.cdist(rows, means) + torch.where(counts[:, 0] > 0, 0.0, torch.inf)).argmin(1)


def agreement(said: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """The share of rows for which the answer is right, and the share to expect, were it independent of the labels."""
    numbers = torch.arange(classes, device=labels.device)[:, None]
    expected = ((said == numbers).float().mean(1) * (labels == numbers).float().mean(1)).sum()
    return (said == labels).float().mean(), expected


def explained(said: Tensor, values: Tensor) -> Tensor:
    """The share of the variance of `values`, (rows, values), that is explained: 1 at best, 0 for their mean."""
    left, whole = (values - said).square().sum(), (values - values.mean(0)).square().sum()
    return 1 - left / whole.clamp(min=1e-30)


def compared(
    train: tuple[Tensor, Tensor], val: tuple[Tensor, Tensor] | None, *, classes: int, table: bool
) -> dict[str, Tensor]:
    """Each of what neighbours say, by its name in a row of kind "neighbours", as tensors without dimensions.

    Args:
        train: Inputs (rows, columns), and numbers of classes (rows) or values (rows, values).
        val: The same of an evaluation; None where there is none.
        classes: How many there are; 0 for values.
        table: As `standardized` takes it.
    """
    inputs = standardized(train[0], *(() if val is None else (val[0],)), table=table)
    asked = {"train": (nearest(inputs[0]), train[1], train[1])}
    if val is not None:
        asked["val"] = nearest(inputs[1]), val[1], val[1]
        asked["across"] = nearest(inputs[1], inputs[0]), train[1], val[1]
    found: dict[str, Tensor] = {}
    for name, (neighbours, known, wanted) in asked.items():
        if not classes:
            found[f"{name}_first"] = explained(known[neighbours[:, 0]], wanted)
            found[f"{name}_five"] = explained(known[neighbours].mean(1), wanted)
            continue
        for how, said in zip(("first", "five"), by_votes(neighbours, known, classes), strict=True):
            found[f"{name}_{how}"], found[f"{name}_{how}_chance"] = agreement(said, wanted, classes)
    if classes and val is not None:
        said = by_class_means(inputs[0], train[1], classes, inputs[1])
        found["across_mean"], found["across_mean_chance"] = agreement(said, val[1], classes)
    return found
