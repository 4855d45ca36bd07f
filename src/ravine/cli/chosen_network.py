"""The network that `ravine fit` would train on some data, for verbs that look at it before any training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ravine.core.errors import BadValue

if TYPE_CHECKING:
    from torch import nn


def chosen_network(
    verb: str, source: Any, model: str, *, seed: int, activation: str = "relu", rows: int | None = None
) -> tuple[str, tuple[Any, ...]]:
    """Its name, and: the network, training rows as it takes them, the loss, and their targets.

    Args:
        verb: Who asks.
        source: Data as `ravine fit` takes it.
        model: Name of the network, or "auto".
        seed: Of weights and split.
        activation: Of the network.
        rows: How many training rows; None for all.
    """
    import torch

    from ravine.data.infer import infer_task
    from ravine.data.prepare import prepare
    from ravine.data.raw import Raw
    from ravine.data.sources.opening import open_source
    from ravine.data.split import split_rows
    from ravine.data.task import encode_targets, fit_target
    from ravine.models import build
    from ravine.train.losses import loss_of

    raw = open_source(source)
    if not isinstance(raw, Raw) or raw.targets is None:
        raise BadValue(f"{verb}: these are torch's data sets. Let the function return (model, batch) instead.")
    task = infer_task(raw)
    split = split_rows(raw, task, val="auto", test=0.2, seed=seed)
    task = fit_target(task, raw.targets, split.train)
    preparation = prepare(raw.inputs, split.train)
    some = torch.from_numpy(split.train[:rows])
    fields = tuple(field[some] for field in preparation.fields(raw.inputs))
    shape, kind = preparation.shape, task.kind
    built = build(
        model, shape, task.outputs, rows=len(split.train), activation=activation, seed=seed, task_kind=kind.value
    )
    target = torch.from_numpy(encode_targets(task, raw.targets))[some]
    batch = _given(preparation.normalizer(), fields)
    return built.name, (built.module, batch, loss_of(kind), target)


def _given(normalizer: nn.Module, fields: tuple[Any, ...]) -> tuple[Any, ...]:
    normalized = normalizer(*fields)
    return normalized if isinstance(normalized, tuple) else (normalized,)
