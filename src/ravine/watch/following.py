"""What callbacks of frameworks tell the watcher: what hooks into torch cannot know."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ravine.watch import watcher as watching
from ravine.watch.watcher import Watcher

_MEASURED = ("loss", "accuracy")  # what the watcher sees by itself
_BEFORE = ("eval_", "val_", "valid_", "validation_")


class Following:
    """Begins to watch with a framework's training, and ends with it, unless somebody has begun before.

    Args:
        options: As `ravine.watch` takes them: run_dir, overhead, quiet.
    """

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._own = False
        self.watcher: Watcher | None = None

    def begin(self, model: nn.Module | None, **known: Any) -> None:
        """The training begins; `known` is said of it as a whole, where it is not None."""
        self._own = watching.running() is None
        self.watcher = watching.watch(model, **self._options)
        known = {name: value for name, value in known.items() if isinstance(value, int) and value > 0}
        if known:
            self.watcher.scene.about(**known)

    def measured(self, metrics: Mapping[str, Any]) -> None:
        """An evaluation has given these numbers, by the program's own names; those of the training are left out."""
        row: dict[str, float] = {}
        for name, value in metrics.items():
            before = next((word for word in _BEFORE if name.startswith(word)), None)
            if before is None or (plain := name.removeprefix(before)) in _MEASURED:
                continue
            if isinstance(value, Tensor) and value.numel() == 1:
                value = value.item()
            if isinstance(value, int | float) and math.isfinite(value):
                row[f"val_{plain}"] = float(value)
        if row and self.watcher is not None:
            self.watcher.scene.write("epoch", **row)

    def end(self) -> None:
        """The training has ended: say the verdict."""
        if self.watcher is not None and self._own:
            self.watcher.finish()
