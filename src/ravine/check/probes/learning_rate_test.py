"""Learning-rate test: at which rates does the loss fall, and is the optimizer's among them?"""

from __future__ import annotations

import math
import time
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from ravine.check.needs import APART, FINITE, TRAINABLE
from ravine.check.probe import Probe, Seen, Trace, found, passed, unsure
from ravine.check.rows import Rows
from ravine.check.subject import Copy, Subject
from ravine.check.training import batches, step
from ravine.core.sources import Source
from ravine.search import RateTest, find_lr

STEPS = 100
FEWEST = 40
BATCH = 32
LOW = 300.0
"""Times below the rate that the test suggests, from which the optimizer's is looked at more closely."""

TRIED = 60
LITTLE = 0.05  # of what the suggested rate gains in as many steps


def learning_rate_test(subject: Subject) -> Seen:
    """A rate that grows from step to step on a copy, and the loss it leads to; then the user's rate held against it.

    What it does: the range test of `ravine find-lr`. Where the function returned an optimizer, the test uses a copy of
        it; a rate above that of the lowest loss, or far below the one suggested, is tried for sixty steps beside the
        suggested one, and is a finding only if those steps show it.
    Why it matters: the learning rate decides more than any other choice, and its right size differs by a
        thousand from model to model.
    Not to be mistaken for: the best rate: the one suggested is a safe beginning. A schedule is not looked at.
    """
    seconds = _step_seconds(subject)
    steps = min(STEPS, int(0.8 * subject.time_left / seconds)) if math.isfinite(subject.time_left) else STEPS
    if steps < FEWEST:
        return unsure(f"{STEPS} steps would take about {seconds * STEPS:.0f} s", "give it more time: --seconds 300")
    test = _test(subject, steps)
    name = "the optimizer given" if subject.rates else "AdamW"
    trace = Trace("Learning-rate test", test.rates, test.smoothed, across="learning rate", log_x=True)
    if not test.sure:
        return unsure(f"{test.reason} ({name})", "a longer test: ravine find-lr with --steps 400", trace)
    if not subject.rates:
        return passed(f"begin with about {test.suggested:.2g} for {name}: {test.reason}", trace)
    rate = max(subject.rates)
    said = f"the rate is {rate:.3g}; the test suggests {test.suggested:.2g}"
    high = rate > test.lowest
    if high or rate < test.suggested / LOW:
        (first, theirs), (_, ours) = _held(subject, rate), _held(subject, test.suggested)
        # A loss that is no number is not below anything either.
        if ours < first and not first - theirs >= LITTLE * (first - ours):
            return found(
                "diverges" if high else "crawls",
                f"At the optimizer's rate, {rate:.3g}, the loss goes from {first:.4g} to {theirs:.4g} in {TRIED} "
                f"steps; at {test.suggested:.2g} to {ours:.4g}.",
                trace,
                advice=f"{'Lower' if high else 'Raise'} the learning rate: `lr={test.suggested:.1g}`.",
                rate=rate,
                suggested=test.suggested,
            )
    return passed(f"{said}: {test.reason}", trace)


class _Whole(nn.Module):
    """Model and loss as one module of plain tensors, as the range test calls it."""

    def __init__(self, copy: Copy, rows: Rows) -> None:
        super().__init__()
        self.model = copy.model
        self._copy = [copy]  # in a list, so that its parameters are not counted twice
        self._rest, self._spec = pytree.tree_flatten((rows.args, rows.kwargs, rows.target))
        self._places = [i for i, leaf in enumerate(self._rest) if isinstance(leaf, Tensor) and leaf.dim()]

    def forward(self, *fields: Tensor) -> Tensor:
        leaves = list(self._rest)
        for place, field in zip(self._places, fields, strict=True):
            leaves[place] = field
        args, kwargs, target = pytree.tree_unflatten(leaves, self._spec)
        return self._copy[0].value(Rows.of(args, kwargs, target))

    def fields(self) -> list[Tensor]:
        """The tensors of all rows."""
        return [self._rest[place] for place in self._places]


def _test(subject: Subject, steps: int) -> RateTest:
    copy = subject.copy()
    whole = _Whole(copy, subject.rows)
    data: Any = (*whole.fields(), torch.zeros(subject.rows.count))
    optimizer: Any = "adamw" if copy.optimizer is None else copy.optimizer
    size = min(subject.batch_size or BATCH, subject.rows.count)
    return find_lr(
        whole,
        lambda value, _: value,
        data,
        optimizer=optimizer,
        steps=steps,
        batch_size=size,
        seed=subject.seed,
    )


def _held(subject: Subject, rate: float) -> tuple[float, float]:
    """The loss before the first and over the last of some steps at one rate."""
    copy = subject.copy()
    assert copy.optimizer is not None
    most = max(float(group["lr"]) for group in copy.optimizer.param_groups)
    for group in copy.optimizer.param_groups:
        group["lr"] = rate * (float(group["lr"]) / most)
    losses = []
    size = min(subject.batch_size or BATCH, subject.rows.count)
    for rows in batches(subject.rows, size, subject.seed):
        losses.append(step(copy, rows, copy.optimizer))
        if len(losses) == TRIED or not math.isfinite(losses[-1]):
            break
    edge = max(1, min(5, len(losses) // 4))
    return losses[0], sum(losses[-edge:]) / edge


def _step_seconds(subject: Subject) -> float:
    copy = subject.copy()
    rows = subject.rows.first(subject.batch_size or BATCH)
    begun = time.perf_counter()
    copy.model.train()
    copy.value(rows).backward()  # type: ignore[no-untyped-call]
    return time.perf_counter() - begun


LEARNING_RATE_TEST = Probe(
    name="learning-rate-test",
    look=learning_rate_test,
    symptoms=("diverges", "crawls"),
    needs=(FINITE, TRAINABLE, APART),
    share=2.0,
    source=Source("Smith", 2017, "Cyclical Learning Rates for Training Neural Networks", "section 3.3", "1506.01186"),
)
