"""Rules as torch optimizers: drivers, engines, parameter groups. The only room that changes parameters."""

from __future__ import annotations

from ravine.optim.build import build
from ravine.optim.classes import CLASSES, OPTIMIZERS
from ravine.optim.driver import RuleOptimizer
from ravine.optim.groups import param_groups

SGD = CLASSES["SGD"]
Adam = CLASSES["Adam"]
AdamW = CLASSES["AdamW"]

__all__ = ["OPTIMIZERS", "SGD", "Adam", "AdamW", "RuleOptimizer", "build", "param_groups"]
