"""RandAugment: a few transforms at random, all of one strength."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import Interval
from ravine.regularize.augment.brightness import Brightness
from ravine.regularize.augment.contrast import Contrast
from ravine.regularize.augment.pipeline import fitting
from ravine.regularize.augment.pixels import Chance
from ravine.regularize.augment.rotation import Rotation
from ravine.regularize.augment.saturation import Saturation
from ravine.regularize.augment.shear import Shear
from ravine.regularize.augment.tones import Autocontrast, Posterize, Sharpness, Solarize
from ravine.regularize.augment.transform import Part, Transform, given, run
from ravine.regularize.augment.translation import Translation

LEVELS = Interval(0, 30)
"""Magnitudes of the paper: 0 changes least, 30 most."""


def space(m: float) -> list[Transform]:
    """The transforms to choose from at magnitude `m`, in the order in which they are done."""
    strength = m / 30
    return [
        Shear(most=16.7 * strength, axes="x"),
        Shear(most=16.7 * strength, axes="y"),
        Translation(most=0.3 * strength, axes="x"),
        Translation(most=0.3 * strength, axes="y"),
        Rotation(most=30 * strength),
        Autocontrast(),
        Posterize(bits=round(8 - 4 * strength)),
        Solarize(threshold=1.01 - strength),
        Sharpness(most=0.9 * strength),
        Brightness(most=0.9 * strength),
        Contrast(most=0.9 * strength),
        Saturation(most=0.9 * strength),
    ]


class RandAugment(nn.Module):
    """Each picture through `n` transforms drawn at random, all of magnitude `m`.

    Strengths at m = 30 are the paper's: shear by 0.3, translation by 0.3 of the side, rotation by 30°, factors
    from 0.1 to 1.9, 4 bits, solarizing everything. Departures from the authors' code: the `n` are different
    ones, done in a fixed order, so that changes of place cost one resampling and changes of colour one
    pass; strengths are drawn uniformly up to m; equalize is left out. Saturation is left away from grey pictures.

    Args:
        n: How many transforms a picture goes through; doing nothing is one of those drawn from.
        m: Magnitude, in [0, 30].
        generator: Source of chance, on the device of the images; the global one when None.

    Source: Cubuk, Zoph, Shlens & Le 2020 (arXiv:1909.13719).
    """

    def __init__(self, n: int = 2, m: float = 9.0, generator: Generator | None = None) -> None:
        super().__init__()
        LEVELS.check("randaugment", "m", m)
        most = len(space(1))
        if not 0 <= n <= most or n != int(n):
            raise BadValue(refusal("randaugment", "n", f"be a whole number in [0, {most}]", n))
        self.n, self.m = int(n), m
        self.chance = Chance(generator)

    def words(self, channels: int = 3) -> list[str]:  # noqa: ARG002 (its transforms are too many to be listed)
        """What is done, for people."""
        return [f"RandAugment, {self.n} transforms of magnitude {self.m:g} a picture"] if self.n and self.m else []

    def forward(self, images: Tensor, masks: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        """The pictures changed; with their masks where masks were given; see `Pipeline.forward`."""
        if not self.training or self.n == 0 or self.m == 0:
            return given(images, masks)
        generator = self.chance()
        transforms = fitting(space(self.m), images)
        # One place more than there are transforms: whoever draws it is spared one.
        score = torch.rand(len(images), len(transforms) + 1, device=images.device, generator=generator)
        drawn = torch.zeros_like(score, dtype=torch.bool)
        drawn = drawn.scatter_(1, score.topk(min(self.n, len(transforms) + 1), dim=1).indices, True)
        parts = [Part(one, drawn[:, place]) for place, one in enumerate(transforms) if not one.idle]
        return run(parts, images, masks, generator)

    def extra_repr(self) -> str:
        """The settings."""
        return f"n={self.n}, m={self.m:g}"
