"""Lower the learning rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ravine.core.sources import Source
from ravine.fit.repair.case import Case
from ravine.fit.repair.remedy import Change, Remedy

FACTORS = (0.3, 0.1, 0.01, 0.001, 0.0001)


def lower_rate(case: Case) -> Sequence[Change]:
    """The same training at a third of the rate, a tenth, and further down while that helps."""
    return [
        Change(words=f"learning rate × {factor:g}", adjusted=replace(case.adjusted, rate=case.adjusted.rate * factor))
        for factor in FACTORS
    ]


LOWER_RATE = Remedy(
    name="lower-rate",
    changes=lower_rate,
    prior=1.0,
    helps={"diverges": 1.0, "turns-nan": 0.5, "bounces": 0.5, "starts-too-hot": 0.5, "explodes": 0.3},
    ladder=True,
    source=Source("Bengio", 2012, "Practical Recommendations for Gradient-Based Training", arxiv="1206.5533"),
)
