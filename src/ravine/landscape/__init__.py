"""Surfaces of two parameters, and races of optimizers on them."""

from __future__ import annotations

from ravine.landscape.race import Lane, Race, race
from ravine.landscape.surfaces import SURFACES, Surface

__all__ = ["SURFACES", "Lane", "Race", "Surface", "race"]
