"""Mirroring as a matrix: costs nothing beside another change of place."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Generator, Tensor

from ravine.core.errors import BadValue, refusal
from ravine.regularize.augment.pixels import Size
from ravine.regularize.augment.transform import Geometry
from ravine.regularize.augment.warp import affine_matrix

Direction = Literal["horizontal", "vertical"]


class Mirror(Geometry):
    """Mirrors pictures, left to right or top to bottom, with probability `p`.

    For pictures whose mirror image means the same: no digits, no text. Alone, `ravine.regularize.Flip` is faster.

    Args:
        p: Probability of each picture.
        direction: "horizontal" swaps left and right, "vertical" top and bottom.
        generator: Source of chance; the global one when None.

    Source: Krizhevsky et al. 2012, section 4.1 (horizontal reflections).
    """

    name = "mirror"

    def __init__(self, p: float = 0.5, direction: Direction = "horizontal", generator: Generator | None = None) -> None:
        super().__init__(p, generator)
        if direction not in get_args(Direction):
            raise BadValue(refusal("mirror", "direction", "be 'horizontal' or 'vertical'", direction))
        self.direction: Direction = direction

    @property
    def idle(self) -> bool:
        """Whether nothing is mirrored."""
        return self.p == 0

    @property
    def words(self) -> str:
        """What it does, for people."""
        return f"{self.direction} flips"

    def draw(self, size: Size, generator: Generator | None) -> Tensor:  # noqa: ARG002 (nothing is left to chance)
        """Where points go, (batch, 3, 3)."""
        signs = [-1.0, 1.0] if self.direction == "horizontal" else [1.0, -1.0]
        linear = torch.tensor(signs, device=size.device).diag().expand(size.batch, 2, 2)
        return affine_matrix(linear, size.height, size.width)
