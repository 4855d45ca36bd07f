"""Short trainings of a copy: until the loss is low, has come to rest, or time is over."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.optim import Optimizer

from ravine.check.rows import Rows

if TYPE_CHECKING:
    from ravine.check.subject import Copy

RATE = 1e-3
BATCH = 32
HELD = 0.25
"""Share of the rows that a short training does not see."""

MOST_STEPS = 600
HOPELESS = 3
"""Times as many, where nothing was learned for held-out rows: long enough to know the others by heart."""

BY_HEART = 0.3
"""Of the loss of a guess: the training rows are known."""

_EVERY = 50  # steps between two looks at the held-out rows
_PATIENCE = 3  # looks without a better loss: it has come to rest
_BETTER = 0.01  # of the loss that is left


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A copy after a short training.

    Attributes:
        copy: Model, loss.
        train: Rows it learned from.
        held: Rows it has not seen.
        losses: Of each step, before it was taken.
        best: The lowest loss on held-out rows.
        rested: Whether that has stopped falling, so that more steps would change little.
        steps: How many were taken.
        batch: Rows of a step.
    """

    copy: Copy
    train: Rows
    held: Rows
    losses: tuple[float, ...]
    best: float
    rested: bool
    steps: int
    batch: int

    @property
    def end(self) -> float:
        """The training loss over the last steps."""
        last = self.losses[-max(1, min(20, len(self.losses) // 4)) :]
        return sum(last) / len(last)


def trained(copy: Copy, rows: Rows, *, base: float, seconds: float, seed: int) -> Trained:
    """Train `copy` by Adam, whatever the user's optimizer: what is asked is whether anything can be learned.

    It ends at rest: when the held-out loss has stopped falling; or, where that never fell below `base`, the loss of a
    guess, when the training rows are known by heart or their loss has stopped falling too.
    """
    ends = time.monotonic() + seconds
    order = torch.randperm(rows.count, generator=torch.Generator().manual_seed(seed))
    cut = int(rows.count * (1 - HELD))
    train, held = rows.take(order[:cut]), rows.take(order[cut:])
    batch = min(BATCH, max(2, cut // 4))
    optimizer = adam(copy.model, RATE)
    losses: list[float] = []
    best, looks = math.inf, 0
    for rows_now in batches(train, batch, seed):
        most = MOST_STEPS if best < base or len(losses) < MOST_STEPS else HOPELESS * MOST_STEPS
        if len(losses) >= most or time.monotonic() > ends:
            break
        if looks >= _PATIENCE and (best < base or _at_rest(losses, base)):
            break
        value = step(copy, rows_now, optimizer)
        if not math.isfinite(value):
            break
        losses.append(value)
        if len(losses) % _EVERY == 0:
            now = copy.mean(held, batch)
            looks = 0 if now < best - _BETTER * abs(best) or best == math.inf else looks + 1
            best = min(best, now)
    best = min(best, copy.mean(held, batch))
    return Trained(
        copy=copy,
        train=train,
        held=held,
        losses=tuple(losses) or (math.nan,),
        best=best,
        rested=looks >= _PATIENCE,
        steps=len(losses),
        batch=batch,
    )


def _at_rest(losses: list[float], base: float) -> bool:
    """Whether a training loss is near zero, or no lower than it was a hundred steps before."""
    now, before = losses[-2 * _EVERY :], losses[-4 * _EVERY : -2 * _EVERY]
    return bool(before) and (fmean(now) < BY_HEART * base or fmean(now) > (1 - _BETTER) * fmean(before))


def adam(model: nn.Module, rate: float) -> Optimizer:
    """Adam for what can be trained, without weight decay."""
    return torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=rate)


def step(copy: Copy, rows: Rows, optimizer: Optimizer) -> float:
    """One step in training mode; the loss before it. A loss that is no number is not stepped on."""
    copy.model.train()
    with torch.enable_grad():
        value = copy.value(rows)
        number = float(value.detach())
        if math.isfinite(number) and value.requires_grad:
            optimizer.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return number


def batches(rows: Rows, size: int, seed: int) -> Iterator[Rows]:
    """Batches of `size` without end, in another order each time through; a short last one is left out."""
    chance = torch.Generator().manual_seed(seed)
    while True:
        if rows.count <= size:
            yield rows
            continue
        order = torch.randperm(rows.count, generator=chance)
        for piece in torch.split(order, size):
            if len(piece) == size:
                yield rows.take(piece)
