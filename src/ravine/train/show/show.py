"""What every display can do, and the one that shows nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ravine.records.finding import Finding

if TYPE_CHECKING:
    from ravine.train.trainer import Trainer


class Show(Protocol):
    """Something that tells a person what is going on."""

    def step(self, title: str, text: str) -> None:
        """A step of the job is done: "split", "1,222 train, 216 validation, 359 test"."""

    def finding(self, finding: Finding) -> None:
        """Something was found."""

    def attach(self, trainer: Trainer) -> None:
        """Follow a training."""

    def close(self, text: str) -> None:
        """The job is over; `text` sums it up."""


class Quiet:
    """Shows nothing."""

    def step(self, title: str, text: str) -> None:
        """See `Show`."""

    def finding(self, finding: Finding) -> None:
        """See `Show`."""

    def attach(self, trainer: Trainer) -> None:
        """See `Show`."""

    def close(self, text: str) -> None:
        """See `Show`."""
