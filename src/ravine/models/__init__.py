"""Small, seeded networks with documented shapes, sized to the data; and other people's."""

from __future__ import annotations

from ravine.models.advice import Advice, advise
from ravine.models.build import Built, build
from ravine.models.catalogue import FAMILIES
from ravine.models.describe import LayerText, describe, example
from ravine.models.unit_graph import UnitGraph

__all__ = ["FAMILIES", "Advice", "Built", "LayerText", "UnitGraph", "advise", "build", "describe", "example"]
