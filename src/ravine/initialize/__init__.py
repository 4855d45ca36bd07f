"""Initialization: schemes by name, one a file; a whole network by activation; the output bias."""

from __future__ import annotations

from ravine.initialize.apply import apply
from ravine.initialize.catalogue import SCHEMES
from ravine.initialize.gains import GAINS
from ravine.initialize.head import find_head, output_bias
from ravine.initialize.scheme import Scheme

__all__ = ["GAINS", "SCHEMES", "Scheme", "apply", "find_head", "output_bias"]
