"""Regularization, one technique a file: the pure function on whole batches, then a small module."""

from __future__ import annotations

from ravine.regularize.cutout import Cutout, cutout, random_cutout
from ravine.regularize.flip import Flip, flip, random_flip
from ravine.regularize.label_smoothing import smooth_labels
from ravine.regularize.light import light
from ravine.regularize.mixup import Mixed, mix, mixup
from ravine.regularize.shift import Shift, random_shift, shift

__all__ = [
    "Cutout",
    "Flip",
    "Mixed",
    "Shift",
    "cutout",
    "flip",
    "light",
    "mix",
    "mixup",
    "random_cutout",
    "random_flip",
    "random_shift",
    "shift",
    "smooth_labels",
]
