"""A folder of IDX files: pictures and labels, in parts as published."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ravine.core.errors import BadData
from ravine.data.raw import Raw
from ravine.data.sources.arrays import Piece, raw_of_pieces
from ravine.data.sources.idx import is_idx_name, read_idx
from ravine.data.sources.options import Options

_PARTS = {"train": "train", "t10k": "test", "test": "test", "val": "val", "valid": "val", "validation": "val"}
_FORMS = "A folder of IDX files holds train-images-idx3-ubyte, train-labels-idx1-ubyte and the same for t10k, or .gz."


def open_idx_folder(
    folder: Path, options: Options, *, name: str, origin: str, classes: tuple[str, ...] = (), target: str = "label"
) -> Raw:
    """The pictures and labels in `folder`.

    Args:
        folder: Where the files are.
        options: How to read.
        name: For people.
        origin: What opens it again.
        classes: Names of the labels 0, 1, …; the numbers themselves when empty.
        target: What the labels are called.

    Raises:
        BadData: A file is missing, given twice, damaged, or pictures and labels differ in number.
    """
    options.refuse_columns(folder, "a folder of IDX files")
    pieces: dict[str, Piece] = {}
    for part, files in sorted(_pairs(folder).items(), key=lambda item: ("", "train", "val", "test").index(item[0])):
        if "labels" not in files and options.need_target:
            raise BadData(f"{folder}: {files['images'].name} has no file of labels beside it. {_FORMS}")
        if "images" not in files:
            raise BadData(f"{folder}: {files['labels'].name} has no file of pictures beside it. {_FORMS}")
        labels = _labels(files["labels"], classes) if "labels" in files else None
        pieces[part] = Piece(read_idx(files["images"]), labels)
    return raw_of_pieces(pieces, name=name, origin=origin, owner=str(folder), options=options, target=target)


def has_idx_files(folder: Path) -> bool:
    """Whether pictures in IDX form lie in `folder`."""
    return any(is_idx_name(path.name) and "images" in path.name for path in folder.iterdir())


def _pairs(folder: Path) -> dict[str, dict[str, Path]]:
    """By part {"images": file, "labels": file}; the part "" when names tell none."""
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.iterdir()):
        role = next((role for role in ("images", "labels") if role in path.name), None)
        if role is None or not is_idx_name(path.name):
            continue
        words = re.split(r"[^a-z0-9]+", path.name.lower())
        part = next((_PARTS[word] for word in words if word in _PARTS), "")
        other = found.setdefault(part, {}).setdefault(role, path)
        if other != path and other.name.removesuffix(".gz") != path.name.removesuffix(".gz"):
            raise BadData(f"{folder}: {other.name} and {path.name} are both {role} for the same part. Keep one set.")
    if not found:
        raise BadData(f"{folder}: no IDX files. {_FORMS}")
    return found


def _labels(path: Path, classes: tuple[str, ...]) -> NDArray[Any]:
    labels = read_idx(path)
    if not classes:
        return labels.astype(np.int64) if labels.dtype.kind in "iu" else labels
    if labels.size and (labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= len(classes)):
        raise BadData(f"{path}: labels must be 0 to {len(classes) - 1}; got {labels.min()} to {labels.max()}.")
    named: NDArray[Any] = np.array(classes)[labels]
    return named
