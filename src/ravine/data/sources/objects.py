"""Objects from Python: pairs of arrays, data frames, torch data sets and loaders."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadData
from ravine.data.provided import Provided
from ravine.data.raw import Raw
from ravine.data.sources.arrays import Piece, as_array, raw_of_pieces
from ravine.data.sources.columns import raw_of_frame
from ravine.data.sources.options import Options

if TYPE_CHECKING:
    import polars as pl

FORMS = (
    "Accepted: (x, y) arrays or tensors; ((x, y), (x_val, y_val)); a polars or pandas DataFrame; a dict with x and y; "
    "torch Datasets or DataLoaders: train, (train, val) or (train, val, test); a dict with any of model, train, val, "
    "test, loss."
)
_PARTS = ("train", "val", "test")
_ROLES = ("x", "y", "ids", "groups", "times")


def open_object(value: Any, options: Options, *, name: str = "data", origin: str = "") -> Raw | Provided:
    """Rows from arrays and frames; what torch made is passed on as it is.

    Args:
        value: Any of the forms in `FORMS`.
        options: How to read.
        name: For people and errors.
        origin: What opens it again, "" for objects of this process.

    Raises:
        BadData: No known form, or arrays that do not go together.
    """
    if isinstance(value, Mapping):
        return _from_mapping(value, options, name, origin)
    if _is_frame(value):
        return raw_of_frame(as_frame(value, name), name=name, origin=origin, options=options)
    if is_module(value):
        return Provided(name=name, origin=origin, model=value)
    if _is_torch_data(value):
        return Provided(name=name, origin=origin, train=value)
    if isinstance(value, tuple | list) and value:
        if isinstance(value, tuple) and is_module(value[0]):
            return _provided(dict(zip(("model", *_PARTS), value, strict=False)), options, name, origin)
        if len(value) in (1, 2, 3) and all(_is_torch_data(part) for part in value):
            return Provided(name=name, origin=origin, **dict(zip(_PARTS, value, strict=False)))
        if len(value) in (2, 3) and all(isinstance(part, tuple | list) and _is_pair(part) for part in value):
            return _from_parts(dict(zip(_PARTS, value, strict=False)), options, name, origin)
        if len(value) in (2, 3) and all(_is_frame(part) for part in value) and _alike(value):
            return _from_parts(dict(zip(_PARTS, value, strict=False)), options, name, origin)
        if len(value) == 2 and isinstance(value, tuple) and _is_pair(value):
            return _from_pair(value[0], value[1], options, name, origin)
    if not options.need_target and _is_array(value):
        return raw_of_pieces({"": Piece(value)}, name=name, origin=origin, owner=name, options=options)
    raise BadData(f"{name}: {_described(value)} is no form of data that Ravine knows. {FORMS}")


def as_frame(value: Any, owner: str) -> pl.DataFrame:
    """A polars frame of a polars or pandas one.

    Raises:
        BadData: A pandas column of Python objects that are no plain values, or two columns of one name.
    """
    import polars as pl

    if isinstance(value, pl.LazyFrame):
        return value.collect()
    if isinstance(value, pl.DataFrame):
        return value
    names = [str(name) for name in value.columns]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadData(f"{owner}: column name {twice[0]!r} is given twice. Rename one of them.")
    columns = [_from_pandas(value.iloc[:, k], name, owner) for k, name in enumerate(names)]
    return pl.DataFrame(columns)


def is_module(value: Any) -> bool:
    """Whether `value` is a torch network; torch is not imported to find out."""
    if "torch" not in sys.modules:
        return False
    from torch.nn import Module

    return isinstance(value, Module)


def _from_pandas(column: Any, name: str, owner: str) -> pl.Series:
    """Without pyarrow, which pandas does not need either: by NumPy where types agree, else by value."""
    import polars as pl

    array = column.to_numpy()
    if array.dtype.kind in "biuf":
        return pl.Series(name, array, nan_to_null=True)
    if array.dtype.kind == "M":
        return pl.Series(name, array.astype("datetime64[us]"))
    missing = column.isna().to_numpy()
    values = [None if gone else value for value, gone in zip(array.tolist(), missing.tolist(), strict=True)]
    values = [value.item() if isinstance(value, np.generic) else value for value in values]
    try:
        return pl.Series(name, values)
    except (TypeError, pl.exceptions.PolarsError):
        kinds = sorted({type(value).__name__ for value in values if value is not None})
        raise BadData(
            f"{owner}: column {name!r} mixes {', '.join(kinds)}. Make it one type, or leave it out: --drop {name}."
        ) from None


def _from_mapping(value: Mapping[Any, Any], options: Options, name: str, origin: str) -> Raw | Provided:
    keys = set(value)
    if "x" in keys or "y" in keys:
        if unknown := keys - set(_ROLES):
            hint = did_you_mean(str(min(unknown)), _ROLES)
            raise BadData(f"{name}: unknown key {min(unknown)!r} beside x and y.{hint} Known: {', '.join(_ROLES)}.")
        if "x" not in keys:
            raise BadData(f"{name}: there is y but no x. Give the inputs as x.")
        if _is_frame(value["x"]):
            return _from_pair(value["x"], value.get("y"), options, name, origin)
        options.refuse_columns(name, "a dict of arrays")
        return raw_of_pieces({"": Piece(**value)}, name=name, origin=origin, owner=name, options=options)
    known = ("model", *_PARTS, "loss")
    for key in value:
        if key not in known:
            hint = did_you_mean(str(key), (*known, *_ROLES))
            raise BadData(f"{name}: unknown key {key!r}.{hint} {FORMS}")
    parts = {part: value[part] for part in _PARTS if value.get(part) is not None}
    if (
        value.get("model") is None
        and value.get("loss") is None
        and parts
        and not any(map(_is_torch_data, parts.values()))
    ):
        return _from_parts(parts, options, name, origin)
    return _provided(value, options, name, origin)


def _provided(value: Mapping[str, Any], options: Options, name: str, origin: str) -> Provided:
    model, loss = value.get("model"), value.get("loss")
    if model is not None and not is_module(model):
        raise BadData(f"{name}: model must be a torch.nn.Module; got {_described(model)}.")
    if loss is not None and not callable(loss):
        raise BadData(f"{name}: loss must be callable as loss(outputs, targets); got {_described(loss)}.")
    parts = {part: _data(value.get(part), part, name) for part in _PARTS}
    if model is None and parts["train"] is None and options.need_target:
        raise BadData(f"{name}: neither a model nor train is given. {FORMS}")
    return Provided(name=name, origin=origin, model=model, loss=loss, **parts)


def _data(value: Any, part: str, owner: str) -> Any:
    """A data set or loader as it is; a pair of arrays as a `TensorDataset`."""
    if value is None or _is_torch_data(value):
        return value
    if isinstance(value, tuple | list) and _is_pair(value):
        import torch
        from torch.utils.data import TensorDataset

        x, y = (
            side if isinstance(side, torch.Tensor) else torch.as_tensor(as_array(side, f"{owner}: {part}"))
            for side in value
        )
        if len(x) != len(y):
            raise BadData(f"{owner}: {part}: x has {len(x)} rows but y has {len(y)}. Give one answer a row.")
        return TensorDataset(x, y)
    raise BadData(f"{owner}: {part} must be a torch Dataset, a DataLoader or (x, y); got {_described(value)}.")


def _from_parts(parts: Mapping[str, Any], options: Options, name: str, origin: str) -> Raw:
    if all(_is_frame(part) for part in parts.values()):
        import polars as pl

        frames = [as_frame(part, f"{name}: {key}") for key, part in parts.items()]
        for key, frame in zip(parts, frames, strict=True):
            if frame.columns != frames[0].columns:
                raise BadData(
                    f"{name}: {key} has other columns than {next(iter(parts))}. Give all parts the same columns."
                )
        where = np.repeat(np.array(list(parts), dtype=np.str_), [frame.height for frame in frames])
        try:
            joined = pl.concat(frames, how="vertical_relaxed")
        except pl.exceptions.PolarsError as error:
            raise BadData(f"{name}: the parts have columns of different types ({error}).") from None
        return raw_of_frame(joined, name=name, origin=origin, options=options, parts=where)
    options.refuse_columns(name, "a set of arrays")
    pieces = {}
    for key, part in parts.items():
        if isinstance(part, Mapping) and set(part) <= set(_ROLES) and "x" in part:
            pieces[key] = Piece(**part)
        elif isinstance(part, tuple | list) and _is_pair(part):
            pieces[key] = Piece(*part)
        else:
            raise BadData(f"{name}: {key}: {_described(part)} is no (x, y). {FORMS}")
    return raw_of_pieces(pieces, name=name, origin=origin, owner=name, options=options)


def _from_pair(x: Any, y: Any, options: Options, name: str, origin: str) -> Raw:
    if not _is_frame(x):
        options.refuse_columns(name, "a pair of arrays")
        return raw_of_pieces({"": Piece(x, y)}, name=name, origin=origin, owner=name, options=options)
    import polars as pl

    frame = as_frame(x, name)
    if y is None:
        return raw_of_frame(frame, name=name, origin=origin, options=options)
    answers = as_frame(y, name) if _is_frame(y) else None
    if answers is None:
        target = str(getattr(y, "name", None) or "target")
        array = as_array(y, f"{name}: y")
        answers = (
            pl.DataFrame({target: array})
            if array.ndim == 1
            else pl.DataFrame({f"{target}_{k}": column for k, column in enumerate(array.T)})
        )
    if answers.height != frame.height:
        raise BadData(f"{name}: y has {answers.height} rows but x has {frame.height}. Give one answer a row.")
    if both := sorted(set(answers.columns) & set(frame.columns)):
        raise BadData(f"{name}: column {both[0]!r} is in x and in y. Take it out of x.")
    targets = options.target or tuple(answers.columns)
    named = Options(
        target=targets,
        drop=options.drop,
        id=options.id,
        group=options.group,
        time=options.time,
        need_target=options.need_target,
    )
    return raw_of_frame(frame.hstack(answers), name=name, origin=origin, options=named)


def _is_frame(value: Any) -> bool:
    kind = type(value)
    return kind.__name__ in ("DataFrame", "LazyFrame") and kind.__module__.partition(".")[0] in ("polars", "pandas")


def _alike(frames: Sequence[Any]) -> bool:
    return len({tuple(map(str, as_frame(frame, "data").columns)) for frame in frames}) == 1


def _is_torch_data(value: Any) -> bool:
    """A Dataset, a DataLoader, or something else with rows to index that is neither array nor list."""
    if "torch" in sys.modules:
        from torch.utils.data import DataLoader, Dataset

        if isinstance(value, Dataset | DataLoader):
            return True
    plain = isinstance(value, list | tuple | str | bytes | Mapping) or _is_array(value) or _is_frame(value)
    return not plain and hasattr(value, "__getitem__") and hasattr(value, "__len__")


def _is_array(value: Any) -> bool:
    return hasattr(value, "__array__") and hasattr(value, "shape") and not _is_frame(value)


def _is_pair(value: Sequence[Any]) -> bool:
    return len(value) == 2 and all(_is_array(side) or _is_frame(side) or _is_rows(side) for side in value)


def _is_rows(value: Any) -> bool:
    """A list of numbers, of text, or of lists of numbers."""
    if not isinstance(value, list | tuple):
        return False
    while isinstance(value, list | tuple) and value:
        value = value[0]
    return isinstance(value, int | float | str | np.generic)


def _described(value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}: ({', '.join(type(item).__name__ for item in value[:4])})"
    return "None" if value is None else f"an object of type {type(value).__name__}"
