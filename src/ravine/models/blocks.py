"""Convolutional pieces that the image networks share."""

from __future__ import annotations

import torch.nn.functional as nnf
from torch import Tensor, nn

from ravine.initialize.activations import activation_module


class ConvNorm(nn.Sequential):
    """Convolution, batch normalization, activation: (batch, inward, h, w) → (batch, outward, h/stride, w/stride)."""

    def __init__(
        self, inward: int, outward: int, *, window: int = 3, stride: int = 1, activation: str = "relu"
    ) -> None:
        super().__init__(
            nn.Conv2d(inward, outward, window, stride, padding=window // 2, bias=False),  # the norm brings a shift
            nn.BatchNorm2d(outward),
            activation_module(activation),
        )


class Residual(nn.Module):
    """x + f(x), two convolutions: (batch, inward, h, w) → (batch, outward, h/stride, w/stride).

    Where the shape changes, the straight way is an average pooling and a 1×1 convolution, which
    looks at every pixel where a strided one would see one in four.

    Source: He et al. 2016; the pooled straight way: He et al. 2019 (arXiv:1812.01187), ResNet-D.
    """

    def __init__(self, inward: int, outward: int, *, stride: int = 1, activation: str = "relu") -> None:
        super().__init__()
        self.first = ConvNorm(inward, outward, stride=stride, activation=activation)
        self.second = nn.Sequential(
            nn.Conv2d(outward, outward, 3, padding=1, bias=False),
            nn.BatchNorm2d(outward),
        )
        self.straight: nn.Module = nn.Identity()
        if stride > 1 or inward != outward:
            pool: list[nn.Module] = [nn.AvgPool2d(stride, ceil_mode=True)] if stride > 1 else []
            self.straight = nn.Sequential(*pool, nn.Conv2d(inward, outward, 1, bias=False), nn.BatchNorm2d(outward))
        self.activation = activation_module(activation)

    def start(self) -> None:
        """Begin as the straight way alone: the branch's last scale is 0 and grows as it proves useful."""
        scale = getattr(self.second[1], "weight", None)  # none where the norm was swapped for one without
        if scale is not None:
            nn.init.zeros_(scale)

    def forward(self, x: Tensor) -> Tensor:
        """The sum, activated."""
        out: Tensor = self.activation(self.straight(x) + self.second(self.first(x)))
        return out


class Fold(nn.Module):
    """Squares of side×side pixels become channels: (batch, c, h, w) → (batch, c·side², ⌈h/side⌉, ⌈w/side⌉).

    Nothing is lost, and the convolution that follows runs on side² times fewer places: the cheapest
    way for a processor to look at a picture. Sides that do not divide are filled up with zeros.
    """

    def __init__(self, side: int, height: int, width: int) -> None:
        super().__init__()
        self.side = side
        self.below, self.beside = -height % side, -width % side

    def forward(self, x: Tensor) -> Tensor:
        """The folded picture."""
        if self.below or self.beside:
            x = nnf.pad(x, (0, self.beside, 0, self.below))
        return nnf.pixel_unshuffle(x, self.side)


def fold_side(height: int, width: int, least: int) -> int:
    """The largest power of two by which both sides can be folded and keep `least` places.

    >>> fold_side(28, 28, 14), fold_side(8, 8, 14), fold_side(224, 224, 14)
    (2, 1, 16)
    """
    side = 1
    while min(height, width) // (2 * side) >= least:
        side *= 2
    return side
