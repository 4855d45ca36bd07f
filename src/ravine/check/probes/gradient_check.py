"""Gradient check: is the backward pass right?"""

from __future__ import annotations

import time
from typing import Any

from torch import Tensor

from ravine.check.needs import FINITE, TRAINABLE
from ravine.check.probe import Probe, Seen, found, passed, unsure
from ravine.check.rows import Rows
from ravine.check.subject import Subject
from ravine.core.errors import BadValue
from ravine.core.sources import Source
from ravine.optim.gradcheck import GradCheck, gradcheck

EXAMPLES = 4
SAMPLES = 6
_EVALUATIONS = 2 * SAMPLES + 12  # of the loss, for each tensor


def gradient_check(subject: Subject) -> Seen:
    """A few coordinates of every parameter's gradient beside central differences in float64.

    What it does: `ravine.gradcheck` on a copy and four examples, with six coordinates of a tensor and one derivative
        along a random direction, which reaches all others.
    Why it matters: a wrong backward pass of one's own seldom crashes; the loss falls a little slower.
    Not to be mistaken for: kinks (ReLU, max-pooling), which are found and set aside. `ravine gradcheck` asks more
        thoroughly.
    """
    rows = subject.rows.first(EXAMPLES)
    needed = subject.tensors * _EVALUATIONS * _seconds(subject, rows)
    command = f"ravine gradcheck {subject.spec or 'FILE.PY:FUNCTION'}"
    if needed > subject.time_left:
        return unsure(f"it would take about {needed:.0f} s", f"give it more time: --seconds 600, or {command}")
    copy = subject.copy()
    copy.model.train()
    try:
        result = gradcheck(copy.model, copy.loss, _batch(rows), samples=SAMPLES, seed=subject.seed)
    except BadValue as error:
        return unsure(str(error).removeprefix("gradcheck: "), command)
    checked = sum(row.checked for row in result.rows)
    tensors = sum(row.checked > 0 for row in result.rows)
    if result.passed:
        worst = max((row.error for row in result.rows), default=0.0)
        return passed(f"{checked} coordinates of {tensors} tensors agree, to {worst:.0e} at worst")
    return _wrong(result)


def _wrong(result: GradCheck) -> Seen:
    row = result.wrong[0]
    names = ", ".join(one.name for one in result.wrong[:3])
    where = f" The fault is in {result.culprit}." if result.culprit else ""
    said = f"The gradients of {names} are not those of the loss"
    if row.verdict == "not finite":
        return found("turns-nan", f"{said}: the backward pass gives NaN or infinity.{where}")
    return found(
        "ascends" if _turned(result) else "stalls",
        f"{said}: {row.name}{row.worst}.{where}" if row.worst else f"{said}.{where}",
        advice="Correct that backward pass; `ravine gradcheck` shows every tensor.",
        tensors=[one.name for one in result.wrong],
        culprit=str(result.culprit) if result.culprit else None,
    )


def _turned(result: GradCheck) -> bool:
    """Whether a gradient has the wrong sign."""
    return any(row.worst is not None and row.worst.analytic * row.worst.numeric < 0 for row in result.wrong)


def _batch(rows: Rows) -> Any:
    """As `gradcheck` takes it."""
    inputs: Any = rows.kwargs or (rows.args if len(rows.args) > 1 else rows.args[0])
    if not rows.target:
        return inputs
    return (*rows.args, rows.target[0]) if not rows.kwargs else (inputs, rows.target[0])


def _seconds(subject: Subject, rows: Rows) -> float:
    """Of one evaluation, the second time."""
    copy = subject.copy()
    copy.model.train()
    spans = []
    for _ in range(2):
        begun = time.perf_counter()
        value: Tensor = copy.value(rows)
        float(value.detach())
        spans.append(time.perf_counter() - begun)
    return spans[-1]


GRADIENT_CHECK = Probe(
    name="gradient-check",
    look=gradient_check,
    symptoms=("ascends", "stalls", "turns-nan"),
    needs=(FINITE, TRAINABLE),
    share=2.0,
    source=Source(
        "Rumelhart, Hinton & Williams", 1986, "Learning Representations by Back-Propagating Errors", "Nature 323"
    ),
)
