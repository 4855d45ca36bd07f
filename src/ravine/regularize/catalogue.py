"""The only list of regularization techniques."""

from __future__ import annotations

from ravine.core.catalogue import Catalogue
from ravine.regularize.alpha_dropout import ALPHA_DROPOUT
from ravine.regularize.augment.augment import AUGMENT
from ravine.regularize.cutmix import CUTMIX
from ravine.regularize.dropblock import DROPBLOCK
from ravine.regularize.dropconnect import DROPCONNECT
from ravine.regularize.dropout import DROPOUT
from ravine.regularize.elastic_net import ELASTIC_NET
from ravine.regularize.feature_dropout import FEATURE_DROPOUT
from ravine.regularize.feature_noise import FEATURE_NOISE
from ravine.regularize.fractional_max_pool import FRACTIONAL_MAX_POOL
from ravine.regularize.gradient_noise import GRADIENT_NOISE
from ravine.regularize.input_noise import INPUT_NOISE
from ravine.regularize.l1 import L1_NORM
from ravine.regularize.l2 import L2_NORM
from ravine.regularize.label_smoothing import LABEL_SMOOTHING
from ravine.regularize.max_norm import MAX_NORM
from ravine.regularize.mixup import MIXUP
from ravine.regularize.spatial_dropout import SPATIAL_DROPOUT
from ravine.regularize.stochastic_depth import STOCHASTIC_DEPTH
from ravine.regularize.technique import Technique
from ravine.regularize.variational_dropout import VARIATIONAL_DROPOUT
from ravine.regularize.weight_noise import WEIGHT_NOISE
from ravine.regularize.weight_standardization import WEIGHT_STANDARDIZATION

TECHNIQUES: Catalogue[Technique] = Catalogue(
    "regularization technique",
    [
        DROPOUT,
        SPATIAL_DROPOUT,
        ALPHA_DROPOUT,
        VARIATIONAL_DROPOUT,
        DROPBLOCK,
        STOCHASTIC_DEPTH,
        INPUT_NOISE,
        FRACTIONAL_MAX_POOL,
        DROPCONNECT,
        WEIGHT_NOISE,
        GRADIENT_NOISE,
        WEIGHT_STANDARDIZATION,
        L1_NORM,
        L2_NORM,
        ELASTIC_NET,
        MAX_NORM,
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
