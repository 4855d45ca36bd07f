"""Augmentation of whole batches, as a technique."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn

from ravine.core.errors import BadValue, refusal
from ravine.core.sources import Source
from ravine.regularize.augment.pipeline import Pipeline
from ravine.regularize.augment.presets import PRESETS
from ravine.regularize.augment.rand_augment import RandAugment
from ravine.regularize.augment.transform import Transform
from ravine.regularize.places import check_images
from ravine.regularize.technique import Acts, Technique


class Augment:
    """Pictures of a batch changed in ways that leave their label, on the device where they are.

    >>> import torch
    >>> augment = Augment("standard", generator=torch.Generator().manual_seed(0))
    >>> (images,), labels = augment((torch.rand(8, 3, 32, 32),), torch.arange(8))
    >>> images.shape
    torch.Size([8, 3, 32, 32])

    Args:
        preset: "none", "light", "standard", "strong", "randaugment", a `RandAugment` or `Pipeline`, or transforms
            in their order.
        flip: Whether a mirror image means the same, so that the preset may flip pictures left to right.
        generator: Source of chance, on the device of the images; the global one when None. In the workers of
            a loader each worker has its own, different every epoch, all following from the two seeds.

    Raises:
        BadValue: An unknown preset, or what is no transform.
        Missing: At the first call: the preset needs Kornia and it is not installed.
    """

    def __init__(
        self,
        preset: str | nn.Module | Sequence[Transform] = "standard",
        *,
        flip: bool = False,
        generator: Generator | None = None,
    ) -> None:
        if not isinstance(flip, bool):
            raise BadValue(refusal("augment", "flip", "be True or False", flip))
        self.preset = preset
        self.flip = flip
        self.generator = generator
        self._made: dict[tuple[int, int], Pipeline | RandAugment] = {}
        self._own: Pipeline | RandAugment | None = None
        if isinstance(preset, str):
            PRESETS[preset]  # refused here, not at the first batch
        elif isinstance(preset, Pipeline | RandAugment):
            self._own = preset
        elif isinstance(preset, nn.Module) and not isinstance(preset, Transform):
            must = "be a name, a Pipeline, a RandAugment, or transforms"
            raise BadValue(refusal("augment", "preset", must, type(preset).__name__))
        else:
            self._own = Pipeline([preset] if isinstance(preset, Transform) else list(preset), generator)

    def module(self, height: int, width: int) -> Pipeline | RandAugment:
        """What changes pictures of that size: (images, masks=None) → the same, changed."""
        if self._own is not None:
            return self._own
        assert isinstance(self.preset, str)
        if (height, width) not in self._made:
            self._made[height, width] = PRESETS[self.preset].make(height, width, self.flip, self.generator)
        return self._made[height, width]

    def images(self, images: Tensor, masks: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        """Pictures changed; with their masks, moved alike, where masks are given.

        Args:
            images: uint8, or float on the scale 0 … 1, (batch, channels, height, width). Not changed.
            masks: Any dtype, (batch, height, width) or (batch, any, height, width).
        """
        check_images("augment", images)
        with torch.no_grad():
            out: Tensor | tuple[Tensor, Tensor] = self.module(*images.shape[2:])(images, masks)
        return out

    def __call__(self, inputs: tuple[Any, ...], target: Tensor) -> tuple[tuple[Any, ...], Tensor]:
        """The first field, pictures, changed; other fields and the target as they are."""
        first, *others = inputs
        return (self.images(first), *others), target

    def __repr__(self) -> str:
        preset = repr(self.preset) if isinstance(self.preset, str) else str(self._own)
        return f"Augment({preset}{', flip=True' if self.flip else ''})"


AUGMENT = Technique(
    name="augment",
    make=Augment,
    main="preset",
    acts=Acts.BATCH,
    formula="x ← T(x), T drawn anew for each picture; the label stays",
    source=Source(
        "Krizhevsky, Sutskever & Hinton", 2012, "ImageNet Classification with Deep Convolutional Neural Networks"
    ),
)
