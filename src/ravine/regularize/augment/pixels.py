"""What pictures are to every transform: how they come in, how they go out, how chance is drawn for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Generator, Tensor
from torch.utils.data import get_worker_info

from ravine.core.errors import BadValue, refusal
from ravine.regularize.places import check_images


class Size(NamedTuple):
    """How many pictures of which size, and where they are."""

    batch: int
    height: int
    width: int
    device: torch.device

    @classmethod
    def of(cls, images: Tensor) -> Size:
        """Of a batch of pictures, (batch, channels, height, width)."""
        return cls(images.shape[0], images.shape[2], images.shape[3], images.device)


def on_unit(images: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Pictures as float32 or float64 on the scale 0 … 1, and the way back to their own type.

    uint8 is divided by 255, and rounded and clamped on its way back. Floats are on that scale already;
    half precision is computed with in float32, which processors do as fast and far more exactly.

    Raises:
        BadValue: Neither uint8 nor floating point.
    """
    if images.dtype == torch.uint8:
        return images.float().mul_(1 / 255), lambda done: done.mul(255).add_(0.5).clamp_(0, 255).to(torch.uint8)
    if not images.is_floating_point():
        must = "be uint8, or floating point on the scale 0 to 1"
        raise BadValue(refusal("augment", "images", must, str(images.dtype)))
    own = images.dtype
    if own in (torch.float32, torch.float64):
        return images, lambda done: done
    return images.float(), lambda done: done.to(own)


def check_colored(owner: str, images: Tensor) -> None:
    """Refuse pictures without red, green and blue."""
    check_images(owner, images)
    if images.shape[1] != 3:
        must = "have 3 channels, red, green and blue: grey has no colour to change"
        raise BadValue(refusal(owner, "images", must, tuple(images.shape)))


def check_masks(images: Tensor, masks: Tensor) -> None:
    """Refuse masks that do not lie over the pictures."""
    fits = masks.ndim in (3, 4) and len(masks) == len(images) and masks.shape[-2:] == images.shape[-2:]
    if not fits:
        batch, _, height, width = images.shape
        must = f"have shape ({batch}, {height}, {width}) or ({batch}, any, {height}, {width}), as the images have"
        raise BadValue(refusal("augment", "masks", must, tuple(masks.shape)))


def check_per_image(owner: str, name: str, value: Tensor, images: Tensor, *more: int) -> None:
    """Refuse settings that are not one a picture: (batch, *more)."""
    wanted = (len(images), *more)
    if tuple(value.shape) != wanted:
        raise BadValue(refusal(owner, name, f"have shape {wanted}, one setting a picture", tuple(value.shape)))


def uniform(size: Size, low: float, high: float, generator: Generator | None) -> Tensor:
    """A number a picture, uniform in [low, high), float32 (batch,)."""
    return torch.rand(size.batch, device=size.device, generator=generator) * (high - low) + low


def check_axes(owner: str, axes: str) -> str:
    """The word for the axes along which something is moved, or `BadValue`."""
    if axes not in ("x", "y", "xy"):
        raise BadValue(refusal(owner, "axes", "be 'x', 'y' or 'xy'", axes))
    return axes


def along_axes(axes: str, most: float, size: Size, generator: Generator | None) -> tuple[Tensor, Tensor]:
    """A number a picture for x and one for y, uniform in [−most, most), 0 for an axis not named."""
    both = [uniform(size, -most, most, generator) if axis in axes else None for axis in "xy"]
    x, y = (torch.zeros(size.batch, device=size.device) if one is None else one for one in both)
    return x, y


def chosen(size: Size, p: float, generator: Generator | None) -> Tensor | None:
    """Which pictures are changed, each with probability `p`: bool (batch,); None for all of them."""
    if p == 1:
        return None
    return torch.rand(size.batch, device=size.device, generator=generator) < p


class Chance:
    """Where a transform draws from; in the workers of a loader each has its own.

    A generator that is copied into several workers would give all of them the same draws. At its first
    use there it is seeded by its own seed and the one that torch gave to this worker for this epoch.
    """

    def __init__(self, generator: Generator | None = None) -> None:
        self.generator = generator
        self._worker_seed: int | None = None

    def __call__(self) -> Generator | None:
        """The generator to draw from now; None is torch's global one, which loaders seed themselves."""
        worker = get_worker_info()
        if self.generator is None or worker is None:
            return self.generator
        if self._worker_seed != worker.seed:
            self._worker_seed = worker.seed
            self.generator.manual_seed((self.generator.initial_seed() * 0x9E3779B97F4A7C15 + worker.seed) % 2**63)
        return self.generator
