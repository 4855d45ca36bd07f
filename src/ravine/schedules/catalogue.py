"""Every schedule by its name."""

from __future__ import annotations

from ravine.core.catalogue import Catalogue
from ravine.schedules.constant import Constant
from ravine.schedules.cosine import Cosine
from ravine.schedules.cosine_restarts import CosineRestarts
from ravine.schedules.cyclic import Cyclic
from ravine.schedules.exponential import Exponential
from ravine.schedules.inverse_time import InverseTime
from ravine.schedules.linear import Linear
from ravine.schedules.multi_step import MultiStep
from ravine.schedules.one_cycle import OneCycle
from ravine.schedules.polynomial import Polynomial
from ravine.schedules.schedule import Schedule, name_of
from ravine.schedules.step import Step
from ravine.schedules.warmup import Warmup
from ravine.schedules.warmup_stable_decay import WarmupStableDecay

_KINDS: list[type[Schedule]] = [
    Constant,
    Linear,
    Cosine,
    OneCycle,
    Step,
    MultiStep,
    Exponential,
    InverseTime,
    Polynomial,
    CosineRestarts,
    Cyclic,
    Warmup,
    WarmupStableDecay,
]

CATALOGUE: Catalogue[type[Schedule]] = Catalogue("schedule", _KINDS, name=name_of)
"""Every schedule of time by its name, the name of its file: "cosine-restarts" → CosineRestarts."""
