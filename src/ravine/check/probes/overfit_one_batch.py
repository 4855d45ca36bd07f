"""Overfit one batch: a handful of examples must be learned by heart."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ravine.check.answers import answer_of, with_answer
from ravine.check.guess import Guess
from ravine.check.needs import FINITE, TRAINABLE
from ravine.check.probe import Probe, Seen, Trace, found, passed, unsure
from ravine.check.rows import Rows
from ravine.check.subject import Copy, Subject
from ravine.check.training import adam, step
from ravine.core.sources import Source

EXAMPLES = 8
RATES = (1e-3, 1e-2, 1e-4)
STEPS = 400
LEARNED = 0.05  # of what a guess has above the lowest loss there is: by heart
POOR = 0.2  # still left: not by heart
_WINDOW = 100  # steps in which a loss that still falls falls by a fiftieth
_FALLS = 0.02


@dataclass(frozen=True, slots=True)
class _Try:
    rate: float
    losses: tuple[float, ...]
    over: bool  # whether time ended it

    @property
    def least(self) -> float:
        return min(self.losses, default=math.inf)


def overfit_one_batch(subject: Subject) -> Seen:
    """Eight examples, trained on alone by Adam at three rates, without dropout, until their loss is about zero.

    What it does: the loss is measured against the lowest that any outputs could have under this very loss (label
        smoothing has a floor above zero) and against that of the best constant answer. Where eight are not learned, two
        are tried, which even a linear model of a few inputs can fit.
    Why it matters: a network that cannot learn two examples by heart has a fault in the program, not in its rate:
        labels that are not those of the inputs' rows are learned, but a cut graph, a wrong loss, a wrong activation
        at the end and dead units are not.
    Not to be mistaken for: a slow model whose time was over, which is said; a small one, which learns two.
    """
    rows = _distinct(subject.rows, EXAMPLES, subject.seed)
    floor = _floor(subject, rows)
    top = subject.base
    if not top > floor:
        return unsure(
            f"a guess has {top:.4g}, which leaves nothing to learn above the lowest loss, {floor:.4g}",
            "give examples whose targets differ",
        )
    tries = []
    for number, rate in enumerate(RATES):
        seconds = 0.8 * subject.time_left / (len(RATES) - number)
        tries.append(_tried(subject, rows, rate, floor, top, seconds=seconds))
        if _left(tries[-1], floor, top) <= LEARNED:
            break
    best = min(tries, key=lambda one: one.least)
    trace = Trace(
        f"Loss on {rows.count} examples, Adam at {best.rate:g}",
        tuple(map(float, range(len(best.losses)))),
        best.losses,
        level=top,
    )
    went = f"{best.losses[0]:.4g} → {best.least:.3g} in {len(best.losses)} steps of Adam at {best.rate:g}"
    examples = f"{rows.count} example{'s' if rows.count > 1 else ''}"
    left = _left(best, floor, top)
    if left <= LEARNED:
        return passed(f"{examples}: {went}", trace)
    if any(one.over for one in tries):
        return unsure(
            f"time was over: {examples} went {went}, {left:.0%} is left", "give it more time: --seconds 300", trace
        )
    two = _extremes(rows)
    again = _tried(subject, two, best.rate, floor, top, seconds=subject.time_left)
    if left < POOR or _left(again, floor, top) <= LEARNED:
        few = "" if left < POOR else f"; two of them: {again.least:.3g}, so that only size is lacking"
        return passed(f"{examples}: {went}{few}", trace)
    if again.over:
        return unsure(f"time was over: {examples} went {went}, {left:.0%} is left", "give it more time", trace)
    return found(
        "stalls",
        f"{examples.capitalize()} cannot be learned by heart: {went}, {left:.0%} of a guess is left, and of two "
        f"examples {_left(again, floor, top):.0%}.",
        trace,
        advice="Look in the program, not at the rate: is the graph cut (`.detach()`, `.data`), does the last layer's "
        "activation keep the outputs from the targets, does the loss get what it wants?",
        confidence=0.9,
        left=left,
        rates=list(RATES),
    )


def _tried(subject: Subject, rows: Rows, rate: float, floor: float, top: float, *, seconds: float) -> _Try:
    copy = subject.copy()
    quiet(copy.model)
    optimizer = adam(copy.model, rate)
    ends = time.monotonic() + seconds
    losses: list[float] = []
    while len(losses) < STEPS:
        value = step(copy, rows, optimizer)
        if not math.isfinite(value):
            break
        losses.append(value)
        if value - floor <= LEARNED * (top - floor):
            break
        if len(losses) > _WINDOW and min(losses[-_WINDOW:]) > (1 - _FALLS) * min(losses[:-_WINDOW]):
            break
        if time.monotonic() > ends:
            return _Try(rate, tuple(losses), over=True)
    return _Try(rate, tuple(losses) or (math.inf,), over=False)


def quiet(model: nn.Module) -> None:
    """Take the dropout out: what is drawn anew at every step cannot be learned by heart."""
    for part in model.modules():
        if isinstance(part, nn.modules.dropout._DropoutNd):
            part.p = 0.0
        elif isinstance(getattr(part, "dropout", None), float):  # attention, recurrent layers
            vars(part)["dropout"] = 0.0


def _left(one: _Try, floor: float, top: float) -> float:
    return (one.least - floor) / (top - floor)


def _distinct(rows: Rows, most: int, seed: int) -> Rows:
    """Examples no two of which have the same inputs."""
    if not rows.apart:
        return rows
    order = torch.randperm(rows.count, generator=torch.Generator().manual_seed(seed))[: 8 * most]
    inputs = rows.inputs
    kept: list[int] = []
    for row in order.tolist():
        if len(kept) == most:
            break
        if not any(all(torch.equal(one[row], one[other]) for one in inputs) for other in kept):
            kept.append(row)
    return rows.take(torch.tensor(kept))


def _extremes(rows: Rows) -> Rows:
    """Two examples whose targets are as far apart as any."""
    if not rows.apart or rows.count <= 2:
        return rows
    aims = [one.reshape(rows.count, -1).double().mean(1) for one in rows.targets[:1]]
    if not aims:
        return rows.first(2)
    low, high = int(aims[0].argmin()), int(aims[0].argmax())
    return rows.take(torch.tensor([low, high if high != low else (low + 1) % rows.count]))


def _floor(subject: Subject, rows: Rows) -> float:
    """The lowest loss that any outputs have, found by moving the outputs themselves; 0 where that is not above it."""
    guess = subject.guess
    if subject.loss is None or guess is None or not guess.logits or guess.answer is None:
        return 0.0
    copy = subject.copy()
    copy.model.eval()
    with torch.no_grad():
        outputs = copy.outputs(rows)
    return max(0.0, _lowest(copy, outputs, rows, guess))


def _lowest(copy: Copy, outputs: Any, rows: Rows, guess: Guess) -> float:
    own, said = answer_of(outputs), with_answer(outputs)
    assert own is not None
    assert guess.answer is not None
    free = guess.answer.to(own.dtype).expand(own.shape).clone().requires_grad_()
    optimizer = torch.optim.LBFGS([free], max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        value = copy.judged(said(free), rows)
        value.backward()  # type: ignore[no-untyped-call]
        return float(value.detach())

    try:
        with torch.enable_grad():
            optimizer.step(closure)  # type: ignore[no-untyped-call]
            lowest = float(copy.judged(said(free), rows).detach())
    except RuntimeError:  # a loss that is no function of its outputs alone
        return 0.0
    return lowest if math.isfinite(lowest) else 0.0


OVERFIT_ONE_BATCH = Probe(
    name="overfit-one-batch",
    look=overfit_one_batch,
    symptoms=("stalls",),
    needs=(FINITE, TRAINABLE),
    share=4.0,
    source=Source("Karpathy", 2019, "A recipe for training neural networks", "overfit one batch"),
)
