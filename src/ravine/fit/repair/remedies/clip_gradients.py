"""Clip the gradient norm, at a percentile of the norms seen while all was well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ravine.core.sources import Source
from ravine.fit.repair.case import Case
from ravine.fit.repair.remedy import Change, Remedy

PERCENTILE = 0.9
FEWEST = 5
TIGHTER = 0.3
"""Of the present limit, where the gradient is clipped below that percentile already."""


def limit_of(case: Case) -> float | None:
    """The norm to clip at; None where too few are known."""
    known = sorted(case.norms)
    if len(known) < FEWEST or known[-1] <= 0:
        return None
    limit = known[int(PERCENTILE * (len(known) - 1))]
    if case.clip_norm is not None:
        limit = min(limit, TIGHTER * case.clip_norm)
    return limit if limit > 0 else None


def clip_gradients(case: Case) -> Sequence[Change]:
    """The ninetieth percentile; where it is clipped lower than that already, three tenths of the limit."""
    limit = limit_of(case)
    if limit is None:
        return []
    return [Change(words=f"gradient norm at most {limit:.3g}", adjusted=replace(case.adjusted, clip_norm=limit))]


CLIP_GRADIENTS = Remedy(
    name="clip-gradients",
    changes=clip_gradients,
    prior=0.6,
    helps={"explodes": 1.5, "needs-clipping": 1.5, "turns-nan": 0.3, "diverges": 0.3},
    source=Source("Pascanu et al.", 2013, "On the Difficulty of Training Recurrent Neural Networks", arxiv="1211.5063"),
)
