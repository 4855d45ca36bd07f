"""Weights of an earlier training put into a network: what fits by name, and what fits but for its prefix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadRun, BadValue
from ravine.records.folder import RunFolder
from ravine.records.results import Results
from ravine.train.checkpoint import Snapshots

WEIGHTS = "weights.safetensors"

_TOLD = 4  # names of a kind that an error or a report line lists


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights that were found.

    Attributes:
        tensors: By name.
        origin: Where, for people.
        epochs: For how long they were trained, where that is known.
    """

    tensors: Mapping[str, Tensor]
    origin: str
    epochs: float | None = None


@dataclass(frozen=True, slots=True)
class WarmStart:
    """What of some weights went into a network.

    Attributes:
        origin: Where they came from.
        epochs: For how long they were trained, where that is known.
        same: Names that were the same on both sides.
        renamed: Names of the network → names in the file that end alike and have the same shape.
        missing: Names of the network that got nothing and keep the values they had.
        extra: Names in the file that nothing took.
        other_shape: Names on both sides → shape in the file, shape in the network.
    """

    origin: str
    epochs: float | None
    same: tuple[str, ...]
    renamed: Mapping[str, str]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    other_shape: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]

    @property
    def words(self) -> str:
        """In a sentence, with the names that matter."""
        loaded = len(self.same) + len(self.renamed)
        told = [f"{loaded} of {loaded + len(self.missing) + len(self.other_shape)} tensors from {self.origin}"]
        if self.renamed:
            pairs = _few(f"{name} ← {theirs}" for name, theirs in self.renamed.items())
            told.append(f"{len(self.renamed)} under another name: {pairs}")
        return "; ".join([*told, *self.faults()])

    def faults(self) -> list[str]:
        """What did not fit, a line a kind."""
        lines = []
        if self.other_shape:
            pairs = (f"{name} {there} there, {here} here" for name, (there, here) in self.other_shape.items())
            lines.append(f"of other shape: {_few(pairs)}")
        if self.missing:
            lines.append(f"not there: {_few(f'{name}{did_you_mean(name, self.extra)}' for name in self.missing)}")
        if self.extra:
            lines.append(f"not used: {_few(self.extra)}")
        return lines


def warm_start(model: nn.Module, source: str | Path | Weights) -> WarmStart:
    """Fill `model` with the weights of `source`, as far as they fit; in place.

    A tensor fits where name and shape are the same. What is left over fits where the last two parts of
    the name or more agree, the shape is the same, and there is only one such pair: `body.0.weight` for
    `module.body.0.weight`. Nothing is changed unless a parameter fits.

    Args:
        model: Any network.
        source: Folder or name of a run, a .safetensors file, a .pt file of tensors; or weights already read.

    Raises:
        BadRun: Nothing there, a damaged file, one that holds more than tensors; or not one parameter fits.
    """
    weights = source if isinstance(source, Weights) else read_weights(source)
    ours = model.state_dict()
    pairs = {name: name for name in ours if name in weights.tensors}
    other_shape = {
        name: (tuple(weights.tensors[name].shape), tuple(ours[name].shape))
        for name in pairs
        if weights.tensors[name].shape != ours[name].shape
    }
    same = tuple(name for name in pairs if name not in other_shape)
    unused = [name for name in weights.tensors if name not in pairs]
    renamed = _renamed(
        {name: ours[name] for name in ours if name not in pairs}, {name: weights.tensors[name] for name in unused}
    )
    found = WarmStart(
        origin=weights.origin,
        epochs=weights.epochs,
        same=same,
        renamed=renamed,
        missing=tuple(name for name in ours if name not in pairs and name not in renamed),
        extra=tuple(name for name in unused if name not in set(renamed.values())),
        other_shape=other_shape,
    )
    taken = {**{name: name for name in same}, **renamed}
    if not taken.keys() & dict(model.named_parameters()).keys():
        raise BadRun(f"{weights.origin}: its weights are those of another network: {'; '.join(found.faults())}.")
    with torch.no_grad():
        for name, theirs in taken.items():
            ours[name].copy_(weights.tensors[theirs])
    return found


def read_weights(source: str | Path) -> Weights:
    """The weights of a run (its model, or its newest snapshot) or of a file.

    Raises:
        BadRun: There are none.
    """
    path = Path(source)
    if path.is_file():
        return _of_file(path)
    if path.suffix in (".safetensors", ".pt", ".pth"):
        raise BadRun(f"{path}: no such file.")
    folder = RunFolder.open(source)
    for kept in (folder.model / WEIGHTS, folder.path / WEIGHTS):
        if kept.is_file():
            train = Results.read(folder.results).train
            return Weights(_bare(_safetensors(kept)), str(folder.path), train.epochs if train is not None else None)
    newest = Snapshots(folder.checkpoints).newest()
    if newest is None:
        raise BadRun(f"{folder.path}: keeps no weights yet: it ended before its first snapshot.")
    path, state = newest
    return Weights(_bare(state["model"]), str(path), state["step"] / state["steps_per_epoch"])


def schedule_behind(found: WarmStart, *, rewarm: bool) -> float:
    """Epochs that the schedule of the coming training has behind it.

    Raises:
        BadValue: The schedule is to go on, and nothing says from where.
    """
    if rewarm:
        return 0.0
    if found.epochs is None:
        raise BadValue(
            f"train.rewarm = false goes on with the schedule of a run, and {found.origin} does not say how long it was "
            "trained. Name the folder of a run, or leave rewarm at true."
        )
    return found.epochs


def _renamed(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> dict[str, str]:
    """Pairs of names that end alike, where each is the other's only nearest."""
    nearest = {name: _nearest(name, value, theirs) for name, value in ours.items()}
    back = {name: _nearest(name, value, ours) for name, value in theirs.items()}
    return {name: other for name, other in nearest.items() if other is not None and back[other] == name}


def _nearest(name: str, value: Tensor, others: Mapping[str, Tensor]) -> str | None:
    """The one name that agrees in most of its last parts, two at least; None where there is no such one."""
    alike = {other: _alike(name, other) for other, tensor in others.items() if tensor.shape == value.shape}
    most = max(alike.values(), default=0)
    best = [other for other, parts in alike.items() if parts == most]
    return best[0] if most >= 2 and len(best) == 1 else None


def _alike(one: str, other: str) -> int:
    """How many of the last parts of two dotted names agree.

    >>> _alike("body.0.weight", "module.body.0.weight"), _alike("0.weight", "1.weight")
    (3, 1)
    """
    parts = zip(reversed(one.split(".")), reversed(other.split(".")), strict=False)
    return next((place for place, (a, b) in enumerate(parts) if a != b), min(one.count("."), other.count(".")) + 1)


def _bare(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a network behind a normalizer without it: the new data have statistics of their own."""
    if not all(name.startswith(("normalizer.", "body.")) for name in tensors):
        return dict(tensors)
    return {name.removeprefix("body."): value for name, value in tensors.items() if name.startswith("body.")}


def _of_file(path: Path) -> Weights:
    if path.suffix == ".safetensors":
        return Weights(_safetensors(path), str(path))
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise BadRun(
            f"{path}: no file of tensors alone ({type(error).__name__}). Save model.state_dict(), as .safetensors best."
        ) from error
    tensors = _tensors(loaded)
    if not tensors:
        raise BadRun(f"{path}: holds no tensors by name. Save model.state_dict().")
    return Weights(tensors, str(path))


def _tensors(loaded: Any) -> dict[str, Tensor]:
    """The tensors of a state dict, or of the one inside a checkpoint."""
    if not isinstance(loaded, Mapping):
        return {}
    found = {str(name): value for name, value in loaded.items() if isinstance(value, Tensor)}
    inside = (loaded.get(key) for key in ("state_dict", "model_state_dict", "model"))
    return found or next((tensors for part in inside if (tensors := _tensors(part))), {})


def _safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise BadRun(f"{path}: cannot be read, or is no safetensors file ({error}).") from None


def _few(names: Any) -> str:
    listed = list(names)
    more = f" and {len(listed) - _TOLD} more" if len(listed) > _TOLD else ""
    return ", ".join(listed[:_TOLD]) + more
