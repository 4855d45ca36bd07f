"""Several transforms as one module."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Generator, Tensor, nn

from ravine.core.errors import BadValue, refusal
from ravine.regularize.augment.pixels import Chance
from ravine.regularize.augment.transform import Transform, changed, given


class Pipeline(nn.Module):
    """`transforms` one after the other; neighbours of one kind share one pass over the pixels.

    All changes of place next to each other become one matrix and one resampling, all linear changes of
    colour one map. Transforms that need colours are left away from grey pictures. In evaluation nothing
    happens.

    Args:
        transforms: In their order; a generator of their own is not used.
        generator: Source of chance, on the device of the images; the global one when None.
    """

    def __init__(self, transforms: Sequence[nn.Module], generator: Generator | None = None) -> None:
        super().__init__()
        for one in transforms:
            if not isinstance(one, Transform):
                must = "be transforms such as Rotation(10)"
                raise BadValue(refusal("augment", "transforms", must, type(one).__name__))
        self.transforms = nn.ModuleList(transforms)
        self.chance = Chance(generator)

    def words(self, channels: int = 3) -> list[str]:
        """What is done to pictures of so many channels, one thing each, for people."""
        return [one.words for one in self._all() if not one.idle and (channels == 3 or not one.colored)]

    def forward(self, images: Tensor, masks: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        """The pictures changed; with their masks where masks were given.

        Args:
            images: uint8, or float on the scale 0 … 1, (batch, channels, height, width). Not changed.
            masks: Any dtype, (batch, height, width) or (batch, any, height, width).
        """
        if not self.training:
            return given(images, masks)
        return changed(fitting(self._all(), images), images, masks, self.chance())

    def _all(self) -> list[Transform]:
        return [one for one in self.transforms if isinstance(one, Transform)]


def fitting(transforms: Sequence[Transform], images: Tensor) -> list[Transform]:
    """Those that `images` have the channels for."""
    colored = images.ndim == 4 and images.shape[1] == 3
    return [one for one in transforms if colored or not one.colored]
