"""DropBlock: squares of feature maps are zero while training."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
import torch.nn.functional as nnf
from torch import Generator, Tensor, nn

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import BELOW_ONE, UNIT, Interval
from ravine.core.sources import Source
from ravine.regularize.outputs import CONVOLUTIONS, OutputTechnique, hidden_activations
from ravine.regularize.technique import Acts, Technique

_SIZE = Interval(1.0, right_open=True)


def seed_rate(p: float, size: int, sides: Sequence[int]) -> float:
    """γ: how often a square begins at a place, so that about a share p is dropped.

        γ = p / sizeᵈ · Π side / (side − size + 1)

    Squares lie inside the map, so that fewer places can begin one. Overlaps are not counted: for
    large p less than p is dropped.

    >>> round(seed_rate(0.1, 3, (8, 8)), 6)
    0.019753

    Args:
        p: In [0, 1].
        size: Side of a square; more than a side of the map counts as that side.
        sides: Sides of the map, d of them.

    Source: Ghiasi et al. 2018, equation 1.
    """
    windows = [min(size, side) for side in sides]
    begins = math.prod(side - window + 1 for side, window in zip(sides, windows, strict=True))
    return min(1.0, p / math.prod(windows) * math.prod(sides) / begins)


def block_mask(shape: Sequence[int], p: float, size: int, like: Tensor, generator: Generator | None = None) -> Tensor:
    """0 inside the squares and 1 elsewhere, each map with its own squares.

    Args:
        shape: (batch, channels, length) or (batch, channels, height, width).
        p: About the share that is dropped, in [0, 1).
        size: Side of a square.
        like: Gives dtype and device.
        generator: Source of chance, on the device of `like`; the global one when None.

    Returns: The mask, of that shape.
    Source: Ghiasi et al. 2018, Algorithm 1; squares counted from a corner, which allows even sizes.
    """
    sides = shape[2:]
    windows = [min(size, side) for side in sides]
    begins = [side - window + 1 for side, window in zip(sides, windows, strict=True)]
    seeds = torch.empty(*shape[:2], *begins, dtype=like.dtype, device=like.device)
    seeds.bernoulli_(seed_rate(p, size, sides), generator=generator)
    for dim, window in enumerate(windows, start=2):
        seeds = _spread(seeds, dim, window)
    return 1 - seeds


def _spread(seeds: Tensor, dim: int, window: int) -> Tensor:
    """Each 1 repeated on the `window` places from it on; the dimension grows by window − 1."""
    if window == 1:
        return seeds
    padding = [0, 0] * (seeds.ndim - 1 - dim) + [window - 1, window - 1]
    padded = nnf.pad(seeds, padding)
    # Doubling: after a step each 1 has reached `done` places, in log₂(window) maxima instead of window.
    done = 1
    while done < window:
        step = min(done, window - done)
        length = padded.shape[dim] - step
        padded = torch.maximum(padded.narrow(dim, 0, length), padded.narrow(dim, step, length))
        done += step
    return padded


def dropblock(x: Tensor, p: float, size: int = 7, generator: Generator | None = None) -> Tensor:
    """Squares of each feature map zero, the rest scaled so that the sum of the mask stays.

        y = x ∘ M · count(M) / count_ones(M)

    Args:
        x: (batch, channels, height, width) or (batch, channels, length). Not changed.
        p: About the share that is dropped, in [0, 1).
        size: Side of a square; 1 is dropout, a map's whole side is spatial dropout.
        generator: Source of chance, on the device of x; the global one when None.

    Returns: The same shape and dtype.
    Source: Ghiasi et al. 2018, Algorithm 1.
    """
    BELOW_ONE.check("dropblock", "p", p)
    _check_size(size)
    if x.ndim not in (3, 4):
        must = "have shape (batch, channels, height, width)"
        raise BadValue(refusal("dropblock", "its input", must, tuple(x.shape)))
    if p == 0:
        return x
    mask = block_mask(x.shape, p, size, x, generator)
    # Counted in float32: float16 ends at 65504.
    share = mask.mean(dtype=torch.float32).clamp(min=1 / mask.numel())
    return x * (mask * share.reciprocal().to(mask.dtype))


class DropBlock(OutputTechnique):
    """`dropblock` after layers while training, or a layer of its own.

    Where nobody says where: after the activations of hidden convolutions. The paper puts it on the
    last two groups of a residual network only: `where="stages.4*,stages.5*"`, say.

    Args:
        p: About the share that is dropped, in [0, 1).
        size: Side of a square; maps smaller than it are dropped whole.
        schedule: Training pass of the layer, counted from 0 → factor of p in [0, 1]; the paper raises
            it from 0 to 1 during training. It breaks the graphs of `torch.compile`.
        generator: Source of chance, on the device of the activations; the global one when None.

    Source: Ghiasi et al. 2018.
    """

    name: ClassVar[str] = "dropblock"

    def __init__(
        self,
        p: float = 0.1,
        size: int = 7,
        schedule: Callable[[float], float] | None = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.p = BELOW_ONE.check(self.name, "p", p)
        self.size = _check_size(size)
        self.schedule = schedule
        self.generator = generator
        self.counts = schedule is not None

    def change(self, x: Tensor) -> Tensor:
        """The maps, squares of them zero at the full rate."""
        return dropblock(x, self.p, self.size, self.generator)

    def change_at(self, x: Tensor, layer: nn.Module | None, passes: int) -> Tensor:
        """The maps, squares of them zero at the rate of this pass."""
        del layer
        if self.schedule is None:
            return self.change(x)
        factor = UNIT.check(self.name, "the factor from its schedule", self.schedule(passes))
        return dropblock(x, self.p * factor, self.size, self.generator)

    def places(self, model: nn.Module) -> dict[str, nn.Module]:
        """The activations of hidden convolutions."""
        return hidden_activations(model, CONVOLUTIONS)

    def extra_repr(self) -> str:
        """The settings."""
        return f"p={self.p}, size={self.size}"


def _check_size(size: int) -> int:
    if not isinstance(size, int):
        raise BadValue(refusal("dropblock", "size", "be a whole number", size))
    return int(_SIZE.check("dropblock", "size", size))


DROPBLOCK = Technique(
    name="dropblock",
    make=DropBlock,
    main="p",
    acts=Acts.LAYERS,
    formula="y = x ∘ M · count(M) / count_ones(M),  M zero on squares that begin at a rate γ",
    source=Source(
        "Ghiasi et al.", 2018, "DropBlock: A Regularization Method for Convolutional Networks", arxiv="1810.12890"
    ),
)
