"""What a transform of pictures is, and how several of them run as few passes over the pixels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from itertools import groupby
from typing import ClassVar, NamedTuple

import torch
from torch import Generator, Tensor, nn

from ravine.core.intervals import UNIT
from ravine.regularize.augment.colors import ColorMap, recolored
from ravine.regularize.augment.pixels import Chance, Size, check_masks, chosen, on_unit
from ravine.regularize.augment.warp import Edge, identity_matrix, sampled, sampled_masks
from ravine.regularize.places import check_images


class Part(NamedTuple):
    """A transform, and which pictures of the batch it is for: bool (batch,), or None for all."""

    transform: Transform
    which: Tensor | None


class Transform(nn.Module):
    """A random change of pictures that leaves what they show.

    Called with pictures (batch, channels, height, width), uint8, or float on the scale 0 … 1, on any device;
    each picture gets its own draw. Called with masks too, it moves them along and returns both. Nothing given
    is changed; in evaluation nothing happens.
    """

    name: ClassVar[str]
    """Its name in the catalogue."""
    colored: ClassVar[bool] = False
    """Whether it needs red, green and blue; presets leave it away from grey pictures."""
    any_scale: ClassVar[bool] = False
    """Whether pictures need not be floats on the scale 0 … 1 for it."""

    def __init__(self, p: float, generator: Generator | None) -> None:
        super().__init__()
        self.p = UNIT.check(self.name, "p", p)
        self.chance = Chance(generator)

    @property
    @abstractmethod
    def idle(self) -> bool:
        """Whether its setting changes nothing."""

    @property
    @abstractmethod
    def words(self) -> str:
        """What it does, for people: "rotation by up to 10°"."""

    @classmethod
    @abstractmethod
    def together(
        cls, parts: Sequence[Part], images: Tensor, masks: Tensor | None, generator: Generator | None
    ) -> tuple[Tensor, Tensor | None]:
        """Several of this kind, one after the other, in as few passes as they need."""

    def forward(self, images: Tensor, masks: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        """The pictures changed; with their masks where masks were given."""
        return changed([self], images, masks, self.chance()) if self.training else given(images, masks)

    def drawn(self, images: Tensor, generator: Generator | None) -> Tensor:
        """The pictures changed by draws from `generator`, whatever the module's own and its mode."""
        out = changed([self], images, None, generator)
        assert isinstance(out, Tensor)
        return out

    def extra_repr(self) -> str:
        """The settings."""
        return self.words


class Geometry(Transform):
    """Moves points by a matrix for each picture; several are multiplied, and pictures are read once."""

    affine: ClassVar[bool] = True
    """Whether parallel lines stay parallel."""

    def __init__(self, p: float, generator: Generator | None, edge: Edge = "border") -> None:
        super().__init__(p, generator)
        self.edge: Edge = edge

    @abstractmethod
    def draw(self, size: Size, generator: Generator | None) -> Tensor:
        """Where points go, float32 (batch, 3, 3)."""

    @classmethod
    def together(
        cls, parts: Sequence[Part], images: Tensor, masks: Tensor | None, generator: Generator | None
    ) -> tuple[Tensor, Tensor | None]:
        """See `Transform.together`; beyond the edge lies what the first says."""
        size = Size.of(images)
        nothing = identity_matrix(size.batch, size.device)
        moves = [part.transform for part in parts if isinstance(part.transform, Geometry)]
        matrix, moved = nothing, torch.zeros(size.batch, dtype=torch.bool, device=size.device)
        for move, (_, which) in zip(moves, parts, strict=True):
            own = move.draw(size, generator)
            if which is None:
                matrix, moved = own @ matrix, torch.ones_like(moved)
            else:
                matrix, moved = torch.where(which[:, None, None], own, nothing) @ matrix, moved | which
        edge = moves[0].edge
        out = sampled(images, matrix, edge=edge, affine=all(move.affine for move in moves))
        if all(part.which is not None for part in parts):
            # Reading at whole places rounds: who was not chosen stays the very same.
            out = torch.where(moved[:, None, None, None], out, images)
        return out, masks if masks is None else sampled_masks(masks, matrix, edge=edge)


class Coloring(Transform):
    """Maps colours linearly, by a map for each picture; several are multiplied, and pixels are read once."""

    @abstractmethod
    def draw(self, images: Tensor, average: Tensor, generator: Generator | None) -> ColorMap:
        """How colours change.

        Args:
            images: Float pictures as they were before any change of colour.
            average: Their mean colour after the changes so far, (batch, channels).
            generator: Source of chance.
        """

    @classmethod
    def together(
        cls, parts: Sequence[Part], images: Tensor, masks: Tensor | None, generator: Generator | None
    ) -> tuple[Tensor, Tensor | None]:
        """See `Transform.together`."""
        average = images.mean((2, 3))
        whole: ColorMap | None = None
        for transform, which in parts:
            assert isinstance(transform, Coloring)
            own = transform.draw(images, average, generator).where(which)
            whole = own if whole is None else own.after(whole)
            average = own.of(average)
        assert whole is not None
        return recolored(images, whole), masks


class Pixels(Transform):
    """Changes pictures in a way of its own."""

    @abstractmethod
    def change(self, images: Tensor, masks: Tensor | None, generator: Generator | None) -> tuple[Tensor, Tensor | None]:
        """All pictures, changed, and their masks moved along."""

    @classmethod
    def together(
        cls, parts: Sequence[Part], images: Tensor, masks: Tensor | None, generator: Generator | None
    ) -> tuple[Tensor, Tensor | None]:
        """See `Transform.together`."""
        for transform, which in parts:
            assert isinstance(transform, Pixels)
            new, moved = transform.change(images, masks, generator)
            images = _picked(which, new, images)
            masks = None if masks is None or moved is None else _picked(which, moved, masks)
        return images, masks


KINDS: tuple[type[Transform], ...] = (Geometry, Coloring, Pixels)


def changed(
    transforms: Sequence[Transform], images: Tensor, masks: Tensor | None, generator: Generator | None
) -> Tensor | tuple[Tensor, Tensor]:
    """`transforms` one after the other, each on the pictures that its probability chooses."""
    check_images("augment", images)
    size = Size.of(images)
    parts = [Part(one, chosen(size, one.p, generator)) for one in transforms if not one.idle]
    return run(parts, images, masks, generator)


def run(
    parts: Sequence[Part], images: Tensor, masks: Tensor | None, generator: Generator | None
) -> Tensor | tuple[Tensor, Tensor]:
    """Transforms one after the other, each on its pictures; neighbours of one kind share one pass.

    Args:
        parts: What to do; nothing of it is idle.
        images: uint8, or float on the scale 0 … 1, (batch, channels, height, width). Not changed.
        masks: Any dtype, (batch, height, width) or (batch, any, height, width), moved along; or None.
        generator: Source of chance, on the device of the images; the global one when None.

    Returns: The pictures; with the masks where masks were given.
    """
    check_images("augment", images)
    if masks is not None:
        check_masks(images, masks)
    if not parts or len(images) == 0:
        return given(images, masks)
    whole = all(part.transform.any_scale for part in parts)
    work, back = (images, _as_it_is) if whole else on_unit(images)
    for kind, group in groupby(parts, key=lambda part: _kind(part.transform)):
        work, masks = kind.together(list(group), work, masks, generator)
    return given(back(work), masks)


def given(images: Tensor, masks: Tensor | None) -> Tensor | tuple[Tensor, Tensor]:
    """Pictures alone, or with their masks: what comes back has the form of what was given."""
    return images if masks is None else (images, masks)


def _kind(transform: Transform) -> type[Transform]:
    return next(kind for kind in KINDS if isinstance(transform, kind))


def _as_it_is(images: Tensor) -> Tensor:
    return images


def _picked(which: Tensor | None, new: Tensor, old: Tensor) -> Tensor:
    if which is None or new is old:
        return new
    return torch.where(which.view(-1, *[1] * (new.ndim - 1)), new, old)
