"""Compute in float32 what was computed in a lower precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ravine.core.sources import Source
from ravine.fit.repair.case import Case
from ravine.fit.repair.remedy import Change, Remedy


def use_float32(case: Case) -> Sequence[Change]:
    """Float32 throughout; nothing where that is so already."""
    if case.precision == "float32":
        return []
    return [Change(words=f"float32 in place of {case.precision}", adjusted=replace(case.adjusted, precision="float32"))]


USE_FLOAT32 = Remedy(
    name="use-float32",
    changes=use_float32,
    prior=0.7,
    helps={"overflows": 2.0, "turns-nan": 0.5},
    source=Source("Micikevicius et al.", 2018, "Mixed Precision Training", arxiv="1710.03740"),
)
