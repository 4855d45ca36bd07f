"""A callback for Hugging Face's Trainer: the length of the training, and the program's own names for what it measures.

    from ravine.watch.huggingface import WatchCallback

    trainer = Trainer(..., callbacks=[WatchCallback()])

Losses, rates, gradients and layers are seen without it.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from ravine.core.errors import missing_package
from ravine.watch.following import Following

_SPEED = ("runtime", "per_second", "epoch")


def __getattr__(name: str) -> Any:
    if name == "WatchCallback":
        return _made()
    raise AttributeError(name)


@cache
def _made() -> type:
    """The class, whose base is that of transformers."""
    try:
        base = import_module("transformers").TrainerCallback
    except ImportError as error:
        raise missing_package("ravine.watch.huggingface", "transformers", "hf") from error
    return type("WatchCallback", (_HuggingFace, base), {"__module__": __name__, "__doc__": _HuggingFace.__doc__})


class _HuggingFace:
    """Watches `trainer.train`.

    Args:
        options: As `ravine.watch` takes them: run_dir, overhead, quiet.
    """

    def __init__(self, **options: Any) -> None:
        self._following = Following(**options)

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Begin."""
        self._following.begin(model, total_steps=state.max_steps)

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        """What `compute_metrics` gave, under its own names."""
        named = {name: value for name, value in (metrics or {}).items() if not name.endswith(_SPEED)}
        self._following.measured(named)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The verdict."""
        self._following.end()
