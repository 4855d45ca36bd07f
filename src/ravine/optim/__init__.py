"""Rules as torch optimizers: drivers, engines, parameter groups. The only room that changes parameters."""

from __future__ import annotations

from ravine.optim.build import build
from ravine.optim.classes import CLASSES, OPTIMIZERS
from ravine.optim.driver import RuleOptimizer
from ravine.optim.groups import param_groups
from ravine.optim.newton import Newton
from ravine.optim.quasi_newton import BFGS, LBFGS
from ravine.optim.stacked import Stacked
from ravine.optim.switch import SwitchTo
from ravine.optim.switch_when import Plateau, Swats
from ravine.optim.wrapped import SAM, Lookahead

SGD = CLASSES["SGD"]
Adagrad = CLASSES["Adagrad"]
RMSprop = CLASSES["RMSprop"]
Adam = CLASSES["Adam"]
AdamW = CLASSES["AdamW"]
NAdam = CLASSES["NAdam"]
DiffGrad = CLASSES["DiffGrad"]
RAdam = CLASSES["RAdam"]
AdaBelief = CLASSES["AdaBelief"]
AngularGrad = CLASSES["AngularGrad"]
AdaInject = CLASSES["AdaInject"]
Lion = CLASSES["Lion"]
LAMB = CLASSES["LAMB"]
Muon = CLASSES["Muon"]
ScheduleFree = CLASSES["ScheduleFree"]

__all__ = [
    "BFGS",
    "LAMB",
    "LBFGS",
    "OPTIMIZERS",
    "SAM",
    "SGD",
    "AdaBelief",
    "AdaInject",
    "Adagrad",
    "Adam",
    "AdamW",
    "AngularGrad",
    "DiffGrad",
    "Lion",
    "Lookahead",
    "Muon",
    "NAdam",
    "Newton",
    "Plateau",
    "RAdam",
    "RMSprop",
    "RuleOptimizer",
    "ScheduleFree",
    "Stacked",
    "Swats",
    "SwitchTo",
    "build",
    "param_groups",
]
