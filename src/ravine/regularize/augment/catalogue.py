"""The only list of transforms of pictures."""

from __future__ import annotations

from ravine.core.catalogue import Catalogue
from ravine.regularize.augment.blur import Blur
from ravine.regularize.augment.brightness import Brightness
from ravine.regularize.augment.color_cast import ColorCast
from ravine.regularize.augment.contrast import Contrast
from ravine.regularize.augment.crop import Crop
from ravine.regularize.augment.elastic import Elastic
from ravine.regularize.augment.gaussian_noise import GaussianNoise
from ravine.regularize.augment.hide import Hide
from ravine.regularize.augment.hue import Hue
from ravine.regularize.augment.mirror import Mirror
from ravine.regularize.augment.pca_color import PcaColor
from ravine.regularize.augment.perspective import Perspective
from ravine.regularize.augment.rotation import Rotation
from ravine.regularize.augment.saturation import Saturation
from ravine.regularize.augment.scale import Scale
from ravine.regularize.augment.shear import Shear
from ravine.regularize.augment.tones import Autocontrast, Posterize, Sharpness, Solarize
from ravine.regularize.augment.transform import Transform
from ravine.regularize.augment.translation import Translation

TRANSFORMS: Catalogue[type[Transform]] = Catalogue(
    "transform of pictures",
    [
        Mirror,
        Crop,
        Translation,
        Scale,
        Rotation,
        Shear,
        Perspective,
        Elastic,
        Brightness,
        Contrast,
        Saturation,
        Hue,
        ColorCast,
        PcaColor,
        GaussianNoise,
        Blur,
        Hide,
        Autocontrast,
        Posterize,
        Sharpness,
        Solarize,
    ],
    name=lambda transform: transform.name,
)
"""Every transform by name, in the order in which a pipeline should have them: places, colours, pixels."""
