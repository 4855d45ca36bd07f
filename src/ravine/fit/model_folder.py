"""A model on disk: weights as safetensors, everything else as JSON; loaded without unpickling."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ravine.core.errors import BadRun
from ravine.core.files import explained, read_json, sync_folder, write_json, write_whole
from ravine.core.shapes import InputShape
from ravine.core.user_code import is_spec
from ravine.core.version import VERSION
from ravine.data.prepare import Preparation
from ravine.data.task import Task
from ravine.ensemble import Ensemble
from ravine.fit.model import Model
from ravine.fit.network import Network
from ravine.initialize import find_head
from ravine.models import FAMILIES, build
from ravine.models.outside import is_outside
from ravine.transfer.head import name_of_head, replace_head

FORMAT = 1
"""Of the folder; a folder of a later format is refused rather than misread."""

WEIGHTS = "weights.safetensors"
MODEL = "model.json"

UNNAMED = ("hf:", "torchvision:")
"""Networks of packages that Ravine does not build without their weights."""


def save_model(folder: Path, model: Model) -> None:
    """Write a finished model to `folder`, whole or not at all; what stood there is replaced.

    Args:
        folder: Usually `RunFolder.model`.
        model: With its final weights; the network's modes and device do not matter.
            `model.built` says how the body is built again: "name" and the further keyword
            arguments of `ravine.models.build`.

    Raises:
        BadRun: The disk is full or the folder cannot be written.
    """
    weights = packed(model.network)
    described = {
        "format": FORMAT,
        "ravine": VERSION,
        "torch": torch.__version__,
        "weights": {"file": WEIGHTS, "sha256": hashlib.sha256(weights).hexdigest()},
        "built": {**model.built, "name": _findable(str(model.built["name"]))},
        "task": model.task.to_json(),
        "preparation": model.preparation.to_json(),
        "extra": model.extra,
    }
    with explained(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        hidden = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=".part"))
    try:
        write_whole(hidden / WEIGHTS, weights)
        write_json(hidden / MODEL, described)
        with explained(folder):
            os.chmod(hidden, 0o777 & ~_umask_of(hidden / MODEL))
            _take_place(hidden, folder)
    except BaseException:
        shutil.rmtree(hidden, ignore_errors=True)
        raise


def load_model(folder: Path, *, body: nn.Module | None = None) -> Model:
    """The model in `folder`, in evaluation mode, on the CPU.

    Args:
        folder: Where `save_model` wrote.
        body: The network behind the normalizer, for one that was handed over as an object and
            that no name can build again; it is filled with the weights. A network from
            `file.py:function` is built by calling the function again, so its file must still be
            where it was.

    Raises:
        BadRun: No model there, a damaged file, one of a later version, or weights that do not
            fit the network described beside them.
        UserCodeError: The user's function raised.
    """
    if not folder.is_dir():
        raise BadRun(f"{folder}: no model there. A run keeps its model when its training ends; see: ravine resume RUN")
    described = read_json(folder / MODEL)
    _check_format(folder, described)
    weights = _read_weights(folder, described["weights"])
    try:
        task = Task.from_json(described["task"])
        preparation = Preparation.from_json(described["preparation"])
        built = dict(described["built"])
        made = body if body is not None else _rebuilt(folder, built, preparation.shape, task.outputs)
    except (KeyError, TypeError, AttributeError) as error:
        raise BadRun(f"{folder / MODEL}: does not describe a model ({type(error).__name__}: {error}).") from error
    _match_head(made, weights, task.outputs)
    network = Network(preparation.normalizer(), made)
    fill(network, weights, owner=str(folder / WEIGHTS))
    return Model(network=network.eval(), task=task, preparation=preparation, built=built, extra=described["extra"])


def _rebuilt(folder: Path, built: dict[str, Any], shape: InputShape, outputs: int) -> nn.Module:
    """The body, with weights that are yet to be filled in."""
    name = built["name"]
    if name not in FAMILIES and (not is_outside(name) or name.startswith(UNNAMED)):
        raise BadRun(
            f"{folder}: the network, {name}, was an object of a program, and no name builds it again. "
            f"Build it yourself: ravine.fit.model_folder.load_model({str(folder)!r}, body=network)"
        )
    arguments = {key: value for key, value in built.items() if key not in ("name", "ensemble")}

    def make() -> nn.Module:
        return build(name, shape, outputs, **arguments).module

    if "ensemble" not in built:
        return make()
    told = built["ensemble"]
    return Ensemble([make() for _ in range(int(told["members"]))], told["kind"], combine=told["combine"])


def _match_head(body: nn.Module, weights: Mapping[str, Tensor], outputs: int) -> None:
    """Give a network that is built with its pretrained head the head that the run put in its place."""
    head = find_head(body)
    if head is None or head.out_features == outputs:
        return
    kept = weights.get(f"body.{name_of_head(body)}.weight")
    if kept is not None and len(kept) == outputs:
        replace_head(body, outputs)


def fill(network: nn.Module, weights: Mapping[str, Tensor], *, owner: str) -> None:
    """Put `weights` into `network`, every tensor or none.

    Raises:
        BadRun: Names, shapes or types differ; the text has the first few.
    """
    expected = network.state_dict()
    faults = [f"{name} is missing" for name in expected if name not in weights]
    faults += [f"{name} {_form(weights[name])} is unknown" for name in weights if name not in expected]
    faults += [
        f"{name} is {_form(weights[name])}, the network has {_form(there)}"
        for name, there in expected.items()
        if name in weights and _form(weights[name]) != _form(there)
    ]
    if faults:
        more = f"; and {len(faults) - 4} more" if len(faults) > 4 else ""
        raise BadRun(f"{owner}: weights of another model: {'; '.join(faults[:4])}{more}.")
    network.load_state_dict(dict(weights))


def packed(network: nn.Module) -> bytes:
    """All parameters and buffers by name, as the bytes of a safetensors file; tied ones once for each name."""
    from safetensors.torch import save

    return save({name: value.detach().cpu().contiguous().clone() for name, value in network.state_dict().items()})


def unpacked(data: bytes) -> dict[str, Tensor]:
    """Tensors by name, on the CPU, from the bytes of a safetensors file.

    Raises:
        safetensors.SafetensorError: The bytes are no such file.
    """
    from safetensors.torch import load

    return load(data)


def _form(value: Tensor) -> str:
    return f"{tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}"


def _findable(name: str) -> str:
    """`name`, of a file of the user's with its whole path: a model may be loaded from anywhere."""
    if not is_spec(name):
        return name
    file, _, function = name.rpartition(":")
    return f"{Path(file).expanduser().resolve()}:{function}"


def _check_format(folder: Path, described: Any) -> None:
    if not isinstance(described, dict) or not isinstance(described.get("weights"), dict):
        raise BadRun(f"{folder / MODEL}: does not describe a model.")
    if described.get("format") != FORMAT:
        raise BadRun(
            f"{folder / MODEL}: format {described.get('format')!r}, written by Ravine {described.get('ravine')}; "
            f"this is Ravine {VERSION}, which reads format {FORMAT}. Use the version that wrote it."
        )


def _read_weights(folder: Path, record: Mapping[str, Any]) -> dict[str, Tensor]:
    from safetensors import SafetensorError

    path = folder / WEIGHTS
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadRun(f"{path}: cannot be read ({error.strerror or error}).") from None
    if hashlib.sha256(data).hexdigest() != record.get("sha256"):
        raise BadRun(f"{path}: damaged: its checksum is not the one in {MODEL}. Restore it, or fit again.")
    try:
        return unpacked(data)
    except SafetensorError as error:
        raise BadRun(f"{path}: damaged ({error}). Restore it, or fit again.") from None


def _umask_of(file: Path) -> int:
    """The bits that files here are made without, read off one that was just made."""
    return 0o666 & ~file.stat().st_mode


def _take_place(hidden: Path, folder: Path) -> None:
    """Give `hidden` the name `folder`, moving what stood there out of the way first."""
    if folder.exists():
        old = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=".old"))
        os.replace(folder, old / folder.name)
        os.replace(hidden, folder)
        shutil.rmtree(old, ignore_errors=True)
    else:
        os.replace(hidden, folder)
    sync_folder(folder.parent)
