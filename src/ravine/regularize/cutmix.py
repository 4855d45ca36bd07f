"""CutMix: a window of each picture taken from another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import NON_NEGATIVE, UNIT
from ravine.core.sources import Source
from ravine.regularize.label_smoothing import soft_targets
from ravine.regularize.mixup import Mixed, beta
from ravine.regularize.places import check_images
from ravine.regularize.technique import Acts, Technique


class Window(NamedTuple):
    """Rows [top, bottom) and columns [left, right) of a picture."""

    top: int
    bottom: int
    left: int
    right: int

    @classmethod
    def around(cls, row: int, column: int, height: int, width: int, share: float) -> Window:
        """The window of the picture's own shape around a pixel that leaves about `share` of the area, cut at the edge.

        Args:
            row: Middle of the window, in [0, height).
            column: Middle of the window, in [0, width).
            height: Of the picture.
            width: Of the picture.
            share: λ in [0, 1]; the window's sides are √(1 − λ) of the picture's.
        """
        side = (1 - UNIT.check("cutmix", "share", share)) ** 0.5
        half_height, half_width = int(height * side) // 2, int(width * side) // 2
        return cls(
            max(row - half_height, 0),
            min(row + half_height, height),
            max(column - half_width, 0),
            min(column + half_width, width),
        )

    @property
    def area(self) -> int:
        """Pixels inside."""
        return (self.bottom - self.top) * (self.right - self.left)


def cut_and_paste(images: Tensor, targets: Tensor, order: Tensor, window: Window) -> Mixed:
    """Each picture with its partner's window in place of its own; λ is the share of the area that stays.

    Args:
        images: uint8 or float, (batch, channels, height, width). Not changed.
        targets: Any kind, (batch, *).
        order: int64 (batch,): the partner of each row.
        window: What is taken from the partner.

    Source: Yun et al. 2019 (arXiv:1905.04899), equations 1 and 2.
    """
    check_images("cutmix", images)
    height, width = images.shape[2:]
    top, bottom, left, right = window
    if not (0 <= top <= bottom <= height and 0 <= left <= right <= width):
        raise BadValue(refusal("cutmix", "window", f"lie inside the {height} × {width} picture", tuple(window)))
    pasted = images.clone()
    pasted[:, :, top:bottom, left:right] = images[:, :, top:bottom, left:right].index_select(0, order)
    share = 1 - window.area / (height * width)
    return Mixed(pasted, targets, targets.index_select(0, order), share)


def cutmix(images: Tensor, targets: Tensor, alpha: float, generator: Generator | None = None) -> Mixed:
    """Each picture with a window from a random other of the batch; one window a batch.

    Its area is about 1 − λ with λ ~ Beta(alpha, alpha), its middle uniform over the pixels; the share of the
    targets is that of the pixels which the window, cut at the edge, really leaves.

    Args:
        images: uint8 or float, (batch, channels, height, width). Not changed.
        targets: Any kind, (batch, *).
        alpha: Strength: 0 mixes nothing, 1 draws areas uniformly, as the paper does.
        generator: Source of chance, on the CPU; the global one when None.

    Source: Yun et al. 2019 (arXiv:1905.04899), section 3.1.
    """
    check_images("cutmix", images)
    NON_NEGATIVE.check("cutmix", "alpha", alpha)
    if alpha == 0:
        return Mixed(images, targets, targets, 1.0)
    height, width = images.shape[2:]
    order = torch.randperm(len(images), generator=generator).to(images.device)
    row, column = (int(torch.randint(side, (), generator=generator)) for side in (height, width))
    return cut_and_paste(images, targets, order, Window.around(row, column, height, width, beta(alpha, generator)))


@dataclass(frozen=True, slots=True)
class CutMix:
    """`cutmix` on each training batch, with soft targets.

    Attributes:
        alpha: Strength: 0 mixes nothing, 1 draws areas uniformly.
        classes: How many there are, where targets are class numbers; not needed for numbers and probabilities.
        generator: Source of chance, on the CPU; the global one when None.

    Source: Yun et al. 2019 (arXiv:1905.04899).
    """

    alpha: float = 1.0
    classes: int | None = None
    generator: Generator | None = None

    def __post_init__(self) -> None:
        NON_NEGATIVE.check("cutmix", "alpha", self.alpha)

    def __call__(self, inputs: tuple[Any, ...], target: Tensor) -> tuple[tuple[Any, ...], Tensor]:
        """Pictures and targets, mixed; other fields as they are."""
        images, *others = inputs
        mixed = cutmix(images, soft_targets("cutmix", target, self.classes), self.alpha, self.generator)
        return (mixed.inputs, *others), mixed.soft


CUTMIX = Technique(
    name="cutmix",
    make=CutMix,
    main="alpha",
    acts=Acts.BATCH,
    formula="x ← M⊙x + (1 − M)⊙x′, y ← λ·y + (1 − λ)·y′; M is 0 in a window, λ the share of the area outside",
    source=Source(
        "Yun et al.",
        2019,
        "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features",
        arxiv="1905.04899",
    ),
)
