"""Let the learning rate rise anew, from the place gone back to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ravine.core.sources import Source
from ravine.fit.repair.case import Case
from ravine.fit.repair.remedy import Change, Remedy

STEPS = (20, 500)
"""At least and at most; in between an epoch, or four times as far as the fault was away."""


def warm_up(case: Case) -> Sequence[Change]:
    """A linear rise to the rate of the schedule, so that second moments are known before steps are large."""
    far = max(case.steps_per_epoch, 4 * (case.fault.step - case.from_step))
    steps = min(max(far, STEPS[0]), STEPS[1])
    words = f"warmup over {steps} steps from step {case.from_step}"
    return [Change(words=words, adjusted=replace(case.adjusted, warm_from=case.from_step, warm_steps=steps))]


WARM_UP = Remedy(
    name="warm-up",
    changes=warm_up,
    prior=0.5,
    helps={"starts-too-hot": 1.5, "diverges": 0.2, "explodes": 0.2},
    source=Source("Goyal et al.", 2017, "Accurate, Large Minibatch SGD", arxiv="1706.02677"),
)
