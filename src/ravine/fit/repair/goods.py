"""Places to go back to: states of a training while all was well, in memory, and on disk where a snapshot needs them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ravine.core.files import explained
from ravine.train.checkpoint import read_snapshot, write_snapshot
from ravine.train.safekeeping import whole_state
from ravine.train.trees import flatten, unflatten

if TYPE_CHECKING:
    from ravine.train.trainer import Trainer

KEPT = 4
"""The beginning and the latest three."""


class Good:
    """The whole state of a training after some step, apart from it: using it does not change it."""

    def __init__(self, state: dict[str, Any], best: dict[str, Any] | None) -> None:
        self.step: int = state["step"]
        self._skeleton, self._tensors = flatten({"state": state, "best": best})

    def copies(self) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """The state, and the best weights it refers to; the caller's own."""
        found = unflatten(self._skeleton, {name: tensor.clone() for name, tensor in self._tensors.items()})
        return found["state"], found["best"]

    def write(self, path: Path) -> None:
        """Keep it on disk."""
        state, best = self.copies()
        write_snapshot(path, {"state": state, "best": best})

    @classmethod
    def read(cls, path: Path) -> Good:
        """What `write` wrote."""
        found = read_snapshot(path)
        return cls(found["state"], found["best"])


class Goods:
    """The places of one training.

    Args:
        folder: For those that must outlast the process.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kept: dict[int, Good | None] = {}  # None: on disk, not read yet
        self._written: set[int] = set()
        self._before: set[int] = set()  # what the snapshot before the newest refers to

    @property
    def steps(self) -> list[int]:
        """Steps after which there is one, increasing."""
        return sorted(self._kept)

    def take(self, trainer: Trainer) -> None:
        """Keep where `trainer` is now; of older ones the beginning and the latest stay."""
        if trainer.step in self._kept:
            return
        self._kept[trainer.step] = None  # named in its own state, too
        later = self.steps[1:]
        for step in later[: -(KEPT - 1)]:
            del self._kept[step]
        self._kept[trainer.step] = Good(whole_state(trainer), trainer.best_state)

    def newest(self, most: int) -> Good:
        """The latest that has at most `most` steps behind it; else the first.

        Raises:
            BadRun: It was on disk, and cannot be read.
        """
        step = max((step for step in self._kept if step <= most), default=self.steps[0])
        good = self._kept[step]
        if good is None:
            good = self._kept[step] = Good.read(self.path(step))
        return good

    def save(self) -> None:
        """Write what is not on disk yet, and remove what neither of the last two snapshots refers to."""
        with explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        for step, good in self._kept.items():
            if good is not None and step not in self._written:
                good.write(self.path(step))
                self._written.add(step)
        now = set(self._kept)
        for step in self._written - now - self._before:
            self.path(step).unlink(missing_ok=True)
            self._written.discard(step)
        self._before = now

    def load(self, steps: list[int]) -> None:
        """Those of these steps that are on disk."""
        self._kept = {step: None for step in steps if self.path(step).exists()}
        self._written, self._before = set(self._kept), set(self._kept)

    def path(self, step: int) -> Path:
        """Where the one of `step` is kept."""
        return self.folder / f"good-{step:08d}.safetensors"
