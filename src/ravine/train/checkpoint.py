"""Snapshots of a training: written whole or not at all, checked when read, the last two and the best kept.

A snapshot is one safetensors file. Its metadata hold the JSON skeleton of everything that is no
tensor and a SHA-256 over skeleton and tensors; one that does not add up is passed over for the one before.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ravine.core.errors import BadRun
from ravine.core.files import explained, write_whole
from ravine.train.trees import flatten, unflatten

KEPT = 2


def write_snapshot(path: Path, state: Any) -> None:
    """Write a nested state to `path`, whole or not at all."""
    skeleton, tensors = flatten(state)
    text = json.dumps(skeleton, allow_nan=False)
    metadata = {"format": "ravine-1", "skeleton": text, "sha256": _digest(text, tensors)}
    write_whole(path, save(tensors, metadata))


def read_snapshot(path: Path) -> Any:
    """The state in `path`.

    Raises:
        BadRun: Missing, torn, damaged, or not one of ours.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except FileNotFoundError:
        raise BadRun(f"{path}: no such snapshot.") from None
    except (OSError, SafetensorError) as error:
        raise BadRun(f"{path}: damaged or not a snapshot ({error}).") from None
    text = metadata.get("skeleton")
    if text is None:
        raise BadRun(f"{path}: a safetensors file, but not a Ravine snapshot.")
    if metadata.get("sha256") != _digest(text, tensors):
        raise BadRun(f"{path}: damaged: its contents do not match its checksum.")
    return unflatten(json.loads(text), tensors)


class Snapshots:
    """The snapshots of one run: `step-00000120.safetensors`, and `best-…` beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, step: int, state: dict[str, Any]) -> None:
        """Keep `state` as the newest snapshot; older ones beyond the last two go."""
        self._make_folder()
        write_snapshot(self._path("step", step), state)
        for path in self._found("step")[:-KEPT]:
            path.unlink(missing_ok=True)

    def write_best(self, step: int, state: dict[str, Any]) -> None:
        """Keep the best weights so far, reached at `step`, beside those before.

        The earlier best stays until `forget_best`: snapshots already on disk still refer to it.
        """
        self._make_folder()
        if not self._path("best", step).exists():
            write_snapshot(self._path("best", step), state)

    def forget_best(self, keep: set[int]) -> None:
        """Remove best weights that no snapshot refers to any more."""
        for path in self._found("best"):
            if _step_of(path) not in keep:
                path.unlink(missing_ok=True)

    def forget_after(self, step: int) -> None:
        """Remove snapshots of later steps; the best weights they refer to stay until `forget_best`."""
        for path in self._found("step"):
            if _step_of(path) > step:
                path.unlink(missing_ok=True)

    def newest(self) -> tuple[Path, dict[str, Any]] | None:
        """The newest undamaged snapshot with its path; None when no snapshot was ever written.

        Raises:
            BadRun: There are snapshots, and every one is damaged.
        """
        faults: list[str] = []
        for path in reversed(self._found("step")):
            try:
                state = read_snapshot(path)
                best = state.get("best_step")
                if best is not None:
                    read_snapshot(self._path("best", best))
            except BadRun as error:
                faults.append(str(error))
                continue
            return path, state
        if faults:
            raise BadRun("no snapshot can be used: " + " ".join(faults))
        return None

    def best(self, step: int) -> dict[str, Any]:
        """The best weights, as kept at `step`."""
        state: dict[str, Any] = read_snapshot(self._path("best", step))
        return state

    def _found(self, kind: str) -> list[Path]:
        return sorted(self.folder.glob(f"{kind}-*.safetensors"), key=_step_of)

    def _path(self, kind: str, step: int) -> Path:
        return self.folder / f"{kind}-{step:08d}.safetensors"

    def _make_folder(self) -> None:
        with explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)


def _step_of(path: Path) -> int:
    digits = path.stem.rpartition("-")[2]
    return int(digits) if digits.isdigit() else -1


def _digest(text: str, tensors: dict[str, Tensor]) -> str:
    total = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        if tensor.numel():
            real = torch.view_as_real(tensor) if tensor.is_complex() else tensor
            # Bytes through a view: NumPy has no bfloat16.
            total.update(real.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()
