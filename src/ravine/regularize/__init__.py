"""Regularization, one technique a file: the pure function on whole batches, then a small module."""

from __future__ import annotations

from ravine.regularize.alpha_dropout import AlphaDropout, alpha_dropout
from ravine.regularize.any_batch_norm import AnyBatchNorm, FrozenBatchNorm
from ravine.regularize.apply import apply, attached, remove
from ravine.regularize.augment import PRESETS, TRANSFORMS, Augment, RandAugment
from ravine.regularize.batch_of_one import explained_batch_of_one
from ravine.regularize.catalogue import TECHNIQUES
from ravine.regularize.cutmix import CutMix, cutmix
from ravine.regularize.cutout import Cutout, cutout, random_cutout
from ravine.regularize.decorrelated_batch_norm import (
    DecorrelatedBatchNorm,
    DecorrelatedBatchNorm1d,
    DecorrelatedBatchNorm2d,
)
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
from ravine.regularize.elastic_net import ElasticNet
from ravine.regularize.feature_dropout import FeatureDropout, feature_dropout
from ravine.regularize.feature_noise import FeatureNoise, feature_noise
from ravine.regularize.flip import Flip, flip, random_flip
from ravine.regularize.fractional_max_pool import FractionalMaxPool2d
from ravine.regularize.ghost_batch_norm import GhostBatchNorm
from ravine.regularize.gradient_noise import GradientNoise, gradient_noise
from ravine.regularize.input_noise import InputNoise, input_noise
from ravine.regularize.l1 import L1, soft_threshold
from ravine.regularize.l2 import L2
from ravine.regularize.label_smoothing import LabelSmoothing, smooth_labels
from ravine.regularize.light import light
from ravine.regularize.max_norm import MaxNorm, max_norm
from ravine.regularize.mc_predict import MonteCarlo, mc_predict
from ravine.regularize.mixup import Mixed, MixUp, mix, mixup
from ravine.regularize.norms import NORMS, Norm, make_norm
from ravine.regularize.penalty import Penalty
from ravine.regularize.penalty_report import PenaltyReport, TensorReport, penalty_report
from ravine.regularize.recompute_batch_norm import recompute_batch_norm
from ravine.regularize.shift import Shift, random_shift, shift
from ravine.regularize.spatial_dropout import SpatialDropout, spatial_dropout
from ravine.regularize.stochastic_depth import StochasticDepth, drop_branch
from ravine.regularize.swap_norm import swap_norm
from ravine.regularize.variational_dropout import VariationalDropout, variational_dropout
from ravine.regularize.weight_noise import WeightNoise, weight_noise
from ravine.regularize.weight_standardization import WeightStandardization, standardize_weight
from ravine.regularize.weights import WeightFilter

__all__ = [
    "L1",
    "L2",
    "NORMS",
    "PRESETS",
    "TECHNIQUES",
    "TRANSFORMS",
    "AlphaDropout",
    "AnyBatchNorm",
    "Augment",
    "CutMix",
    "Cutout",
    "DecorrelatedBatchNorm",
    "DecorrelatedBatchNorm1d",
    "DecorrelatedBatchNorm2d",
    "DropBlock",
    "DropConnect",
    "Dropout",
    "ElasticNet",
    "FeatureDropout",
    "FeatureNoise",
    "Flip",
    "FractionalMaxPool2d",
    "FrozenBatchNorm",
    "GhostBatchNorm",
    "GradientNoise",
    "InputNoise",
    "LabelSmoothing",
    "MaxNorm",
    "MixUp",
    "Mixed",
    "Moments",
    "MonteCarlo",
    "Norm",
    "Penalty",
    "PenaltyReport",
    "RandAugment",
    "Shift",
    "SpatialDropout",
    "StochasticDepth",
    "TensorReport",
    "VariationalDropout",
    "WeightFilter",
    "WeightNoise",
    "WeightStandardization",
    "alpha_dropout",
    "apply",
    "attached",
    "average_activation",
    "cutmix",
    "cutout",
    "drop_branch",
    "drop_connect",
    "drop_connect_rows",
    "dropblock",
    "dropout",
    "explained_batch_of_one",
    "feature_dropout",
    "feature_noise",
    "flip",
    "gaussian_moments",
    "gradient_noise",
    "input_noise",
    "light",
    "make_norm",
    "max_norm",
    "mc_predict",
    "mix",
    "mixup",
    "penalty_report",
    "random_cutout",
    "random_flip",
    "random_shift",
    "recompute_batch_norm",
    "remove",
    "shift",
    "smooth_labels",
    "soft_threshold",
    "spatial_dropout",
    "standardize_weight",
    "swap_norm",
    "variational_dropout",
    "weight_noise",
]
