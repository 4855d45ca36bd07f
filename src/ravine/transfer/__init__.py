"""What was learned elsewhere, put to use: pretrained bodies, frozen, slowed down, or left behind."""

from __future__ import annotations

from ravine.transfer.automatic import Choice, Trial, choose_plan
from ravine.transfer.features import cached, features_of
from ravine.transfer.freeze import freeze, is_frozen, unfreeze
from ravine.transfer.head import fit_head, name_of_head, replace_head
from ravine.transfer.l2_sp import L2SP, l2_sp
from ravine.transfer.logme import log_evidence
from ravine.transfer.parts import Part, parts_of
from ravine.transfer.plans import PLANS, Ready, ready
from ravine.transfer.probe import Solved, solve_head
from ravine.transfer.rates import Rated, rate_scales
from ravine.transfer.setting import Setting
from ravine.transfer.similarity import Compared, Known, known_of, randomized
from ravine.transfer.unfreezing import Unfreezing

__all__ = [
    "L2SP",
    "PLANS",
    "Choice",
    "Compared",
    "Known",
    "Part",
    "Rated",
    "Ready",
    "Setting",
    "Solved",
    "Trial",
    "Unfreezing",
    "cached",
    "choose_plan",
    "features_of",
    "fit_head",
    "freeze",
    "is_frozen",
    "known_of",
    "l2_sp",
    "log_evidence",
    "name_of_head",
    "parts_of",
    "randomized",
    "rate_scales",
    "ready",
    "replace_head",
    "solve_head",
    "unfreeze",
]
