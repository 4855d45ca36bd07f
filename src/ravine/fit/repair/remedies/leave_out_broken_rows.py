"""Leave out the rows that hold NaN or an infinity: the fault is in the data, and no setting mends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ravine.core.sources import Source
from ravine.fit.repair.case import Case
from ravine.fit.repair.remedy import Change, Remedy


def leave_out_broken_rows(case: Case) -> Sequence[Change]:
    """The whole rows alone, from training and validation data; nothing where the batch of the fault was whole."""
    if not case.broken_rows:
        return []
    return [
        Change(
            words="rows that hold NaN or an infinity are left out",
            adjusted=replace(case.adjusted, whole_rows=True),
        )
    ]


LEAVE_OUT_BROKEN_ROWS = Remedy(
    name="leave-out-broken-rows",
    changes=leave_out_broken_rows,
    prior=1.0,
    helps={"has-nan-in-data": 10.0},
    source=Source("Breck et al.", 2019, "Data Validation for Machine Learning", "MLSys"),
)
