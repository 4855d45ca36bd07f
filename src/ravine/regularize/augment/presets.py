"""Ready-made augmentations, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Generator

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
from ravine.regularize.augment.pipeline import Pipeline
from ravine.regularize.augment.rand_augment import RandAugment
from ravine.regularize.augment.rotation import Rotation
from ravine.regularize.augment.saturation import Saturation
from ravine.regularize.augment.scale import Scale
from ravine.regularize.augment.shear import Shear
from ravine.regularize.augment.translation import Translation
from ravine.regularize.light import reach_of


@dataclass(frozen=True, slots=True)
class Preset:
    """A ready-made augmentation of pictures.

    Attributes:
        name: Its one public name.
        make: (height, width, flip) of the pictures, and a generator or None, → the module.
        words: What it does, for people.
    """

    name: str
    make: Callable[[int, int, bool, Generator | None], Pipeline | RandAugment]
    words: str


def none(height: int, width: int, flip: bool, generator: Generator | None) -> Pipeline:  # noqa: ARG001
    """Nothing at all, no flips either."""
    return Pipeline((), generator)


def light(height: int, width: int, flip: bool, generator: Generator | None) -> Pipeline:
    """Shifts by up to a sixteenth of the side: what hardly any label minds, for the price of one gather."""
    return Pipeline([Crop(reach_of(height, width), flip=_half(flip))], generator)


def standard(height: int, width: int, flip: bool, generator: Generator | None) -> Pipeline:  # noqa: ARG001
    """One resampling and one pass of colour, both mild."""
    return Pipeline(
        [
            Mirror(_half(flip)),
            Rotation(10),
            Scale(0.1),
            Translation(1 / 16),
            Shear(5),
            Brightness(0.2),
            Contrast(0.2),
            Saturation(0.2),
        ],
        generator,
    )


def strong(height: int, width: int, flip: bool, generator: Generator | None) -> Pipeline:  # noqa: ARG001
    """All there is, the costly parts on some of the pictures each."""
    return Pipeline(
        [
            Mirror(_half(flip)),
            Rotation(15),
            Scale(0.2),
            Translation(0.1),
            Shear(10),
            Perspective(0.2, p=0.5),
            Elastic(0.02, p=0.3),
            Brightness(0.4),
            Contrast(0.4),
            Saturation(0.4),
            Hue(0.05),
            ColorCast(0.08, p=0.5),
            PcaColor(0.1),
            Blur(1.0, p=0.2),
            GaussianNoise(0.05, p=0.5),
            Hide(0.25, p=0.5),
        ],
        generator,
    )


def randaugment(height: int, width: int, flip: bool, generator: Generator | None) -> RandAugment:  # noqa: ARG001
    """RandAugment(2, 9)."""
    return RandAugment(2, 9, generator=generator)


PRESETS: Catalogue[Preset] = Catalogue(
    "preset of augmentation",
    [
        Preset("none", none, "nothing"),
        Preset("light", light, "shifts by up to a sixteenth of the side"),
        Preset(
            "standard",
            standard,
            "rotation, scale, translation and shear in one resampling; brightness, contrast, colour",
        ),
        Preset(
            "strong", strong, "more of it, with perspective, elastic distortion, hue, casts, blur, noise and cutout"
        ),
        Preset("randaugment", randaugment, "two transforms at random for each picture, of one magnitude"),
    ],
    name=lambda preset: preset.name,
)
"""Every preset by name; the recipe and the command line read this."""


def _half(flip: bool) -> float:
    return 0.5 if flip else 0.0
