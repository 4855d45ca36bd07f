"""A small convolutional network, made to be quick on a processor."""

from __future__ import annotations

from torch import Tensor, nn

from ravine.core.shapes import InputShape
from ravine.core.sources import Source
from ravine.initialize.activations import activation_module
from ravine.models.blocks import ConvNorm, Fold, Residual, fold_side
from ravine.models.family import Family, Order, Size

FEW = 16
"""Places that are read one by one at the end; the mean is taken over more."""


class ConvNet(nn.Module):
    """Pictures (batch, channels, height, width) → (batch, outputs).

    - fold: (batch, channels·side², h, w) with h, w the sides over `side`; between 12 and about 28
    - stem: 3×3 convolution to `width` channels
    - `depth` stages of a residual block; before each but the first a 3×3 convolution doubles the
      channels, and max pooling halves the sides while they are above 3; another block and another
      pooling at the end
    - where few places are left, a layer that reads each of them: what is small is mostly centred, so
      that it matters where something is; else the mean over all places
    - dropout, head

    Almost all the work is done at a half or a quarter of the picture's sides, where a processor's
    caches hold it.
    """

    def __init__(self, order: Order) -> None:
        super().__init__()
        shape, width, activation = order.shape, order.size.width, order.activation
        side = fold_side(shape.height, shape.width, least=12)
        self.fold = Fold(side, shape.height, shape.width) if side > 1 else nn.Identity()
        self.stem = ConvNorm(shape.channels * side**2, width, activation=activation)
        places = [-(-shape.height // side), -(-shape.width // side)]
        stages: list[nn.Module] = [Residual(width, width, activation=activation)]
        for _ in range(order.size.depth - 1):
            stages.append(ConvNorm(width, 2 * width, activation=activation))
            width *= 2
            stages += [*_halved(places), Residual(width, width, activation=activation)]
        stages += [Residual(width, width, activation=activation), *_halved(places)]
        self.stages = nn.Sequential(*stages)
        if places[0] * places[1] <= FEW:
            read = width * places[0] * places[1]
            width = max(4 * width, 2 * order.outputs)
            self.end = nn.Sequential(
                nn.Flatten(),
                nn.Linear(read, width, bias=False),  # the norm brings a shift
                nn.LayerNorm(width),  # a batch may be a single row
                activation_module(activation),
            )
        else:
            self.end = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.dropout = nn.Dropout(order.size.dropout)
        self.head = nn.Linear(width, order.outputs)

    def forward(self, x: Tensor) -> Tensor:
        """The answer, (batch, outputs)."""
        out: Tensor = self.head(self.dropout(self.end(self.stages(self.stem(self.fold(x))))))
        return out


def _halved(places: list[int]) -> list[nn.Module]:
    """Max pooling where there are places to pool; `places` is halved with it."""
    if min(places) <= 3:
        return []
    places[:] = [side // 2 for side in places]
    return [nn.MaxPool2d(2)]


def size(shape: InputShape, outputs: int, rows: int) -> Size:
    """16 channels to begin with, 32 from ten thousand rows on; a third stage for large pictures."""
    del outputs
    few = rows < 10_000
    side = min(shape.height, shape.width)
    return Size(width=16 if few else 32, depth=2 if side < 64 else 3, dropout=0.2 if few else 0.3)


FAMILY = Family(
    name="convnet",
    make=ConvNet,
    size=size,
    forms=("image",),
    source=Source("He et al.", 2016, "Deep Residual Learning for Image Recognition", arxiv="1512.03385"),
)
