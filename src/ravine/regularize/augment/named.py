"""Single transforms by the word that a person chooses them by, each at a strength that suits most pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from ravine.regularize.augment.perspective import Perspective
from ravine.regularize.augment.pipeline import Pipeline
from ravine.regularize.augment.rotation import Rotation
from ravine.regularize.augment.saturation import Saturation
from ravine.regularize.augment.scale import Scale
from ravine.regularize.augment.shear import Shear
from ravine.regularize.augment.transform import Transform
from ravine.regularize.light import reach_of


@dataclass(frozen=True, slots=True)
class Named:
    """A transform with its strength.

    Attributes:
        name: The word for it.
        make: (height, width, p) → the transform, done to each picture with probability p.
        colored: Whether it needs red, green and blue.
    """

    name: str
    make: Callable[[int, int, float], Transform]
    colored: bool = False


NAMED: Catalogue[Named] = Catalogue(
    "augmentation",
    [
        Named("shift", lambda height, width, p: Crop(reach_of(height, width), p=p)),
        Named("flip", lambda _height, _width, p: Crop(0, flip=p)),
        Named("vertical-flip", lambda _height, _width, p: Mirror(p, "vertical")),
        Named("rotation", lambda _height, _width, p: Rotation(10, p=p)),
        Named("scale", lambda _height, _width, p: Scale(0.1, p=p)),
        Named("shear", lambda _height, _width, p: Shear(8, p=p)),
        Named("perspective", lambda _height, _width, p: Perspective(0.2, p=p)),
        Named("elastic", lambda _height, _width, p: Elastic(0.02, p=p)),
        Named("brightness", lambda _height, _width, p: Brightness(0.2, p=p)),
        Named("contrast", lambda _height, _width, p: Contrast(0.2, p=p)),
        Named("saturation", lambda _height, _width, p: Saturation(0.3, p=p), colored=True),
        Named("hue", lambda _height, _width, p: Hue(0.05, p=p), colored=True),
        Named("color-cast", lambda _height, _width, p: ColorCast(0.08, p=p), colored=True),
        Named("blur", lambda _height, _width, p: Blur(1.0, p=p)),
        Named("noise", lambda _height, _width, p: GaussianNoise(0.05, p=p)),
        Named("cutout", lambda _height, _width, p: Hide(0.25, p=p)),
    ],
    name=lambda named: named.name,
)
"""Every word by which one transform can be asked for, in the order in which they are done."""


def chosen_transforms(names: Sequence[str], height: int, width: int, generator: Generator | None = None) -> Pipeline:
    """The transforms of these names together, in the catalogue's order.

    Shifts are done to every picture, all else to every other one, so that together they leave enough of it.

    Args:
        names: Of `NAMED`.
        height: Of the pictures.
        width: Of the pictures.
        generator: Source of chance; the global one when None.

    Raises:
        BadValue: An unknown name; the text suggests the nearest.
    """
    for name in names:
        NAMED[name]
    asked = [NAMED[name].make(height, width, 0.5) for name in NAMED if name in names and name not in _ONE_GATHER]
    if any(name in names for name in _ONE_GATHER):
        padding = reach_of(height, width) if "shift" in names else 0
        asked.insert(0, Crop(padding, flip=0.5 if "flip" in names else 0.0))
    return Pipeline(asked, generator)


_ONE_GATHER = ("shift", "flip")
