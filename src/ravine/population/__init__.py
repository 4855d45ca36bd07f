"""Many members of one architecture, trained as one stacked model."""

from ravine.population.keeper import Keeper, LowestLoss
from ravine.population.population import MemberOutcome, Population

__all__ = ["Keeper", "LowestLoss", "MemberOutcome", "Population"]
