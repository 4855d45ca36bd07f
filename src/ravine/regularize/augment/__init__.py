"""Augmentation of pictures: one transform a file, each a function, its random form and a module.

A `Pipeline` multiplies neighbouring changes of place into one matrix and neighbouring changes of colour into one
map, so that pictures are read once for each. Masks move along with their pictures.
"""

from __future__ import annotations

from ravine.regularize.augment.augment import Augment
from ravine.regularize.augment.blur import Blur, blur, random_blur
from ravine.regularize.augment.brightness import Brightness, adjust_brightness, random_brightness
from ravine.regularize.augment.catalogue import TRANSFORMS
from ravine.regularize.augment.color_cast import ColorCast, color_cast, random_color_cast
from ravine.regularize.augment.contrast import Contrast, adjust_contrast, random_contrast
from ravine.regularize.augment.crop import Crop, crop, random_crop
from ravine.regularize.augment.elastic import Elastic, elastic, random_elastic, smooth_moves
from ravine.regularize.augment.gaussian_noise import GaussianNoise, gaussian_noise, random_gaussian_noise
from ravine.regularize.augment.hide import Hide
from ravine.regularize.augment.hue import Hue, adjust_hue, random_hue
from ravine.regularize.augment.mirror import Mirror
from ravine.regularize.augment.pca_color import ColorBasis, PcaColor, color_basis, pca_color, random_pca_color
from ravine.regularize.augment.perspective import Perspective, perspective, random_perspective
from ravine.regularize.augment.pipeline import Pipeline
from ravine.regularize.augment.presets import PRESETS, Preset
from ravine.regularize.augment.rand_augment import RandAugment
from ravine.regularize.augment.rotation import Rotation, random_rotation, rotate
from ravine.regularize.augment.saturation import Saturation, adjust_saturation, random_saturation
from ravine.regularize.augment.scale import Scale, random_scale, scale
from ravine.regularize.augment.shear import Shear, random_shear, shear
from ravine.regularize.augment.tones import Autocontrast, Posterize, Sharpness, Solarize
from ravine.regularize.augment.transform import Transform
from ravine.regularize.augment.translation import Translation, random_translation, translate
from ravine.regularize.augment.warp import warp

__all__ = [
    "PRESETS",
    "TRANSFORMS",
    "Augment",
    "Autocontrast",
    "Blur",
    "Brightness",
    "ColorBasis",
    "ColorCast",
    "Contrast",
    "Crop",
    "Elastic",
    "GaussianNoise",
    "Hide",
    "Hue",
    "Mirror",
    "PcaColor",
    "Perspective",
    "Pipeline",
    "Posterize",
    "Preset",
    "RandAugment",
    "Rotation",
    "Saturation",
    "Scale",
    "Sharpness",
    "Shear",
    "Solarize",
    "Transform",
    "Translation",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_hue",
    "adjust_saturation",
    "blur",
    "color_basis",
    "color_cast",
    "crop",
    "elastic",
    "gaussian_noise",
    "pca_color",
    "perspective",
    "random_blur",
    "random_brightness",
    "random_color_cast",
    "random_contrast",
    "random_crop",
    "random_elastic",
    "random_gaussian_noise",
    "random_hue",
    "random_pca_color",
    "random_perspective",
    "random_rotation",
    "random_saturation",
    "random_scale",
    "random_shear",
    "random_translation",
    "rotate",
    "scale",
    "shear",
    "smooth_moves",
    "translate",
    "warp",
]
