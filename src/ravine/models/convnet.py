"""A small convolutional network, made to be quick on a processor."""

from __future__ import annotations

from torch import Tensor, nn

from ravine.core.shapes import InputShape
from ravine.core.sources import Source
from ravine.models.blocks import ConvNorm, Fold, Residual, fold_side
from ravine.models.family import Family, Order, Size


class ConvNet(nn.Module):
    """Pictures (batch, channels, height, width) → (batch, outputs).

    - fold: (batch, channels·side², h, w) with h, w the sides over `side`; between 8 and about 28
    - stem: 3×3 convolution to `width` channels
    - `depth` stages: each doubles the channels by a 3×3 convolution, halves the sides by max
      pooling while they are above 3, and ends in a residual block
    - mean over all places, dropout, head

    Almost all the work is done at a half or a quarter of the picture's sides, where a processor's
    caches hold it.
    """

    def __init__(self, order: Order) -> None:
        super().__init__()
        shape, width = order.shape, order.size.width
        side = fold_side(shape.height, shape.width, least=12)
        small = min(-(-shape.height // side), -(-shape.width // side))
        self.fold = Fold(side, shape.height, shape.width) if side > 1 else nn.Identity()
        self.stem = ConvNorm(shape.channels * side**2, width, activation=order.activation)
        stages: list[nn.Module] = []
        for _ in range(order.size.depth):
            stages.append(ConvNorm(width, 2 * width, activation=order.activation))
            if small > 3:
                stages.append(nn.MaxPool2d(2))
                small //= 2
            width *= 2
            stages.append(Residual(width, width, activation=order.activation))
        self.stages = nn.Sequential(*stages)
        self.dropout = nn.Dropout(order.size.dropout)
        self.head = nn.Linear(width, order.outputs)

    def forward(self, x: Tensor) -> Tensor:
        """The answer, (batch, outputs)."""
        places = self.stages(self.stem(self.fold(x)))
        out: Tensor = self.head(self.dropout(places.mean(dim=(2, 3))))
        return out


def size(shape: InputShape, outputs: int, rows: int) -> Size:
    """16 channels to begin with, 32 from ten thousand rows on; a third stage for large pictures."""
    del outputs
    few = rows < 10_000
    side = min(shape.height, shape.width)
    return Size(width=16 if few else 32, depth=2 if side < 64 else 3, dropout=0.1 if few else 0.0)


FAMILY = Family(
    name="convnet",
    make=ConvNet,
    size=size,
    forms=("image",),
    source=Source("He et al.", 2016, "Deep Residual Learning for Image Recognition", arxiv="1512.03385"),
)
