"""Initialization: schemes by name, one a file; a whole network by activation; the output bias."""

from __future__ import annotations

from ravine.initialize.activations import ACTIVATIONS, Activation
from ravine.initialize.apply import apply
from ravine.initialize.catalogue import SCHEMES
from ravine.initialize.head import find_head, output_bias
from ravine.initialize.scheme import Scheme

__all__ = ["ACTIVATIONS", "SCHEMES", "Activation", "Scheme", "apply", "find_head", "output_bias"]
