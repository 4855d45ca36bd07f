"""How much a network loses when one column of a table is shuffled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ravine.data.raw import Arrays, Inputs, Raw, Table
from ravine.data.task import encode_targets
from ravine.fit.evaluate.measures import deciding
from ravine.fit.intervals import Bootstrap, Floats
from ravine.records.results import Importance

if TYPE_CHECKING:
    from ravine.fit.model import Model

SHUFFLES = 5
MOST_ROWS = 2000
MOST_WORK = 4_000_000
"""Rows × shuffles × columns² that may be read again; wide tables are asked about fewer rows."""

MOST_COLUMNS = 300


def permutation_importance(model: Model, raw: Raw, rows: NDArray[np.int64], *, seed: int = 0) -> list[Importance]:
    """Drop of the deciding metric when a raw column is shuffled among the rows, largest first.

    A column is shuffled five times before it is prepared, so that a date or a category moves as
    one. The interval comes from resampling rows, paired. Columns that say the same thing stand
    in for each other, and each alone may look useless.

    Args:
        model: The finished network.
        raw: A table, or arrays (rows, features); other inputs have no columns.
        rows: Test rows, of which at most `MOST_ROWS` are asked about.
        seed: Of the sample, the shuffles and the intervals.

    Returns: One entry a column; empty without columns or with more than `MOST_COLUMNS`.

    Source: Breiman 2001, "Random Forests"; Fisher et al. 2019.
    """
    names = _columns(raw.inputs, model)
    if not 0 < len(names) <= MOST_COLUMNS or raw.targets is None or len(rows) < 2:
        return []
    most = int(np.clip(MOST_WORK // (SHUFFLES * len(names) ** 2), 100, MOST_ROWS))
    generator = np.random.default_rng(seed)
    asked = rows if len(rows) <= most else np.sort(generator.choice(rows, most, replace=False))
    sample = _taken(raw.inputs, asked)
    target = encode_targets(model.task, raw.targets[asked])
    measure, boot = deciding(model.task), Bootstrap(len(asked), seed=seed)
    sign = 1.0 if measure.higher_is_better else -1.0
    whole = measure.parts(boot, model.answers(model.outputs(sample), target))
    width = whole.shape[1]

    def drop(sums: Floats) -> Floats:
        pieces = np.split(sums, sums.shape[-1] // width, axis=-1)
        shuffled = np.mean([measure.of_sums(piece) for piece in pieces[1:]], axis=0)
        lost = sign * (measure.of_sums(pieces[0]) - shuffled)
        # What rounding leaves of no difference is no difference; the deciding metrics are of order 1.
        kept: Floats = np.where(np.abs(lost) < 1e-12, 0.0, lost)
        return kept

    found = []
    for name in names:
        orders = [generator.permutation(len(asked)) for _ in range(SHUFFLES)]
        outputs = model.outputs(_shuffled(sample, name, orders))
        parts = [measure.parts(boot, model.answers(said, target)) for said in np.split(outputs, SHUFFLES)]
        together = np.concatenate([whole, *parts], 1)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            value = float(drop(together.sum(0)))
        bounds = boot.interval(drop, together)
        low, high = bounds if bounds is not None else (value, value)
        found.append(Importance(feature=name, drop=value, low=low, high=high))
    return sorted(found, key=lambda one: -one.drop)


def _columns(inputs: Inputs, model: Model) -> list[str]:
    """Raw columns that the model reads, by name."""
    if isinstance(inputs, Table) or (isinstance(inputs, Arrays) and inputs.values.ndim == 2):
        return list(model.preparation.feature_names)
    return []


def _taken(inputs: Inputs, rows: NDArray[np.int64]) -> Table | Arrays:
    if isinstance(inputs, Table):
        return Table(inputs.frame[rows])
    assert isinstance(inputs, Arrays)
    return Arrays(inputs.values[rows])


def _shuffled(sample: Table | Arrays, column: str, orders: list[NDArray[np.int64]]) -> Table | Arrays:
    """The sample once for each order, below each other, with one column in that order."""
    order, straight = np.concatenate(orders), np.tile(np.arange(len(sample)), len(orders))
    if isinstance(sample, Table):
        frame = sample.frame[straight]
        return Table(frame.with_columns(sample.frame[column].gather(order)))
    values = sample.values[straight]
    place = int(column.removeprefix("x"))  # arrays name their features x0, x1, …
    values[:, place] = sample.values[order, place]
    return Arrays(values)
