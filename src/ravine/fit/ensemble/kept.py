"""Finished members on disk: each its own file, written whole, so that an interruption costs none of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ravine.core.errors import BadRun
from ravine.core.files import explained
from ravine.train.checkpoint import read_snapshot, write_snapshot


@dataclass(frozen=True, slots=True)
class Kept:
    """A finished member.

    Attributes:
        name: "seed 3", "cycle 2", "epoch 17".
        epoch: Whose weights these are, from 1.
        value: The watched number there; None when nothing was watched.
        weights: The state_dict of its body.
        steps, seconds, stopped_by: Of its training.
    """

    name: str
    epoch: int
    value: float | None
    weights: dict[str, Tensor]
    steps: int = 0
    seconds: float = 0.0
    stopped_by: str = ""

    @property
    def stem(self) -> str:
        """Its name in a file's."""
        return self.name.replace(" ", "-")


class KeptMembers:
    """The finished members of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, member: Kept) -> None:
        """Keep a member; one of the same name is replaced."""
        with explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        state = {name: getattr(member, name) for name in Kept.__slots__}
        write_snapshot(self._path(member.stem), state)

    def read(self, name: str) -> Kept | None:
        """The member called `name`; None when it is not finished, or its file is damaged."""
        path = self._path(name.replace(" ", "-"))
        if not path.exists():
            return None
        try:
            return Kept(**read_snapshot(path))
        except (BadRun, TypeError):
            return None  # trained again

    def names(self) -> list[str]:
        """The names of all, in no order that matters."""
        return [path.stem.replace("-", " ") for path in self.folder.glob("*.safetensors")]

    def forget(self, name: str) -> None:
        """Remove a member."""
        self._path(name.replace(" ", "-")).unlink(missing_ok=True)

    def _path(self, stem: str) -> Path:
        return self.folder / f"{stem}.safetensors"
