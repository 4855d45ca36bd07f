"""The only list of regularization techniques."""

from __future__ import annotations

from ravine.core.catalogue import Catalogue
from ravine.regularize.augment.augment import AUGMENT
from ravine.regularize.cutmix import CUTMIX
from ravine.regularize.dropconnect import DROPCONNECT
from ravine.regularize.feature_dropout import FEATURE_DROPOUT
from ravine.regularize.feature_noise import FEATURE_NOISE
from ravine.regularize.label_smoothing import LABEL_SMOOTHING
from ravine.regularize.mixup import MIXUP
from ravine.regularize.technique import Technique

TECHNIQUES: Catalogue[Technique] = Catalogue(
    "regularization technique",
    [
        DROPCONNECT,
        AUGMENT,
        CUTMIX,
        FEATURE_DROPOUT,
        FEATURE_NOISE,
        LABEL_SMOOTHING,
        MIXUP,
    ],
    name=lambda technique: technique.name,
)
"""Every technique by name; the recipe, the command line and the pages read this."""
