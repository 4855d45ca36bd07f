"""Begin anew with other first weights."""

from __future__ import annotations

from collections.abc import Sequence

from ravine.core.sources import Source
from ravine.fit.repair.case import Case
from ravine.fit.repair.remedy import Change, Remedy

SCHEMES = ("auto", "lsuv")


def initialize_otherwise(case: Case) -> Sequence[Change]:
    """Weights by the activation, then weights scaled by the data; only while nothing good exists yet."""
    if case.model is None or case.from_step > 0:
        return []
    now = case.model.get("initialization", "auto")
    return [
        Change(words=f"new first weights: {scheme}", adjusted=case.adjusted, model={"initialization": scheme})
        for scheme in SCHEMES
        if scheme != now
    ]


INITIALIZE_OTHERWISE = Remedy(
    name="initialize-otherwise",
    changes=initialize_otherwise,
    prior=0.2,
    helps={"starts-too-large": 1.5, "starts-off": 0.5, "explodes": 0.6, "starts-too-small": 0.6, "vanishes": 0.6},
    source=Source("Mishkin & Matas", 2016, "All You Need Is a Good Init", arxiv="1511.06422"),
)
