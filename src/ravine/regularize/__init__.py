"""Regularization, one technique a file: the pure function on whole batches, then a small module."""

from __future__ import annotations

from ravine.regularize.apply import apply, attached, remove
from ravine.regularize.catalogue import TECHNIQUES
from ravine.regularize.cutout import Cutout, cutout, random_cutout
from ravine.regularize.dropconnect import (
    DropConnect,
    Moments,
    average_activation,
    drop_connect,
    drop_connect_rows,
    gaussian_moments,
)
from ravine.regularize.flip import Flip, flip, random_flip
from ravine.regularize.label_smoothing import smooth_labels
from ravine.regularize.light import light
from ravine.regularize.mixup import Mixed, mix, mixup
from ravine.regularize.shift import Shift, random_shift, shift

__all__ = [
    "TECHNIQUES",
    "Cutout",
    "DropConnect",
    "Flip",
    "Mixed",
    "Moments",
    "Shift",
    "apply",
    "attached",
    "average_activation",
    "cutout",
    "drop_connect",
    "drop_connect_rows",
    "flip",
    "gaussian_moments",
    "light",
    "mix",
    "mixup",
    "random_cutout",
    "random_flip",
    "random_shift",
    "remove",
    "shift",
    "smooth_labels",
]
