"""Learning-rate schedules, one a file: frozen, callable, step → factor of the base rate; feedback beside them."""

from __future__ import annotations

from ravine.schedules.build import build
from ravine.schedules.catalogue import CATALOGUE
from ravine.schedules.constant import Constant
from ravine.schedules.cosine import Cosine
from ravine.schedules.cosine_restarts import CosineRestarts
from ravine.schedules.cyclic import Cyclic
from ravine.schedules.exponential import Exponential
from ravine.schedules.inverse_time import InverseTime
from ravine.schedules.join import Joined, join
from ravine.schedules.linear import Linear
from ravine.schedules.multi_step import MultiStep
from ravine.schedules.one_cycle import OneCycle
from ravine.schedules.parse import parse
from ravine.schedules.plateau import Guided, Plateau, PlateauState
from ravine.schedules.polynomial import Polynomial
from ravine.schedules.repeat import Repeated, repeat
from ravine.schedules.scale import Scaled, scale
from ravine.schedules.schedule import Schedule, name_of
from ravine.schedules.step import Step
from ravine.schedules.warmup import Warmup
from ravine.schedules.warmup_stable_decay import WarmupStableDecay

__all__ = [
    "CATALOGUE",
    "Constant",
    "Cosine",
    "CosineRestarts",
    "Cyclic",
    "Exponential",
    "Guided",
    "InverseTime",
    "Joined",
    "Linear",
    "MultiStep",
    "OneCycle",
    "Plateau",
    "PlateauState",
    "Polynomial",
    "Repeated",
    "Scaled",
    "Schedule",
    "Step",
    "Warmup",
    "WarmupStableDecay",
    "build",
    "join",
    "name_of",
    "parse",
    "repeat",
    "scale",
]
