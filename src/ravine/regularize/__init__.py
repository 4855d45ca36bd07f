"""Regularization, one technique a file: the pure function on whole batches, then a small module."""

from __future__ import annotations

from ravine.regularize.alpha_dropout import AlphaDropout, alpha_dropout
from ravine.regularize.apply import apply, attached, remove
from ravine.regularize.augment import PRESETS, TRANSFORMS, Augment, RandAugment
from ravine.regularize.catalogue import TECHNIQUES
from ravine.regularize.cutmix import CutMix, cutmix
from ravine.regularize.cutout import Cutout, cutout, random_cutout
from ravine.regularize.dropblock import DropBlock, dropblock
from ravine.regularize.dropconnect import (
    DropConnect,
    Moments,
    average_activation,
    drop_connect,
    drop_connect_rows,
    gaussian_moments,
)
from ravine.regularize.dropout import Dropout, dropout
from ravine.regularize.feature_dropout import FeatureDropout, feature_dropout
from ravine.regularize.feature_noise import FeatureNoise, feature_noise
from ravine.regularize.flip import Flip, flip, random_flip
from ravine.regularize.label_smoothing import LabelSmoothing, smooth_labels
from ravine.regularize.light import light
from ravine.regularize.mixup import Mixed, MixUp, mix, mixup
from ravine.regularize.shift import Shift, random_shift, shift
from ravine.regularize.spatial_dropout import SpatialDropout, spatial_dropout
from ravine.regularize.variational_dropout import VariationalDropout, variational_dropout

__all__ = [
    "PRESETS",
    "TECHNIQUES",
    "TRANSFORMS",
    "AlphaDropout",
    "Augment",
    "CutMix",
    "Cutout",
    "DropBlock",
    "DropConnect",
    "Dropout",
    "FeatureDropout",
    "FeatureNoise",
    "Flip",
    "LabelSmoothing",
    "MixUp",
    "Mixed",
    "Moments",
    "RandAugment",
    "Shift",
    "SpatialDropout",
    "VariationalDropout",
    "alpha_dropout",
    "apply",
    "attached",
    "average_activation",
    "cutmix",
    "cutout",
    "drop_connect",
    "drop_connect_rows",
    "dropblock",
    "dropout",
    "feature_dropout",
    "feature_noise",
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
    "spatial_dropout",
    "variational_dropout",
]
