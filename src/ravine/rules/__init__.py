"""Update rules, one a file, pure. The list below is the only list."""

from __future__ import annotations

from ravine.core.catalogue import Catalogue
from ravine.rules.adam import ADAM
from ravine.rules.adamw import ADAMW
from ravine.rules.momentum import MOMENTUM
from ravine.rules.nesterov import NESTEROV
from ravine.rules.rule import Rates, Reach, Rule
from ravine.rules.sgd import SGD

RULES: Catalogue[Rule] = Catalogue(
    "optimizer",
    [SGD, MOMENTUM, NESTEROV, ADAM, ADAMW],
    lambda rule: rule.name,
)

__all__ = ["RULES", "Rates", "Reach", "Rule"]
