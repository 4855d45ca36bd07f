"""Cutout as one of many transforms."""

from __future__ import annotations

from torch import Generator, Tensor

from ravine.core.intervals import UNIT
from ravine.regularize.augment.transform import Pixels
from ravine.regularize.cutout import random_cutout


class Hide(Pixels):
    """`ravine.regularize.cutout` of a square whose side is a share of the shorter side of the picture.

    Masks stay whole: what is hidden is still there.

    Args:
        share: Of the shorter side.
        fill: What is put there, on the scale 0 … 1.
        p: Probability of each picture.
        generator: Source of chance; the global one when None.

    Source: DeVries & Taylor 2017 (arXiv:1708.04552).
    """

    name = "hide"

    def __init__(
        self, share: float = 0.25, fill: float = 0.5, p: float = 1.0, generator: Generator | None = None
    ) -> None:
        super().__init__(p, generator)
        self.share = UNIT.check("hide", "share", share)
        self.fill = UNIT.check("hide", "fill", fill)

    @property
    def idle(self) -> bool:
        """Whether nothing is hidden."""
        return self.share == 0 or self.p == 0

    @property
    def words(self) -> str:
        """What it does, for people."""
        return f"cutout of {self.share:.0%} of the side"

    def change(self, images: Tensor, masks: Tensor | None, generator: Generator | None) -> tuple[Tensor, Tensor | None]:
        """The pictures with a square hidden; masks as they were."""
        side = max(1, round(self.share * min(images.shape[2:])))
        return random_cutout(images, side, self.fill, generator), masks
