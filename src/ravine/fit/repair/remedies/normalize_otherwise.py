"""Begin anew with another normalization."""

from __future__ import annotations

from collections.abc import Sequence

from ravine.core.sources import Source
from ravine.fit.repair.case import Case
from ravine.fit.repair.remedy import Change, Remedy

NORM = "layer"


def normalize_otherwise(case: Case) -> Sequence[Change]:
    """Normalization of each row by itself, which no batch throws off; only while nothing good exists yet."""
    if case.model is None or case.from_step > 0 or case.model.get("norm") == NORM:
        return []
    return [Change(words=f"begun anew with {NORM} norm", adjusted=case.adjusted, model={"norm": NORM})]


NORMALIZE_OTHERWISE = Remedy(
    name="normalize-otherwise",
    changes=normalize_otherwise,
    prior=0.1,
    helps={"explodes": 0.4, "batch-too-small-for-batch-norm": 1.5, "has-stale-batch-norm": 1.0},
    source=Source("Ba et al.", 2016, "Layer Normalization", arxiv="1607.06450"),
)
