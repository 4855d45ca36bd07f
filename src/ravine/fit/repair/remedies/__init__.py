"""The remedies there are: the only list, and their order where as much speaks for one as for another."""

from ravine.core.catalogue import Catalogue
from ravine.fit.repair.case import Case
from ravine.fit.repair.remedies.clip_gradients import CLIP_GRADIENTS
from ravine.fit.repair.remedies.initialize_otherwise import INITIALIZE_OTHERWISE
from ravine.fit.repair.remedies.leave_out_broken_rows import LEAVE_OUT_BROKEN_ROWS
from ravine.fit.repair.remedies.lower_rate import LOWER_RATE
from ravine.fit.repair.remedies.lower_rate_and_clip import LOWER_RATE_AND_CLIP
from ravine.fit.repair.remedies.normalize_otherwise import NORMALIZE_OTHERWISE
from ravine.fit.repair.remedies.use_float32 import USE_FLOAT32
from ravine.fit.repair.remedies.warm_up import WARM_UP
from ravine.fit.repair.remedy import Remedy

REMEDIES: Catalogue[Remedy] = Catalogue(
    "remedy",
    (
        LEAVE_OUT_BROKEN_ROWS,
        LOWER_RATE,
        USE_FLOAT32,
        CLIP_GRADIENTS,
        WARM_UP,
        LOWER_RATE_AND_CLIP,
        INITIALIZE_OTHERWISE,
        NORMALIZE_OTHERWISE,
    ),
    name=lambda remedy: remedy.name,
)


def ranked(case: Case) -> list[Remedy]:
    """Those that apply, by what speaks for them."""
    there = [remedy for remedy in REMEDIES.values() if remedy.changes(case)]
    return sorted(there, key=lambda remedy: -remedy.promise(case))
