"""Initialization: schemes by name, one a file; a whole network by activation or by a batch; a look before training."""

from __future__ import annotations

from ravine.initialize.activations import ACTIVATIONS, Activation
from ravine.initialize.apply import apply
from ravine.initialize.catalogue import SCHEMES
from ravine.initialize.head import find_head, output_bias
from ravine.initialize.identity_residual import identity_residual
from ravine.initialize.lsuv import Lsuv, Scaled, lsuv
from ravine.initialize.probe import Probe, probe
from ravine.initialize.scheme import Scheme
from ravine.initialize.seen import LayerProbe
from ravine.initialize.swap_activation import swap_activation

__all__ = [
    "ACTIVATIONS",
    "SCHEMES",
    "Activation",
    "LayerProbe",
    "Lsuv",
    "Probe",
    "Scaled",
    "Scheme",
    "apply",
    "find_head",
    "identity_residual",
    "lsuv",
    "output_bias",
    "probe",
    "swap_activation",
]
