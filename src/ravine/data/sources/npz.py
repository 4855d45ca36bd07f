"""NumPy's own files: `.npz` with named arrays, `.npy` with one. Never unpickled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadData
from ravine.data.raw import Raw
from ravine.data.sources.arrays import Piece, raw_of_pieces
from ravine.data.sources.notes import note
from ravine.data.sources.options import Options
from ravine.records.finding import Finding

X_NAMES = ("x", "inputs", "images", "data", "features")
Y_NAMES = ("y", "labels", "targets", "label", "target")
PARTS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


def open_npz(path: Path, options: Options, *, origin: str) -> Raw:
    """The arrays x and y of an `.npz` file, or x_train, y_train, x_val, … as parts.

    Names may be in any case, and other usual words for x and y are known. `--target`, `--id`,
    `--group` and `--time` name arrays of the file.

    Raises:
        BadData: No such arrays, objects inside, lengths that differ, a damaged file.
    """
    _refuse_npy(path)
    try:
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
            names = _names(list(file.files), path, options)
            arrays = {name: file[name] for pair in names.values() for name in pair.values()}
    except BadData:
        raise
    except Exception as error:  # of a damaged header NumPy raises anything, a TokenError among others
        raise _refused(path, error, "savez") from None
    pieces = {part: Piece(**{role: arrays[name] for role, name in pair.items()}) for part, pair in names.items()}
    target = options.target[0] if options.target else next(iter(names.values())).get("y", "target")
    target = "target" if target.lower().partition("_")[0] in Y_NAMES else target
    return raw_of_pieces(pieces, name=path.name, origin=origin, owner=str(path), options=options, target=target)


def open_npy(path: Path, options: Options, *, origin: str) -> Raw:
    """The one array of an `.npy` file; of a matrix, the last column is the target.

    Raises:
        BadData: Objects inside, a damaged file, or pictures, which cannot hold their answers.
    """
    options.refuse_columns(path, "an .npy file")
    try:
        array = np.load(path, allow_pickle=False, mmap_mode="r")
    except Exception as error:  # of a damaged header NumPy raises anything, a TokenError among others
        raise _refused(path, error, "save") from None
    if not isinstance(array, np.ndarray):
        array.close()
        raise BadData(f"{path}: holds several arrays although it is named .npy. Rename it to .npz.")
    x: NDArray[Any] = array
    y = None
    findings: tuple[Finding, ...] = ()
    if options.need_target:
        if array.ndim != 2 or array.shape[1] < 2:
            raise BadData(
                f"{path}: shape {array.shape} leaves no room for answers; only of a matrix is the last column the "
                "target. Save inputs and answers together: numpy.savez(file, x=x, y=y)."
            )
        x, y = array[:, :-1], array[:, -1]
        evidence = f"the file names no columns, so the last of its {array.shape[1]} is learned"
        findings = (note("assumes-target", evidence, "if another is meant, save an .npz with x and y"),)
    raw = raw_of_pieces({"": Piece(x, y)}, name=path.name, origin=origin, owner=str(path), options=options)
    return replace(raw, findings=(*findings, *raw.findings))


def _names(files: list[str], path: Path, options: Options) -> dict[str, dict[str, str]]:
    """By part and role (x, y, ids, groups, times) the name of the array."""
    asked = {"y": options.target, "ids": options.id, "groups": options.group, "times": options.time}
    if options.drop:
        files = [name for name in files if name not in options.drop]
    whole: dict[str, str] = {}
    for role, value in asked.items():
        for name in (value,) if isinstance(value, str) else value or ():
            if name in files:
                whole[role] = name
            elif options.need_target:
                raise BadData(f"{path}: no array {name!r}.{did_you_mean(name, files)} It holds: {', '.join(files)}.")
        if role == "y" and value and len(value) > 1:
            raise BadData(f"{path}: one array can be the target; got {', '.join(value)}. Stack them: shape (rows, 2).")
    found: dict[str, dict[str, str]] = {}
    for name in files:
        if name in whole.values():
            continue
        word, _, part = name.lower().partition("_")
        if part in X_NAMES or part in Y_NAMES:  # train_images as well as images_train
            word, part = part, word
        role = "x" if word in X_NAMES else "y" if word in Y_NAMES else ""
        if not role or (part and part not in PARTS) or (role == "y" and "y" in whole):
            continue
        other = found.setdefault(PARTS.get(part, ""), {}).setdefault(role, name)
        if other != name:
            raise BadData(
                f"{path}: both {other!r} and {name!r} could be the {'inputs' if role == 'x' else 'answers'}. "
                f"Leave one out with --drop {name}."
            )
    if not any("x" in pair for pair in found.values()):
        used = {*whole.values(), *(name for pair in found.values() for name in pair.values())}
        rest = [name for name in files if name not in used]
        if len(rest) == 1:  # whatever it is called, it can only be the inputs
            found.setdefault("", {})["x"] = rest[0]
    found = {part: pair for part, pair in found.items() if "x" in pair}
    if len(found) > 1 and "" in found:
        raise BadData(f"{path}: holds {found['']['x']!r} and parts beside it. Leave one kind out with --drop.")
    if not found:
        raise BadData(
            f"{path}: no array of inputs; it must be named x, inputs, images, data or features (or x_train, "
            f"x_val, x_test). It holds: {', '.join(files) or 'nothing'}."
        )
    if whole and "" not in found:
        raise BadData(f"{path}: comes in parts, so one array {next(iter(whole.values()))!r} cannot serve all of them.")
    for part, pair in found.items():
        pair.update(whole)
        if "y" not in pair and options.need_target:
            suffix = f"_{part}" if part else ""
            raise BadData(
                f"{path}: {pair['x']!r} has no answers; an array y{suffix}, labels{suffix} or targets{suffix} must be "
                f"there. It holds: {', '.join(files)}."
            )
    return dict(sorted(found.items(), key=lambda item: ("", "train", "val", "test").index(item[0])))


def _refuse_npy(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(6)
    except OSError as error:
        raise BadData(f"{path}: cannot be read ({error.strerror or error}).") from None
    if magic == b"\x93NUMPY":
        raise BadData(f"{path}: holds one array although it is named .npz. Rename it to .npy.")


def _refused(path: Path, error: Exception, function: str) -> BadData:
    if "allow_pickle" in str(error) or "bject" in str(error):
        return BadData(
            f"{path}: holds Python objects or is no NumPy file; files are never unpickled here. "
            "Save plain numbers: numpy.savez(file, x=x.astype('float32'), y=y)."
        )
    reason = (str(error) or type(error).__name__).partition("\n")[0].replace(str(path), "it")
    return BadData(f"{path}: damaged or not a NumPy file ({reason}). Save it again with numpy.{function}.")
