"""Gradual unfreezing: the head first, then part after part from the top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ravine.core.intervals import POSITIVE
from ravine.transfer.freeze import freeze, hold_statistics, is_frozen, unfreeze
from ravine.transfer.parts import Part

if TYPE_CHECKING:
    from ravine.train.trainer import Trainer


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfreezing:
    """Wakes one more part every `every` epochs: none in the first, all in the end.

    It is a function of the epoch alone, so that a resumed training goes on where it was.

    >>> [Unfreezing(every=2).awake(epoch, parts=2) for epoch in range(6)]
    [0, 0, 1, 1, 2, 2]

    Attributes:
        every: Epochs between two parts.

    Source: Howard & Ruder 2018, "Universal Language Model Fine-tuning for Text Classification", section 3.3.
    """

    every: float = 1.0

    def __post_init__(self) -> None:
        POSITIVE.check("unfreezing", "every", self.every)

    def awake(self, epoch: int, parts: int) -> int:
        """How many of so many parts, counted from the top, learn in this epoch (from 0)."""
        return min(int(epoch / self.every), parts)

    def attach(self, trainer: Trainer, parts: Sequence[Part], *, held: bool = False) -> None:
        """Freeze and wake `parts`, first the one next to the input, as `trainer` goes on; in the end all are awake.

        Those that are awake keep their statistics where `held`.

        All parameters must need gradients now: the optimizer is told of all of them, and passes over those
        that get none.
        """

        def settle(trainer: Trainer) -> None:
            asleep = len(parts) - self.awake(trainer.epoch, len(parts))
            freeze(part for part in parts[:asleep] if not _sleeps(part))
            unfreeze(part for part in parts[asleep:] if _sleeps(part))
            if held:
                hold_statistics(parts[asleep:])

        trainer.on("start", settle)
        trainer.on("epoch_start", settle)
        trainer.on("end", lambda _: unfreeze(parts))


def _sleeps(part: Part) -> bool:
    return any(is_frozen(module) for module in part.modules)
