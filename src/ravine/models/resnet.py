"""The residual network."""

from __future__ import annotations

from torch import Tensor, nn

from ravine.core.shapes import InputShape
from ravine.core.sources import Source
from ravine.models.blocks import ConvNorm, Residual
from ravine.models.family import Family, Order, Size


class ResNet(nn.Module):
    """Pictures (batch, channels, height, width) → (batch, outputs).

    - stem: for sides from 64 on a 7×7 convolution with stride 2 and max pooling, a quarter of the
      sides; else a 3×3 convolution at full sides
    - up to four stages of `depth` residual blocks, with width, 2·width, 4·width, 8·width channels;
      each but the first halves the sides; as many stages as leave at least 4 places a side
    - mean over all places, dropout, head
    """

    def __init__(self, order: Order) -> None:
        super().__init__()
        shape, width, activation = order.shape, order.size.width, order.activation
        small = min(shape.height, shape.width)
        if small >= 64:
            self.stem = nn.Sequential(
                ConvNorm(shape.channels, width, window=7, stride=2, activation=activation),
                nn.MaxPool2d(3, stride=2, padding=1),
            )
            small //= 4
        else:
            self.stem = nn.Sequential(ConvNorm(shape.channels, width, activation=activation))
        stages: list[nn.Module] = []
        inward = width
        for stage in range(_stages(small)):
            outward = width * 2**stage
            for block in range(order.size.depth):
                stride = 2 if stage and not block else 1
                stages.append(Residual(inward, outward, stride=stride, activation=activation))
                inward = outward
        self.stages = nn.Sequential(*stages)
        self.dropout = nn.Dropout(order.size.dropout)
        self.head = nn.Linear(inward, order.outputs)

    def forward(self, x: Tensor) -> Tensor:
        """The answer, (batch, outputs)."""
        places = self.stages(self.stem(x))
        out: Tensor = self.head(self.dropout(places.mean(dim=(2, 3))))
        return out


def _stages(side: int) -> int:
    """How many stages a picture of this side goes through: at most 4, none below 4 places a side.

    >>> [_stages(side) for side in (4, 8, 28, 32, 56)]
    [1, 2, 3, 4, 4]
    """
    return max(1, min(4, side.bit_length() - 2))


def size(shape: InputShape, outputs: int, rows: int) -> Size:
    """Two blocks a stage (ResNet-18's layout); half its channels for small pictures or few rows."""
    del outputs
    small = min(shape.height, shape.width) < 64
    return Size(width=32 if small or rows < 50_000 else 64, depth=2, dropout=0.1 if rows < 10_000 else 0.0)


FAMILY = Family(
    name="resnet",
    make=ResNet,
    size=size,
    forms=("image",),
    source=Source("He et al.", 2016, "Deep Residual Learning for Image Recognition", arxiv="1512.03385"),
)
