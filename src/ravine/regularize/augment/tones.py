"""Changes of tone that are not linear: what RandAugment takes beside the others."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from ravine.core.intervals import NON_NEGATIVE, UNIT, Interval
from ravine.regularize.augment.pixels import Size, uniform
from ravine.regularize.augment.through_kornia import kornia_enhance
from ravine.regularize.augment.transform import Pixels

BITS = Interval(1, 8)
"""Bits a channel that posterize may keep."""


class Solarize(Pixels):
    """What is brighter than a threshold inverted: x ↦ 1 − x where x ≥ threshold.

    Args:
        threshold: On the scale 0 … 1; above 1 nothing changes.
        p: Probability of each picture.
        generator: Source of chance; the global one when None.

    Source: Cubuk et al. 2019 (arXiv:1805.09501), table 6.
    """

    name = "solarize"

    def __init__(self, threshold: float = 0.7, p: float = 1.0, generator: Generator | None = None) -> None:
        super().__init__(p, generator)
        self.threshold = NON_NEGATIVE.check("solarize", "threshold", threshold)

    @property
    def idle(self) -> bool:
        """Whether nothing is inverted."""
        return self.threshold > 1 or self.p == 0

    @property
    def words(self) -> str:
        """What it does, for people."""
        return f"solarize above {self.threshold:.0%}"

    def change(
        self,
        images: Tensor,
        masks: Tensor | None,
        generator: Generator | None,  # noqa: ARG002 (nothing is left to chance)
    ) -> tuple[Tensor, Tensor | None]:
        """The pictures with bright parts inverted; masks as they were."""
        return torch.where(images >= self.threshold, 1 - images, images), masks


class Posterize(Pixels):
    """Fewer tones: the highest bits of every channel kept.

    Args:
        bits: How many of 8; 8 changes nothing.
        p: Probability of each picture.
        generator: Source of chance; the global one when None.

    Source: Cubuk et al. 2019 (arXiv:1805.09501), table 6.
    """

    name = "posterize"

    def __init__(self, bits: int = 4, p: float = 1.0, generator: Generator | None = None) -> None:
        super().__init__(p, generator)
        self.bits = int(BITS.check("posterize", "bits", bits))

    @property
    def idle(self) -> bool:
        """Whether all tones stay."""
        return self.bits == 8 or self.p == 0

    @property
    def words(self) -> str:
        """What it does, for people."""
        return f"posterize to {self.bits} bit{'s' if self.bits > 1 else ''}"

    def change(
        self,
        images: Tensor,
        masks: Tensor | None,
        generator: Generator | None,  # noqa: ARG002 (nothing is left to chance)
    ) -> tuple[Tensor, Tensor | None]:
        """The pictures with fewer tones; masks as they were."""
        step = 2.0 ** (8 - self.bits)
        return ((images * 255).round_().div_(step).floor_() * (step / 255)).clamp_(0, 1), masks


class Autocontrast(Pixels):
    """Each channel of each picture stretched to the whole scale; flat ones stay.

    Args:
        p: Probability of each picture.
        generator: Source of chance; the global one when None.

    Source: Cubuk et al. 2019 (arXiv:1805.09501), table 6.
    """

    name = "autocontrast"

    def __init__(self, p: float = 1.0, generator: Generator | None = None) -> None:
        super().__init__(p, generator)

    @property
    def idle(self) -> bool:
        """Whether nothing is stretched."""
        return self.p == 0

    @property
    def words(self) -> str:
        """What it does, for people."""
        return "autocontrast"

    def change(
        self,
        images: Tensor,
        masks: Tensor | None,
        generator: Generator | None,  # noqa: ARG002 (nothing is left to chance)
    ) -> tuple[Tensor, Tensor | None]:
        """The pictures stretched; masks as they were."""
        low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
        spread = high - low
        stretched = (images - low) / torch.where(spread > 0, spread, 1)
        return torch.where(spread > 0, stretched, images), masks


class Sharpness(Pixels):
    """Sharper or softer: blended with its own smoothed self by a factor uniform in [1 − most, 1 + most].

    Args:
        most: In [0, 1].
        p: Probability of each picture.
        generator: Source of chance; the global one when None.

    Source: Cubuk et al. 2019 (arXiv:1805.09501), table 6.
    """

    name = "sharpness"

    def __init__(self, most: float = 0.5, p: float = 1.0, generator: Generator | None = None) -> None:
        super().__init__(p, generator)
        self.most = UNIT.check("sharpness", "most", most)

    @property
    def idle(self) -> bool:
        """Whether nothing changes."""
        return self.most == 0 or self.p == 0

    @property
    def words(self) -> str:
        """What it does, for people."""
        return f"sharpness by up to {self.most:.0%}"

    def change(self, images: Tensor, masks: Tensor | None, generator: Generator | None) -> tuple[Tensor, Tensor | None]:
        """The pictures sharper or softer; masks as they were."""
        factor = uniform(Size.of(images), 1 - self.most, 1 + self.most, generator)
        out: Tensor = kornia_enhance().sharpness(images, factor.to(images.dtype))
        return out, masks
