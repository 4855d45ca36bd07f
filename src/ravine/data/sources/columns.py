"""From a table to rows to learn from: which column is target, name, group, time, feature."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadData
from ravine.data.raw import Raw, Table
from ravine.data.sources.arrays import refuse_missing
from ravine.data.sources.looks import has_own_value_a_row, is_called_id, is_prose, strays
from ravine.data.sources.notes import note, some, warning
from ravine.data.sources.options import Options
from ravine.records.finding import Finding

if TYPE_CHECKING:
    import polars as pl


def raw_of_frame(
    frame: pl.DataFrame,
    *,
    name: str,
    origin: str,
    options: Options,
    target: str | None = None,
    findings: Sequence[Finding] = (),
    parts: NDArray[np.str_] | None = None,
) -> Raw:
    """Divide the columns of `frame` among their roles.

    Args:
        frame: All columns.
        name: For people.
        origin: What opens it again; named in errors.
        options: Which column is what.
        target: The target of a table that is known, unless `options` has another.
        findings: What reading found.
        parts: "train", "val" or "test" for each row.

    Raises:
        BadData: A column that is not there, cannot be learned from, or misses answers; no rows.
    """
    owner = origin or name
    if not frame.width or not frame.height:
        raise BadData(f"{owner}: no rows of data; it has {frame.width} columns and {frame.height} rows.")
    _check_names(frame, owner, options)
    found = list(findings)
    frame = _plain_types(frame.drop(options.drop, strict=False), owner)
    aside = [column for column in (options.id, options.group, options.time) if column in frame.columns]
    targets = _target_columns(frame.drop(aside), owner, options, target, found)
    features = frame.drop([*aside, *targets])
    if options.time in aside:
        found.append(
            note(
                "keeps-time-aside",
                f"column {options.time!r} orders the rows and is no feature",
                "copy the column under another name if the network is to see it",
            )
        )
    ids = _text_or_numbers(frame[options.id]) if options.id in aside else None
    if options.need_target:
        _tell_strays(features, owner, found)
    features, guessed = _without_names(features, found, named=ids is not None, keep=not options.need_target)
    if options.need_target:
        _refuse_prose(features, owner)
    if not features.width:
        raise BadData(
            f"{owner}: no column is left to learn from besides the target {some(list(targets))!r}; it has only "
            f"{_listed(frame.columns)}. Is the delimiter right? Name it with --delimiter."
        )
    if ids is None:
        ids = guessed if guessed is not None else np.arange(1, frame.height + 1)
    return Raw(
        name=name,
        origin=origin,
        inputs=Table(features),
        targets=_target_values(frame, targets, owner, options, found),
        target_names=targets or options.target or ("target",),
        ids=ids,
        groups=_groups(frame[options.group], owner) if options.group in aside else None,
        times=_times(frame[options.time], owner) if options.time in aside else None,
        parts=parts,
        findings=tuple(found),
    )


def _check_names(frame: pl.DataFrame, owner: str, options: Options) -> None:
    asked = {"target": options.target or (), "drop": options.drop}
    asked |= {role: (value,) for role in ("id", "group", "time") if (value := getattr(options, role)) is not None}
    if not options.need_target:
        return  # rows to predict need only the features, and those are checked by the model
    for option, columns in asked.items():
        for column in columns:
            if column not in frame.columns:
                raise BadData(
                    f"{owner}: no column {column!r} for --{option}.{did_you_mean(column, frame.columns)} "
                    f"Columns: {_listed(frame.columns)}."
                )


def _plain_types(frame: pl.DataFrame, owner: str) -> pl.DataFrame:
    """Only numbers, flags, text, dates: what preparation knows."""
    import polars as pl
    from polars import selectors

    strange = [name for name, kind in frame.schema.items() if kind.is_nested() or kind in (pl.Binary, pl.Object)]
    if strange:
        told = some([f"{name!r} ({str(frame.schema[name]).partition('(')[0]})" for name in strange])
        raise BadData(
            f"{owner}: columns must hold numbers, text, dates or flags; got {told}. "
            f"Leave them out: {_drops(strange)}, or spread them over plain columns."
        )
    wide = [name for name, kind in frame.schema.items() if kind in (pl.Int128, pl.UInt128)]
    zoned = [pl.col(name).dt.convert_time_zone("UTC").dt.replace_time_zone(None) for name in _zoned(frame)]
    return frame.with_columns(
        selectors.decimal().cast(pl.Float64),
        selectors.by_dtype(pl.Categorical, pl.Enum, pl.Null).cast(pl.String),
        pl.col(wide).cast(pl.Float64),
        selectors.duration().dt.total_microseconds() / 1e6,
        selectors.time().cast(pl.Int64) / 1e9,
        *zoned,
    )


def _zoned(frame: pl.DataFrame) -> list[str]:
    return [name for name, kind in frame.schema.items() if getattr(kind, "time_zone", None) is not None]


def _target_columns(
    rest: pl.DataFrame, owner: str, options: Options, known: str | None, found: list[Finding]
) -> tuple[str, ...]:
    """The target columns among `rest`; none for rows to predict that come without answers."""
    if options.target is not None:
        return options.target if set(options.target) <= set(rest.columns) else ()
    if known is not None and known in rest.columns:
        return (known,)
    if not options.need_target:
        return ()
    if not rest.width:
        raise BadData(f"{owner}: no column is left to be the target. Leave some of --drop, --id, --group, --time out.")
    last = rest.columns[-1]
    if known is None:
        evidence = f"no --target was given, so the last column, {last!r}, is learned"
        found.append(
            note(
                "assumes-target",
                evidence,
                f"if another is meant, name it: --target NAME, one of {some(rest.columns[:-1], 8)}",
            )
        )
    return (last,)


def _target_values(
    frame: pl.DataFrame, targets: tuple[str, ...], owner: str, options: Options, found: list[Finding]
) -> NDArray[Any] | None:
    """(rows,) or (rows, several); None when there are none, or when rows to predict lack some."""
    import polars as pl

    if not targets:
        return None
    for column in targets:
        kind = frame.schema[column]
        if kind.is_temporal():
            raise BadData(f"{owner}: target {column!r} holds dates; only numbers and classes are learned. --target …")
        if len(targets) > 1 and not (kind.is_numeric() or kind == pl.Boolean):
            raise BadData(
                f"{owner}: several targets must all be numbers or flags; {column!r} holds text such as "
                f"{_example(frame[column])!r}. Choose one --target."
            )
        missing = _missing(frame[column])
        if options.need_target:
            refuse_missing(missing, f"{owner}: {column}")
        elif missing.any():
            evidence = f"{int(missing.sum()):,} of {len(missing):,} rows have no answer in {column!r}"
            found.append(note("misses-answers", evidence, "nothing: the answers are not used for prediction"))
            return None
    columns = [_answers(frame[column]) for column in targets]
    if len(columns) == 1:
        return columns[0]
    return np.stack([np.equal(c, "true").astype(np.int64) if c.dtype.kind == "U" else c for c in columns], axis=1)


def _answers(column: pl.Series) -> NDArray[Any]:
    import polars as pl

    if column.dtype.is_integer() and column.dtype != pl.UInt64:
        return column.to_numpy().astype(np.int64)
    if column.dtype.is_numeric():
        return column.to_numpy().astype(np.float64)
    return column.cast(pl.String).to_numpy().astype(np.str_)


def _missing(column: pl.Series) -> NDArray[np.bool_]:
    if column.dtype.is_float():
        return (column.is_null() | ~column.is_finite().fill_null(value=False)).to_numpy()
    return column.is_null().to_numpy()


def _without_names(
    features: pl.DataFrame, found: list[Finding], *, named: bool, keep: bool
) -> tuple[pl.DataFrame, NDArray[Any] | None]:
    """The features without columns that only name rows, and the first of those as ids.

    Rows to be predicted keep all columns (`keep`): a few rows look distinct in any column, and
    the model takes the columns it knows.
    """
    called = [column for column in features if is_called_id(column)]
    ids = _text_or_numbers(called[0]) if called and not named else None
    gone = [column.name for column in called]
    gone += [column.name for column in features if column.name not in gone and has_own_value_a_row(column)]
    if keep or not gone:
        return features, ids
    evidence = f"{some([repr(name) for name in gone])}: (nearly) every row has its own value, so nothing can be learned"
    advice = "nothing has to be done; --id NAME shows such a column beside each prediction"
    found.append(note("drops-columns", evidence, advice, columns=gone))
    return features.drop(gone), ids


def _refuse_prose(features: pl.DataFrame, owner: str) -> None:
    prose = [column for column in features if is_prose(column)]
    if not prose:
        return
    first = prose[0]
    example = str(_example(first))
    example = example if len(example) <= 60 else example[:57] + "…"
    names = [column.name for column in prose]
    raise BadData(
        f"{owner}: {'column' if len(names) == 1 else 'columns'} {some([repr(name) for name in names])} "
        f"{'holds' if len(names) == 1 else 'hold'} free text, such as {example!r} "
        f"({first.n_unique():,} different values in {len(first):,} rows); Ravine learns from numbers, categories, "
        f"dates and flags. Leave {'it' if len(names) == 1 else 'them'} out: {_drops(names)}"
    )


def _tell_strays(features: pl.DataFrame, owner: str, found: list[Finding]) -> None:
    """Name columns that would be numbers but for a few values; refuse them where nothing else could be learned."""
    for column in features:
        rows = strays(column)
        if not rows:
            continue
        evidence = (
            f"column {column.name!r} is text because {len(rows):,} of {len(column):,} values "
            f"{'is' if len(rows) == 1 else 'are'} no number (first: {column[rows[0]]!r} in data row {rows[0] + 1})"
        )
        if has_own_value_a_row(column):
            raise BadData(f"{owner}: {evidence}. Mend or empty them, or leave the column out: {_drops([column.name])}")
        advice = "if it should be a number, mend these values or leave them empty; else nothing: it is a category"
        found.append(warning("mixes-types", evidence, advice, rows=[row + 1 for row in rows[:100]]))


def _groups(column: pl.Series, owner: str) -> NDArray[Any]:
    _refuse_gaps(column, owner, "group")
    return _text_or_numbers(column)


def _times(column: pl.Series, owner: str) -> NDArray[Any]:
    if not (column.dtype.is_numeric() or column.dtype.is_temporal()):
        raise BadData(
            f"{owner}: --time {column.name!r} must hold dates or numbers; got text such as {_example(column)!r}. "
            "Write dates as 2024-12-31 or 2024-12-31 23:59:59."
        )
    _refuse_gaps(column, owner, "time")
    return column.to_numpy()


def _refuse_gaps(column: pl.Series, owner: str, option: str) -> None:
    gaps = np.flatnonzero(_missing(column))
    if len(gaps):
        raise BadData(
            f"{owner}: --{option} {column.name!r} is missing in {len(gaps):,} of {len(column):,} rows "
            f"(first: data row {gaps[0] + 1}). Fill it in or remove these rows."
        )


def _text_or_numbers(column: pl.Series) -> NDArray[Any]:
    import polars as pl

    if column.dtype.is_integer() and not column.null_count():
        return column.to_numpy()
    return column.cast(pl.String).fill_null("").to_numpy().astype(np.str_)


def _example(column: pl.Series) -> Any:
    present = column.drop_nulls()
    return present[0] if len(present) else None


def _drops(names: Sequence[str]) -> str:
    return " ".join(f"--drop {name!r}" if re.search(r"\W", name) else f"--drop {name}" for name in names)


def _listed(names: Sequence[str]) -> str:
    return some([str(name) for name in names], most=30)
