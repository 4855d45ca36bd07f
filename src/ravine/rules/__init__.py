"""Update rules, one a file, pure. The list below is the only list."""

from __future__ import annotations

from ravine.core.catalogue import Catalogue
from ravine.rules.adabelief import ADABELIEF
from ravine.rules.adagrad import ADAGRAD
from ravine.rules.adainject import ADAINJECT
from ravine.rules.adam import ADAM
from ravine.rules.adamw import ADAMW
from ravine.rules.amsgrad import AMSGRAD
from ravine.rules.angulargrad import ANGULARGRAD
from ravine.rules.diffgrad import DIFFGRAD
from ravine.rules.lamb import LAMB
from ravine.rules.lion import LION
from ravine.rules.lookahead import LOOKAHEAD
from ravine.rules.momentum import MOMENTUM
from ravine.rules.muon import MUON
from ravine.rules.nadam import NADAM
from ravine.rules.nesterov import NESTEROV
from ravine.rules.radam import RADAM
from ravine.rules.rmsprop import RMSPROP
from ravine.rules.rule import Rates, Reach, Rule
from ravine.rules.sam import SAM
from ravine.rules.schedule_free_adamw import SCHEDULE_FREE_ADAMW
from ravine.rules.schedule_free_sgd import SCHEDULE_FREE_SGD
from ravine.rules.sgd import SGD
from ravine.rules.wrapper import Wrapper

RULES: Catalogue[Rule] = Catalogue(
    "optimizer",
    [
        SGD,
        MOMENTUM,
        NESTEROV,
        ADAGRAD,
        RMSPROP,
        ADAM,
        AMSGRAD,
        ADAMW,
        NADAM,
        DIFFGRAD,
        RADAM,
        ADABELIEF,
        ANGULARGRAD,
        ADAINJECT,
        LION,
        LAMB,
        MUON,
        SCHEDULE_FREE_SGD,
        SCHEDULE_FREE_ADAMW,
    ],
    lambda rule: rule.name,
)
"""Every rule that makes a direction from a gradient."""

WRAPPERS: Catalogue[Wrapper] = Catalogue("wrapper", [LOOKAHEAD, SAM], lambda wrapper: wrapper.name)
"""What goes around another rule."""

__all__ = ["RULES", "WRAPPERS", "Rates", "Reach", "Rule", "Wrapper"]
