"""Several networks that answer as one: averaged, chosen by validation, and how much they differ."""

from ravine.ensemble.averaging import averaged
from ravine.ensemble.diversity import Ambiguity, ambiguity, disagreement, error_correlation
from ravine.ensemble.ensemble import Ensemble
from ravine.ensemble.selection import greedy_selection

__all__ = ["Ambiguity", "Ensemble", "ambiguity", "averaged", "disagreement", "error_correlation", "greedy_selection"]
