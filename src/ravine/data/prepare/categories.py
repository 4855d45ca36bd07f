"""Category columns of a table: each value a code, to be embedded."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ravine.core.errors import BadData

if TYPE_CHECKING:
    import polars as pl

FEWEST_ROWS = 3
"""A value with fewer training rows shares the code of the rare ones: one or two rows teach no embedding."""

MOST_VALUES = 1000
"""Values with codes of their own; the rest are rare."""

MOST_CODE_VALUES = 50
"""A whole-number column named like a code is a category up to so many different values."""

_CODE_NAME = re.compile(
    r"(?i)(?:^|.*[\W_])(code|type|kind|class|category|cat|group|region|state|zone|zip|zipcode|cluster)$"
)


@dataclass(frozen=True, slots=True)
class CategoryColumn:
    """A column of values without order.

    Codes: 0 missing, or never seen in training; 1 rare, if there are rare values; then each
    value of `values`, commonest first.
    """

    type: ClassVar[str] = "category"

    name: str
    values: tuple[str, ...]
    rare: tuple[str, ...] = ()
    flag: bool = False  # true and false; 1 and 0 are read as them
    missing: bool = field(default=False, compare=False)

    @classmethod
    def learn(cls, series: pl.Series) -> CategoryColumn:
        """The vocabulary of training rows."""
        import polars as pl

        counts = (
            series.rename("value")
            .drop_nulls()
            .cast(pl.String)
            .value_counts()
            .sort(["count", "value"], descending=[True, False])
        )
        values, rows = counts["value"].to_list(), counts["count"].to_list()
        flag = series.dtype == pl.Boolean
        kept = len(values) if flag else sum(1 for count in rows[:MOST_VALUES] if count >= FEWEST_ROWS)
        return cls(series.name, tuple(values[:kept]), tuple(values[kept:]), flag, series.null_count() > 0)

    @property
    def cardinality(self) -> int:
        """Number of codes."""
        return 1 + bool(self.rare) + len(self.values)

    @property
    def tells(self) -> bool:
        """Whether training rows differ in it, and some value often enough to learn from."""
        return bool(self.values) and len(self.values) + bool(self.rare) + self.missing > 1

    def encode(self, series: pl.Series) -> NDArray[np.int64]:
        """Codes, (rows,).

        Raises:
            BadData: Values that cannot be categories: dates, lists.
        """
        import polars as pl

        known = dict.fromkeys(self.rare, 1)
        first = 1 + bool(self.rare)
        known.update((value, first + place) for place, value in enumerate(self.values))
        texts = self._texts(series)
        codes = texts.replace_strict(list(known), list(known.values()), default=0, return_dtype=pl.Int64)
        return codes.fill_null(0).to_numpy()

    def _texts(self, series: pl.Series) -> pl.Series:
        """Values as the vocabulary spells them, however the file at hand was read."""
        import polars as pl

        if series.dtype.is_temporal() or series.dtype.is_nested() or series.dtype in (pl.Binary, pl.Object):
            raise BadData(
                f"column {self.name!r} must hold categories; got {series.dtype}. Was it read as another type?"
            )
        if series.dtype.is_float() and (series.drop_nulls() % 1 == 0).all():
            series = series.cast(pl.Int64, strict=False)  # 3.0 is the code 3, read beside a missing one
        if self.flag:
            if series.dtype.is_numeric():
                series = series.cast(pl.Boolean)
            return series.cast(pl.String).str.to_lowercase()
        return series.cast(pl.String)

    def to_json(self) -> dict[str, Any]:
        """This column in JSON's own types."""
        return {
            "type": self.type,
            "name": self.name,
            "values": list(self.values),
            "rare": list(self.rare),
            "flag": self.flag,
        }


def is_code(series: pl.Series) -> bool:
    """Whether whole numbers are names rather than amounts: few, in a column called code, type, group or the like."""
    if not series.dtype.is_integer() or not _CODE_NAME.fullmatch(series.name):
        return False
    return 2 < series.n_unique() <= MOST_CODE_VALUES
