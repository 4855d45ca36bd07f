"""Rows divided into training, validation and test: stratified, grouped, in time order, or as published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ravine.core.errors import BadData, BadValue, refusal
from ravine.core.intervals import Interval
from ravine.data.raw import Raw
from ravine.data.task import Kind, Task, as_numbers, encode_targets, missing_entries

Rows = NDArray[np.int64]

MOST_BINS = 20
"""Quantile bins that stand in for classes when a number is learned."""

_SHARE = Interval(0.0, 1.0, left_open=True, right_open=True)
_SHARE_OR_NONE = Interval(0.0, 1.0, right_open=True)


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Row numbers of the three parts, each ascending, int64; `how` says in words how they were drawn."""

    train: Rows
    val: Rows
    test: Rows
    how: str


VALIDATION = 0.15
"""Share of the rows for validation where none is asked for."""

MOST_VALIDATION = 5_000
"""Rows for validation where no share is asked for: more would tell epochs apart no better, and teach nothing."""


def split_rows(
    raw: Raw,
    task: Task,
    *,
    val: float | Literal["auto"],
    test: float,
    folds: int | None = None,
    fold: int = 0,
    seed: int,
) -> Split:
    """Divide the rows of `raw`; the same arguments give the same rows on every machine.

    Parts that the source names are kept as they are and the missing ones cut from its training
    rows. Otherwise rows are drawn at random, each class (or each bin of the target's quantiles)
    in proportion; whole groups with `raw.groups`; the latest rows for the test with `raw.times`.

    Args:
        raw: The data set.
        task: What is learned: says what to stratify by.
        val: Share of the rows for validation, in (0, 1); "auto" for 15%, at most 5,000 rows.
        test: Share of the rows for the test, in [0, 1).
        folds: Test on one of so many equal folds instead of on `test`.
        fold: Which fold, counted from 0.
        seed: Of the random draw.

    Returns:
        Three disjoint parts that hold every row.

    Raises:
        BadValue: Shares or folds out of bounds, or choices that exclude each other.
        BadData: Too few rows, groups or moments for three parts.
    """
    val = validation_share(val, len(raw) if raw.parts is None else int((raw.parts == "train").sum()))
    _SHARE.check("split", "val", val)
    _SHARE_OR_NONE.check("split", "test", test)
    if folds is None and val + test >= 1:
        raise BadValue(refusal("split", "val + test", "be below 1", val + test, "Leave rows to train on."))
    if raw.groups is not None and raw.times is not None:
        raise BadValue("split: --group and --time exclude each other: a group may live on both sides of a moment.")
    for name, keys in (("group", raw.groups), ("time", raw.times)):
        if keys is not None:
            _refuse_missing(raw, name, keys)
    draw = _Draw(raw, task, seed)
    if folds is not None:
        return _fold(draw, val, folds, fold)
    if raw.parts is not None:
        return _published(draw, raw.parts, val, test)
    everything = np.arange(len(raw), dtype=np.int64)
    sizes = _sizes(len(raw), {"val": val, "test": test}, len(raw), raw.name)
    parts, how = draw.cut(everything, sizes["val"], sizes["test"])
    return Split(*parts, how)


def validation_share(asked: float | Literal["auto"], rows: int) -> float:
    """The share of `rows` for validation: what is asked for, or for "auto" enough and no more.

    >>> validation_share("auto", 1000), validation_share("auto", 50_000), validation_share(0.3, 50_000)
    (0.15, 0.1, 0.3)
    """
    return min(VALIDATION, MOST_VALIDATION / max(rows, 1)) if asked == "auto" else asked


class _Draw:
    """One way to cut rows into train, val and test: by time, by groups, or stratified."""

    def __init__(self, raw: Raw, task: Task, seed: int) -> None:
        self.raw = raw
        self.task = task
        self.seed = seed

    def cut(self, rows: Rows, num_val: int, num_test: int, salt: int = 0) -> tuple[tuple[Rows, Rows, Rows], str]:
        """`rows` as (train, val, test) with the sizes asked for, and how it was done."""
        generator = np.random.default_rng([self.seed, salt])
        if self.raw.times is not None:
            return _by_time(self.raw, rows, num_val, num_test)
        strata, by = _strata(self.task, self.raw.targets, rows, num_val, num_test, generator)
        if self.raw.groups is not None:
            sizes = np.array([len(rows) - num_val - num_test, num_val, num_test])
            codes = _codes(self.raw.groups[rows])
            part = _assign_groups(codes, strata, sizes, generator, self.raw.name, train_first=by == "by class")
            how = f"whole groups ({codes.max() + 1:,} of them), {by} as near as they allow, seed {self.seed}"
        else:
            part = _stratified(strata, num_val, num_test, generator)
            how = f"stratified {by}, seed {self.seed}{self._tiny(strata)}"
        return (rows[part == 0], rows[part == 1], rows[part == 2]), how

    def _tiny(self, strata: NDArray[np.int64]) -> str:
        """A word on classes too small to be in every part."""
        if self.task.kind is not Kind.CLASSIFY:
            return ""
        counts = np.bincount(strata)
        tiny = [label for label, count in zip(self.task.classes, counts, strict=False) if 0 < count < 3]
        if not tiny:
            return ""
        some = ", ".join(repr(label) for label in tiny[:3]) + (" …" if len(tiny) > 3 else "")
        return f"; fewer than 3 rows of {some}, so not in every part"


def _fold(draw: _Draw, val: float, folds: int, fold: int) -> Split:
    raw = draw.raw
    Interval(2, len(raw)).check("split", "folds", folds, "No more folds than rows.")
    if not 0 <= fold < folds:
        raise BadValue(refusal("split", "fold", f"be in [0, {folds - 1}]", fold))
    if raw.parts is not None:
        raise BadValue(
            "split: folds cannot be cut from a source that comes with its own test part. Leave --folds away."
        )
    if raw.times is not None:
        raise BadValue("split: folds mix early and late rows, so they exclude --time. Leave one of them away.")
    everything = np.arange(len(raw), dtype=np.int64)
    generator = np.random.default_rng([draw.seed, 0])
    size = len(raw) // folds
    strata, by = _strata(draw.task, raw.targets, everything, size, size, generator)
    if raw.groups is not None:
        codes = _codes(raw.groups)
        part = _assign_groups(codes, strata, np.full(folds, len(raw) / folds), generator, raw.name, train_first=False)
    else:
        part = _dealt(strata, folds, generator, keep_single=draw.task.kind is Kind.CLASSIFY)
    rest = everything[part != fold]
    sizes = _sizes(len(rest), {"val": val}, len(raw), raw.name)
    (train, validation, _), _ = draw.cut(rest, sizes["val"], 0, salt=1 + fold)
    kind = "whole groups" if raw.groups is not None else "stratified"
    how = f"fold {fold + 1} of {folds} for the test, {kind} {by}, validation cut from the rest, seed {draw.seed}"
    return Split(train, validation, everything[part == fold], how)


def _published(draw: _Draw, parts: NDArray[np.str_], val: float, test: float) -> Split:
    raw = draw.raw
    unknown = sorted({str(part) for part in np.unique(parts)} - {"train", "val", "test"})
    if unknown:
        raise BadData(f"{raw.name}: parts must be train, val or test; got {unknown[0]!r}.")
    given = {name: np.flatnonzero(parts == name).astype(np.int64) for name in ("train", "val", "test")}
    if not len(given["train"]):
        raise BadData(f"{raw.name}: has no rows in its train part.")
    wanted = {name: share for name, share in (("val", val), ("test", test)) if share and not len(given[name])}
    if not wanted:
        return Split(given["train"], given["val"], given["test"], "as published")
    num_train = len(given["train"])
    sizes = {"val": 0, "test": 0} | _sizes(num_train, wanted, num_train, raw.name)
    (train, new_val, new_test), how = draw.cut(given["train"], sizes["val"], sizes["test"])
    kept = " and ".join(name for name in ("train", "val", "test") if len(given[name]))
    names = " and ".join({"val": "validation", "test": "test"}[name] for name in wanted)
    return Split(
        train,
        new_val if "val" in wanted else given["val"],
        new_test if "test" in wanted else given["test"],
        f"{kept} as published; {names} cut from train, {how}",
    )


def _sizes(available: int, shares: dict[str, float], whole: int, name: str) -> dict[str, int]:
    """Rows of each part: its share of `whole`, to the nearest row, at least one if any is asked for."""
    sizes = {part: max(1, int(share * whole + 0.5)) if share else 0 for part, share in shares.items()}
    if available - sum(sizes.values()) < 1:
        asked = " and ".join(f"{size} for {part}" for part, size in sizes.items() if size)
        raise BadData(f"{name}: {available} rows are too few: {asked} would leave none to train on. Get more rows.")
    return sizes


def _strata(
    task: Task, targets: NDArray[Any] | None, rows: Rows, num_val: int, num_test: int, generator: np.random.Generator
) -> tuple[NDArray[np.int64], str]:
    """What each row counts as when shares are kept: (rows,) small numbers, and the words for it."""
    if targets is None:
        return np.zeros(len(rows), dtype=np.int64), "at random"
    chosen = np.asarray(targets)[rows]
    if task.kind is Kind.CLASSIFY:
        return encode_targets(task, chosen), "by class"
    if task.kind is Kind.MULTI_LABEL:
        on = chosen.astype(np.float64) > 0
        rarity = np.where(on, on.sum(axis=0), np.inf)
        return np.where(on.any(axis=1), rarity.argmin(axis=1), on.shape[1]).astype(
            np.int64
        ), "by each row's rarest label"
    least = min(size for size in (num_val, num_test, len(rows)) if size)
    bins = int(np.clip(least, 1, MOST_BINS))
    numbers = as_numbers(chosen)
    assert numbers is not None  # infer_task has refused text
    values = numbers.reshape(len(rows), -1)
    jitter = generator.permutation(len(rows))  # ties fall into either bin
    ranks = sum(np.argsort(np.lexsort((jitter, column))) for column in values.T)
    order = np.argsort(np.lexsort((jitter, np.asarray(ranks))))
    return (order * bins // len(rows)).astype(np.int64), f"by {bins} quantiles of the target"


def _stratified(
    strata: NDArray[np.int64], num_val: int, num_test: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Part of each row, 0 train, 1 val, 2 test: sizes exact, shares of each stratum to the nearest row."""
    counts = np.bincount(strata)
    free = np.maximum(counts - 1, 0)  # each class keeps a row to train on
    test = _apportion(counts, num_test, free, generator)
    val = _apportion(counts - test, num_val, free - test, generator)
    part = np.zeros(len(strata), dtype=np.int64)
    order = generator.permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]
    starts = np.cumsum(counts) - counts
    place = np.arange(len(strata)) - starts[strata[order]]
    part[order[place < test[strata[order]]]] = 2
    part[order[(place >= test[strata[order]]) & (place < (test + val)[strata[order]])]] = 1
    return part


def _apportion(
    counts: NDArray[np.int64], seats: int, caps: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.int64]:
    """Divide `seats` in proportion to `counts` by largest remainders, none above its cap where that can be.

    Equal remainders are drawn at random. When the caps leave too few seats, the largest counts
    give up the row they were to keep.
    """
    quotas = counts * seats / max(int(counts.sum()), 1)
    given = np.minimum(np.floor(quotas + 1e-9).astype(np.int64), caps)
    draw = generator.permutation(len(counts))
    while (left := seats - int(given.sum())) > 0:
        open_ = given < caps
        if not open_.any():
            open_, caps = given < counts, counts
        order = np.lexsort((draw, given - quotas))
        chosen = order[open_[order]][:left]
        given[chosen] += 1
    return given


def _dealt(
    strata: NDArray[np.int64], folds: int, generator: np.random.Generator, *, keep_single: bool
) -> NDArray[np.int64]:
    """Fold of each row: shuffled, sorted by stratum and dealt like cards, so that all counts agree within one.

    The only row of a class stays out of every fold (−1), to be trained on always.
    """
    order = generator.permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]
    if keep_single:
        order = order[np.bincount(strata)[strata[order]] > 1]
    part = np.full(len(strata), -1, dtype=np.int64)
    part[order] = np.arange(len(order)) % folds
    return part


def _assign_groups(
    groups: NDArray[np.int64],
    strata: NDArray[np.int64],
    sizes: NDArray[Any],
    generator: np.random.Generator,
    name: str,
    *,
    train_first: bool,
) -> NDArray[np.int64]:
    """Part of each row so that groups stay whole: the largest first, each where it fits best.

    The fit is the squared distance from the sizes asked for, of the part as a whole and of each
    stratum in it. With `train_first` a stratum that only one group holds goes to part 0.
    """
    num_groups, num_strata, wanted = int(groups.max()) + 1, int(strata.max()) + 1, np.flatnonzero(sizes > 0)
    if num_groups < len(wanted):
        raise BadData(f"{name}: {num_groups} groups cannot fill {len(wanted)} parts. Choose another --group column.")
    table = np.zeros((num_groups, num_strata))
    np.add.at(table, (groups, strata), 1.0)
    total = table.sum(axis=0)
    target = np.outer(sizes / sizes.sum(), total)
    held = np.zeros_like(target)
    home = np.full(num_groups, -1, dtype=np.int64)
    order = generator.permutation(num_groups)
    order = order[np.argsort(-table[order].sum(axis=1), kind="stable")]
    alone = (table > 0).sum(axis=0) == 1  # strata that a single group holds
    first: NDArray[np.bool_] = ((table > 0) & alone & train_first).any(axis=1)
    for group in order[np.argsort(~first[order], kind="stable")]:
        rows = table[group]
        if first[group]:
            best = 0
        else:
            by_stratum = (rows * (rows + 2 * (held[wanted] - target[wanted])) / total.clip(1)).sum(axis=1)
            whole = rows.sum() * (rows.sum() + 2 * (held[wanted] - target[wanted]).sum(axis=1)) / total.sum()
            best = int(wanted[np.argmin(by_stratum + whole)])
        held[best] += rows
        home[group] = best
    _fill_empty(home, table.sum(axis=1), wanted)
    return home[groups]


def _fill_empty(home: NDArray[np.int64], weights: NDArray[np.float64], wanted: NDArray[np.int64]) -> None:
    """Move the smallest group of the fullest part into each part that got none."""
    for part in wanted:
        if (home == part).any():
            continue
        crowded = np.bincount(home, minlength=int(wanted.max()) + 1).argmax()
        members = np.flatnonzero(home == crowded)
        home[members[np.argmin(weights[members])]] = part


def _by_time(raw: Raw, rows: Rows, num_val: int, num_test: int) -> tuple[tuple[Rows, Rows, Rows], str]:
    """The earliest rows to train on, the latest to test on; rows of one moment stay together."""
    assert raw.times is not None
    moments, codes = np.unique(raw.times[rows], return_inverse=True)
    needed = 1 + (num_val > 0) + (num_test > 0)
    if len(moments) < needed:
        raise BadData(
            f"{raw.name}: {len(moments)} different times cannot be cut into {needed} parts. Leave --time away."
        )
    before = np.concatenate([[0], np.cumsum(np.bincount(codes))])  # rows earlier than moment i
    last_cut = len(moments) - (num_test > 0)
    first_cut = last_cut - (num_val > 0)
    cut_test = _nearest(before, len(rows) - num_test, needed - 1, last_cut) if num_test else len(moments)
    cut_val = _nearest(before, len(rows) - num_test - num_val, 1, min(first_cut, cut_test - 1)) if num_val else cut_test
    parts = rows[codes < cut_val], rows[(codes >= cut_val) & (codes < cut_test)], rows[codes >= cut_test]
    last = f"; training ends before {moments[cut_val]}" if cut_val < len(moments) else ""
    return parts, f"in time order{last}"


def _nearest(before: NDArray[np.int64], rows: int, low: int, high: int) -> int:
    """The cut in [low, high] with the number of earlier rows nearest to `rows`."""
    return low + int(np.abs(before[low : high + 1] - rows).argmin())


def _codes(keys: NDArray[Any]) -> NDArray[np.int64]:
    keys = keys if keys.dtype.kind != "O" else keys.astype(np.str_)
    return np.unique(keys, return_inverse=True)[1].astype(np.int64)


def _refuse_missing(raw: Raw, name: str, keys: NDArray[Any]) -> None:
    missing = np.isnat(keys) if keys.dtype.kind in "mM" else missing_entries(keys)
    if missing.any():
        first = raw.ids[int(np.argmax(missing))]
        raise BadData(
            f"{raw.name}: the --{name} column is missing in {int(missing.sum()):,} rows, first in row {first}. "
            "Fill it in, or remove these rows."
        )
