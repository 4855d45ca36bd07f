"""The learning-rate range test: the rate grows from step to step, and the loss tells which rates train."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from ravine import optim
from ravine.core.errors import BadData, BadValue, refusal
from ravine.core.intervals import POSITIVE
from ravine.data.batches import Batch, Batches
from ravine.search.untouched import device_of, put_back
from ravine.train.datasets import as_batches
from ravine.train.guarded import users_code
from ravine.train.randomness import seed_everything

STEPS = 120
LOWEST, HIGHEST = 1e-7, 10.0

SAFETY = 10.0
"""The rate suggested is so many times smaller than the one at which the loss was lowest."""

BEYOND_NOISE = 6.0
"""Standard errors of a smoothed loss by which it must have fallen: the lowest of a hundred is low by chance."""

_Array = NDArray[np.float64]

_FEWEST = 20
_EARLY = 12  # losses that tell where it began, and how they scatter
_REACH = 3  # steps to either side that smooth a loss
_RETRIES = 3  # each begins a thousand times lower


@dataclass(frozen=True, slots=True, kw_only=True)
class RateTest:
    """What `find_lr` found.

    Attributes:
        suggested: A peak learning rate to train with; always a number above 0.
        sure: Whether the loss fell by more than its noise; where it did not, `suggested` is a guess.
        reason: In a sentence.
        lowest: The rate at which the smoothed loss was lowest.
        steepest: The rate at which it fell fastest.
        diverged: The rate at which the test was broken off; None where the highest rate was reached.
        rates: Of each step.
        losses: Of each step, before it was taken; finite.
        smoothed: The same, each with its neighbours.
    """

    suggested: float
    sure: bool
    reason: str
    lowest: float
    steepest: float
    diverged: float | None
    rates: tuple[float, ...] = field(repr=False)
    losses: tuple[float, ...] = field(repr=False)
    smoothed: tuple[float, ...] = field(repr=False)

    def __str__(self) -> str:
        """What to train with, and why."""
        return f"learning rate {self.suggested:.2g}: {self.reason}"

    def to_json(self) -> str:
        """Everything, as JSON."""
        return json.dumps(asdict(self), indent=1)

    def terminal(self, columns: int = 72, rows: int = 12) -> str:
        """The curve in lines of dots, with its axes."""
        from ravine.search.picture import terminal

        return terminal(self, columns, rows)

    def png(self) -> bytes:
        """The curve as the bytes of a picture."""
        from ravine.search.picture import png

        return png(self)


def find_lr(
    model: nn.Module,
    loss: Callable[[Any, Any], Tensor],
    data: Any,
    *,
    optimizer: str | Optimizer = "adamw",
    low: float = LOWEST,
    high: float = HIGHEST,
    steps: int = STEPS,
    batch_size: int = 128,
    weight_decay: float = 0.01,
    seed: int = 0,
) -> RateTest:
    """Train for some steps at a rate that grows from `low` to `high`, and suggest one; nothing is left changed.

        lr_k = low · (high/low)^(k/(steps − 1))

    The test ends where the loss is no number any more or has risen, above where it began, by more
    than it ever fell. A tenth of the rate at which the smoothed loss was lowest is suggested: there the
    rate is already too large to go on with, and a tenth of it usually the largest that is not. Where
    even `low` is too much the test begins anew, a thousand times lower.

    Parameters, gradients, buffers, modes, the optimizer's state and rates, loaders' generators and
    all random states are afterwards as before, bit for bit.

    Args:
        model: On the device it trains on.
        loss: (outputs, target) → scalar mean over the batch.
        data: (x, …, y) tensors or arrays, a Dataset or a DataLoader; begun anew when it ends.
        optimizer: A name, or an optimizer of `model`'s own parameters; each group keeps the ratio of its rate
            to that of the first.
        low: The first rate.
        high: The last.
        steps: Optimizer steps.
        batch_size: Of tensors and datasets.
        weight_decay: Where the optimizer is given by name.
        seed: Of the order of rows, and of dropout.

    Raises:
        BadValue: Out of bounds; or the optimizer has no parameter.
        BadData: The loss of the untouched network is no number.
        UserCodeError: The network or the loss raised.

    Source: Smith 2017, "Cyclical Learning Rates for Training Neural Networks", arXiv:1506.01186, section 3.3.
    """
    POSITIVE.check("find_lr", "low", low)
    if not low < high < math.inf:
        raise BadValue(refusal("find_lr", "high", f"be above low, {low:g}, and finite", high))
    if type(steps) is not int or steps < _FEWEST:
        raise BadValue(refusal("find_lr", "steps", f"be a whole number of at least {_FEWEST}", steps))
    batches = as_batches(data, "data", batch_size=batch_size, seed=seed, device=device_of(model))
    theirs = optimizer if isinstance(optimizer, Optimizer) else None
    if theirs is not None and not theirs.param_groups[0]["lr"] > 0:
        raise BadValue(refusal("find_lr", "the optimizer's lr", "be above 0", theirs.param_groups[0]["lr"]))
    begin = low
    for _ in range(_RETRIES):
        with put_back(model, theirs, data), users_code(lambda: "the learning-rate test"):
            seed_everything(seed)
            used = theirs if theirs is not None else _built(str(optimizer), model, weight_decay)
            rates = [begin * (high / begin) ** (step / (steps - 1)) for step in range(steps)]
            losses = _losses(model, loss, batches, used, rates)
        if len(losses) >= _FEWEST // 2:
            return judged(rates[: len(losses)], losses, rates[len(losses)] if len(losses) < steps else None)
        begin /= 1000
    return judged(rates[: len(losses)], losses, rates[len(losses)])


def judged(rates: Sequence[float], losses: Sequence[float], diverged: float | None) -> RateTest:
    """What losses at growing rates say.

    Args:
        rates: Growing, above 0.
        losses: Finite, as many.
        diverged: The next rate, where the loss was lost; None where it never was.
    """
    smoothed = _smoothed(np.asarray(losses, dtype=float))
    noise = _noise(np.asarray(losses, dtype=float))
    place = int(smoothed.argmin())
    # Rates so small that nothing moves come first: where the loss began.
    start = float(smoothed[: max(1, len(smoothed) // 10)].mean())
    fall = start - float(smoothed[place])
    slopes = np.gradient(smoothed) if len(smoothed) > 1 else np.zeros(1)
    steepest = rates[int(slopes[: place + 1].argmin())]
    lowest = rates[place]
    sure = bool(fall > BEYOND_NOISE * noise and fall > 0)
    if sure and diverged is None and place == len(rates) - 1:
        suggested, reason = (
            lowest,
            f"the loss still fell at {lowest:.2g}, the highest rate tried; larger ones may do too",
        )
    elif sure:
        suggested = lowest / SAFETY
        reason = f"a tenth of {lowest:.2g}, where the loss was lowest, {fall:.3g} below its beginning"
    else:
        edge = diverged if diverged is not None else rates[-1]
        suggested = min(edge / SAFETY**2, 1e-3) if diverged is not None else 1e-3
        lost = f"was lost at {edge:.2g}" if diverged is not None else f"was not lost up to {edge:.2g} either"
        reason = f"a guess: the loss fell nowhere by more than its noise, {noise:.2g}, and {lost}"
    return RateTest(
        suggested=suggested,
        sure=sure,
        reason=reason,
        lowest=lowest,
        steepest=steepest,
        diverged=diverged,
        rates=tuple(rates),
        losses=tuple(losses),
        smoothed=tuple(smoothed.tolist()),
    )


def _built(name: str, model: nn.Module, weight_decay: float) -> Optimizer:
    groups = optim.param_groups(model, weight_decay=weight_decay)
    return optim.build(name, groups, lr=1e-3, weight_decay=weight_decay, momentum=0.9, nesterov=True)


def _losses(
    model: nn.Module,
    loss: Callable[[Any, Any], Tensor],
    batches: Batches,
    optimizer: Optimizer,
    rates: Sequence[float],
) -> list[float]:
    """The loss before each step, until it is lost."""
    model.train()
    first = optimizer.param_groups[0]["lr"]
    ratios = [group["lr"] / first for group in optimizer.param_groups]
    found: list[float] = []
    for rate, (inputs, target, _, _) in zip(rates, _endless(batches), strict=False):
        value = loss(model(*inputs), target)
        number = float(value.detach())
        if not math.isfinite(number):
            if not found:
                raise BadData(
                    f"find_lr: the loss of the untouched network is {number}. Look for values that are no numbers "
                    "in the data, or for layers that make some: ravine probe."
                )
            break
        found.append(number)
        if _is_lost(found):
            found.pop()
            break
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        for group, ratio in zip(optimizer.param_groups, ratios, strict=True):
            group["lr"] = rate * ratio
        optimizer.step()
    return found


def _endless(batches: Batches) -> Iterator[Batch]:
    epoch = 0
    while True:
        yield from batches.epoch(epoch)
        epoch += 1


def _is_lost(losses: list[float]) -> bool:
    """Whether the loss lies above its beginning by more than it ever fell below it, and by more than noise.

    Before there are enough of them to know the noise only a loss many times the first counts.
    """
    early = losses[:_EARLY]
    start, noise = float(np.median(early)), float(np.std(early))
    if len(losses) <= _EARLY:
        return losses[-1] - losses[0] > 10 * abs(losses[0]) + 1e-12
    fall = max(start - min(losses), 0.0)
    return losses[-1] > start + max(fall, 0.1 * abs(start)) + 6 * noise


def _smoothed(losses: _Array) -> _Array:
    """Each loss with its neighbours, weighed by a triangle that is cut off at the ends."""
    reach = min(_REACH, (len(losses) - 1) // 2)
    weights = _triangle(reach)
    return np.convolve(losses, weights, "same") / np.convolve(np.ones_like(losses), weights, "same")


def _triangle(reach: int) -> _Array:
    return np.array([reach + 1 - abs(k) for k in range(-reach, reach + 1)], dtype=float)


def _noise(losses: _Array) -> float:
    """What smoothing leaves of the scatter of single batches, from differences of neighbours in the first half."""
    early = losses[: max(4, len(losses) // 2)]
    if len(early) < 3:
        return 0.0
    off = np.abs(early[1:-1] - 0.5 * (early[:-2] + early[2:]))
    single = 1.4826 * float(np.median(off)) / math.sqrt(1.5)
    weights = _triangle(_REACH)
    return single * float(np.sqrt((weights**2).sum()) / weights.sum())
