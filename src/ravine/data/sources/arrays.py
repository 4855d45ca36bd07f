"""Arrays of numbers: which are pictures, which are rows, which are answers."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ravine.core.errors import BadData
from ravine.data.raw import Arrays, Images, Inputs, Raw
from ravine.data.sources.options import Options
from ravine.data.sources.resize import sized

_FORMS = (
    "Give numbers of shape (rows, features) or (rows, length, features), or pictures of shape (rows, height, width), "
    "(rows, height, width, channels) or (rows, channels, height, width) with 1, 3 or 4 channels."
)


@dataclass(frozen=True, slots=True)
class Piece:
    """Inputs and answers of one part, not yet checked; what else names rows beside them."""

    x: Any
    y: Any = None
    ids: Any = None
    groups: Any = None
    times: Any = None


def raw_of_pieces(
    pieces: Mapping[str, Piece], *, name: str, origin: str, owner: str, options: Options, target: str = "target"
) -> Raw:
    """One data set from one piece, under the key "", or from the pieces "train", "val" and "test".

    Args:
        pieces: Part → arrays, array-likes or tensors.
        name: For people.
        origin: What opens it again.
        owner: Who is named in errors.
        options: How to read.
        target: What the answers are called.

    Raises:
        BadData: Shapes, types or lengths that do not go together, no rows, no answers.
    """
    if options.need_target and "" not in pieces and "train" not in pieces:
        raise BadData(f"{owner}: there is no training part; got only {', '.join(map(repr, pieces))}.")
    pieces = {part: piece for part, piece in pieces.items() if part != "" or len(pieces) == 1}
    checked = {part: _checked(piece, f"{owner}: {part}" if part else owner, options) for part, piece in pieces.items()}
    inputs = _joined_inputs({part: inputs for part, (inputs, _) in checked.items()}, owner)
    answers = {part: targets for part, (_, targets) in checked.items()}
    if any(targets is None for targets in answers.values()):
        targets = None
    else:
        targets = _joined([targets for targets in answers.values() if targets is not None], f"{owner}: y")
    sizes = [len(part_inputs) for part_inputs, _ in checked.values()]
    parts = None if list(pieces) == [""] else np.repeat(np.array(list(pieces), dtype=np.str_), sizes)
    names = (target,) if targets is None or targets.ndim == 1 else _numbered(target, targets.shape[1])
    ids = _beside(pieces, "ids", sizes, owner)
    raw = Raw(
        name=name,
        origin=origin,
        inputs=inputs,
        targets=targets,
        target_names=names,
        ids=np.arange(1, len(inputs) + 1) if ids is None else ids,
        groups=_beside(pieces, "groups", sizes, owner),
        times=_beside(pieces, "times", sizes, owner),
        parts=parts,
    )
    return sized(raw, options)


def as_array(value: Any, owner: str) -> NDArray[Any]:
    """A NumPy array of what is one already, a tensor, a frame's column, or nested lists of numbers or text.

    Raises:
        BadData: Lists of unequal lengths, or Python objects that are neither numbers nor text.
    """
    if "torch" in sys.modules:
        import torch

        if isinstance(value, torch.Tensor):
            value = value.detach().cpu()
            value = value.float() if value.dtype is torch.bfloat16 else value
            if value.layout is not torch.strided:
                value = value.to_dense()
            return np.asarray(value.numpy())
    try:
        array = value if isinstance(value, np.ndarray) else np.asarray(value)
    except ValueError as error:
        raise BadData(f"{owner} cannot become one array: {error}. Make all rows equally long.") from None
    if array.dtype.kind == "T" or (array.dtype == object and all(isinstance(item, str) for item in array.flat)):
        return array.astype(np.str_)
    if array.dtype == object and array.size and all(isinstance(item, int | float | None) for item in array.flat):
        return array.astype(np.float64)
    if array.dtype.kind in "OVcSm":
        raise BadData(
            f"{owner} must hold numbers or text; got an array of {_kind(array)}. "
            "Save it with a numeric dtype, or as a table (.csv, .parquet)."
        )
    return array


def inputs_of(value: Any, owner: str) -> Inputs:
    """Pictures or rows of numbers, by type and shape.

    uint8 of three or four dimensions are pictures, and so are four dimensions of other numbers
    within 0 … 255 or 0 … 1; all else are rows of numbers.

    Raises:
        BadData: A type or a shape that is neither.
    """
    array = as_array(value, owner)
    if array.dtype.kind not in "biuf":
        raise BadData(f"{owner} must hold numbers; got {_kind(array)}. Columns of text belong in a table or DataFrame.")
    if array.ndim == 0 or array.ndim > 4:
        raise BadData(f"{owner} has {array.ndim} dimensions, shape {array.shape}. {_FORMS}")
    if len(array) == 0:
        raise BadData(f"{owner} has no rows: shape {array.shape}.")
    if array.size == 0:
        raise BadData(f"{owner} has a side of length 0: shape {array.shape}. {_FORMS}")
    if array.ndim == 4 or (array.ndim == 3 and array.dtype == np.uint8):
        return Images(_pixels(array, owner))
    if array.ndim == 1:
        array = array[:, None]
    with np.errstate(over="ignore"):
        values = np.asarray(array, dtype=np.float32)
    if array.dtype.kind != "f" or array.dtype.itemsize > 4:
        lost = np.isinf(values) & np.isfinite(array)
        if lost.any():
            raise BadData(
                f"{owner} holds {array[lost].flat[0]!r}, beyond what float32 can hold (3.4e38). Scale the column."
            )
    return Arrays(values)


def targets_of(value: Any, rows: int, owner: str) -> NDArray[Any]:
    """Answers, (rows,) or (rows, several), of numbers or text.

    Raises:
        BadData: Another number of rows, more dimensions, or answers that are missing.
    """
    array = as_array(value, owner)
    if array.ndim == 0 or array.ndim > 2 or 0 in array.shape[1:]:
        raise BadData(f"{owner} must have shape (rows,) or (rows, targets); got {array.shape}.")
    if len(array) != rows:
        raise BadData(f"{owner} has {len(array)} rows but x has {rows}. Give one answer a row.")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2 and array.dtype.kind not in "biuf":
        raise BadData(f"{owner}: several targets must be numbers; got {_kind(array)}.")
    if array.dtype.kind == "M":
        raise BadData(f"{owner} must hold numbers or text; got dates. Turn them into numbers first.")
    if array.dtype.kind == "f":
        missing = ~np.isfinite(array if array.ndim == 1 else array.sum(axis=1))
        refuse_missing(missing, owner)
        return array.astype(np.float64)
    if array.dtype.kind == "b":
        return np.where(array, "true", "false") if array.ndim == 1 else array.astype(np.int64)
    return array.astype(np.int64) if array.dtype.kind in "iu" else array


def refuse_missing(missing: NDArray[np.bool_], owner: str) -> None:
    """Raise `BadData` when some rows have no usable answer; rows are counted from 1."""
    where = np.flatnonzero(missing)
    if not len(where):
        return
    rows = ", ".join(str(row + 1) for row in where[:5]) + (", …" if len(where) > 5 else "")
    many = "every row" if len(where) == len(missing) else f"{len(where):,} of {len(missing):,} rows"
    verb = "has" if len(where) in (1, len(missing)) else "have"
    raise BadData(
        f"{owner}: {many} {verb} no finite value in the target (empty, NaN or infinite; data row {rows}). "
        + ("Choose another --target." if len(where) == len(missing) else "Remove these rows, or fill them in.")
    )


def _checked(piece: Piece, owner: str, options: Options) -> tuple[Inputs, NDArray[Any] | None]:
    inputs = inputs_of(piece.x, f"{owner}: x")
    if piece.y is None:
        if options.need_target:
            raise BadData(f"{owner}: there are inputs but no answers. Give them as y (or labels, targets).")
        return inputs, None
    return inputs, targets_of(piece.y, len(inputs), f"{owner}: y")


def _pixels(array: NDArray[Any], owner: str) -> NDArray[np.uint8]:
    """uint8 (rows, height, width, 1 or 3) from any order of axes and any of the usual scales."""
    if array.ndim == 3:
        array = array[..., None]
    elif _channels_first(array.shape):
        array = np.moveaxis(array, 1, -1)
    if array.shape[-1] not in (1, 3, 4):
        raise BadData(f"{owner} has shape {array.shape}: no axis of 1, 3 or 4 channels. {_FORMS}")
    pixels = array if array.dtype == np.uint8 else _bytes(array, owner)
    if pixels.shape[-1] == 4:
        alpha = pixels[..., 3:].astype(np.uint16)
        over_white = pixels[..., :3] * alpha + 255 * (255 - alpha)
        return ((over_white + 127) // 255).astype(np.uint8)
    return np.ascontiguousarray(pixels) if not isinstance(pixels, np.memmap) else pixels


def _channels_first(shape: tuple[int, ...]) -> bool:
    """Whether (rows, a, b, c) is (rows, channels, height, width); where both could be, channels are last."""
    if shape[-1] in (1, 3):
        return False
    return shape[1] in (1, 3) or (shape[-1] != 4 and shape[1] == 4)


def _bytes(array: NDArray[Any], owner: str) -> NDArray[np.uint8]:
    low, high = float(array.min()), float(array.max())
    if array.dtype.kind == "b" or (array.dtype.kind == "f" and low >= 0 and high <= 1):
        return np.asarray(np.rint(array * np.float32(255)), np.uint8)
    if low >= 0 and high <= 255:
        return np.asarray(np.rint(array), np.uint8)
    raise BadData(
        f"{owner}: pictures must have values from 0 to 255, or from 0 to 1; got {low:g} to {high:g}. "
        "Give the pixels as they are; Ravine standardizes them."
    )


def _joined_inputs(inputs: Mapping[str, Inputs], owner: str) -> Inputs:
    values = list(inputs.values())
    if len(values) == 1:
        return values[0]
    arrays = [_values(one) for one in values]
    shapes = {part: array.shape[1:] for part, array in zip(inputs, arrays, strict=True)}
    if len(set(shapes.values())) > 1 or len({type(one) for one in values}) > 1:
        told = ", ".join(f"{part} {shape}" for part, shape in shapes.items())
        raise BadData(f"{owner}: the parts must have rows of one shape and type; got {told}.")
    joined = np.concatenate(arrays)
    return Images(joined) if isinstance(values[0], Images) else Arrays(joined)


def _values(inputs: Inputs) -> NDArray[Any]:
    if isinstance(inputs, Images):
        return inputs.pixels
    assert isinstance(inputs, Arrays)
    return inputs.values


def _joined(arrays: list[NDArray[Any]], owner: str) -> NDArray[Any]:
    if len({(array.dtype.kind in "U", array.shape[1:]) for array in arrays}) > 1:
        told = ", ".join(f"{_kind(array)} {array.shape}" for array in arrays)
        raise BadData(f"{owner}: the parts must have answers of one type and shape; got {told}.")
    return np.concatenate(arrays)


def _beside(pieces: Mapping[str, Piece], field: str, sizes: list[int], owner: str) -> NDArray[Any] | None:
    values = [getattr(piece, field) for piece in pieces.values()]
    if all(value is None for value in values):
        return None
    arrays = []
    for part, value, size in zip(pieces, values, sizes, strict=True):
        array = as_array(value, f"{owner}: {field}")
        if array.shape != (size,):
            raise BadData(f"{owner}: {field} must have shape ({size},) in {part or 'all'}; got {array.shape}.")
        arrays.append(array)
    return _joined(arrays, f"{owner}: {field}")


def _numbered(name: str, count: int) -> tuple[str, ...]:
    return tuple(f"{name}_{k}" for k in range(count))


def _kind(array: NDArray[Any]) -> str:
    kinds = {"O": "Python objects", "V": "records", "c": "complex numbers", "S": "bytes", "m": "durations"}
    return kinds.get(array.dtype.kind, {"U": "text", "M": "dates"}.get(array.dtype.kind, str(array.dtype)))
