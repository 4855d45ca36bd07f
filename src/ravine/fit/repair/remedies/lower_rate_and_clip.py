"""A tenth of the learning rate, and clipping: for what neither mends alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ravine.core.sources import Source
from ravine.fit.repair.case import Case
from ravine.fit.repair.remedies.clip_gradients import limit_of
from ravine.fit.repair.remedy import Change, Remedy

FACTOR = 0.1


def lower_rate_and_clip(case: Case) -> Sequence[Change]:
    """Both at once."""
    limit = limit_of(case)
    if limit is None:
        return []
    words = f"learning rate × {FACTOR:g} and gradient norm at most {limit:.3g}"
    return [Change(words=words, adjusted=replace(case.adjusted, rate=FACTOR * case.adjusted.rate, clip_norm=limit))]


LOWER_RATE_AND_CLIP = Remedy(
    name="lower-rate-and-clip",
    changes=lower_rate_and_clip,
    prior=0.3,
    helps={"explodes": 0.8, "diverges": 0.1},
    source=Source("Pascanu et al.", 2013, "On the Difficulty of Training Recurrent Neural Networks", arxiv="1211.5063"),
)
