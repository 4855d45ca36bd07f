"""Averages of the weights over a training: which weights are taken, and with what weight, one kind a file."""

from __future__ import annotations

from ravine.optim.averages.average import Average
from ravine.optim.averages.averaged import Averaged
from ravine.optim.averages.ema import EMA
from ravine.optim.averages.lawa import LAWA
from ravine.optim.averages.parse import AVERAGES, parse
from ravine.optim.averages.polyak import Polyak
from ravine.optim.averages.swa import SWA

__all__ = ["AVERAGES", "EMA", "LAWA", "SWA", "Average", "Averaged", "Polyak", "parse"]
