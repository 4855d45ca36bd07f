"""A callback for Lightning: the length of the training, and the program's own names for what it measures.

    from ravine.watch.lightning import WatchCallback

    trainer = lightning.Trainer(callbacks=[WatchCallback()])

Losses, rates, gradients and layers are seen without it.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from ravine.core.errors import Missing
from ravine.watch.following import Following


def __getattr__(name: str) -> Any:
    if name == "WatchCallback":
        return _made()
    raise AttributeError(name)


@cache
def _made() -> type:
    """The class, whose base is Lightning's."""
    try:
        base = import_module("lightning.pytorch").Callback
    except ImportError as error:
        said = "ravine.watch.lightning: needs the package 'lightning'; install it with: pip install lightning"
        raise Missing(said) from error
    return type("WatchCallback", (_Lightning, base), {"__module__": __name__, "__doc__": _Lightning.__doc__})


class _Lightning:
    """Watches `trainer.fit`.

    Args:
        options: As `ravine.watch` takes them: run_dir, overhead, quiet.
    """

    def __init__(self, **options: Any) -> None:
        self._following = Following(**options)

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin."""
        total = trainer.estimated_stepping_batches
        self._following.begin(pl_module, total_steps=total if isinstance(total, int) else None)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """What the program has logged under its own names."""
        if not trainer.sanity_checking:
            self._following.measured(trainer.callback_metrics)

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        """The verdict."""
        self._following.end()
