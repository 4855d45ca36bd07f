"""Date columns of a table: the calendar as numbers that a network can read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ravine.core.errors import BadData

if TYPE_CHECKING:
    import polars as pl

_SECONDS_A_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class DateColumn:
    """A column of dates or moments.

    Cycles (month, day of week, day of year, hour) become a sine and a cosine, so that December
    lies beside January. Moments with a time zone are read in it.

    Attributes:
        name: The user's column.
        earliest: The first training date, in days since 1970: where counting begins.
        clock: Whether there are hours.
    """

    type: ClassVar[str] = "date"

    name: str
    earliest: float = 0.0
    clock: bool = False

    @classmethod
    def learn(cls, series: pl.Series) -> DateColumn:
        """Find the earliest date of training rows, and whether hours are told."""
        import polars as pl

        days = _days(series)
        clock = series.dtype == pl.Datetime and bool((days[np.isfinite(days)] % 1 != 0).any())
        return cls(series.name, float(np.nanmin(days)) if np.isfinite(days).any() else 0.0, clock)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the raw columns made of it."""
        cycles = [f"{self.name} {cycle} {wave}" for cycle in self._cycles() for wave in ("sine", "cosine")]
        return (f"{self.name} days", f"{self.name} year", *cycles)

    def encode(self, series: pl.Series) -> NDArray[np.float32]:
        """Raw values, (rows, len(names)), NaN where missing.

        Raises:
            BadData: Values that are no dates; the text names the first.
        """
        series = _as_dates(series)
        columns = [_days(series) - self.earliest, _floats(series.dt.year())]
        for turns in self._cycles().values():
            angle = 2 * np.pi * turns(series)
            columns += [np.sin(angle), np.cos(angle)]
        return np.stack(columns, axis=1).astype(np.float32)

    def _cycles(self) -> dict[str, Callable[[pl.Series], NDArray[np.float64]]]:
        """Name of each cycle, and the share of a turn at which a date stands."""
        cycles: dict[str, Callable[[pl.Series], NDArray[np.float64]]] = {
            "month": lambda dates: (_floats(dates.dt.month()) - 1) / 12,
            "day of week": lambda dates: (_floats(dates.dt.weekday()) - 1) / 7,
            "day of year": lambda dates: (_floats(dates.dt.ordinal_day()) - 1) / 365.25,
        }
        if self.clock:
            cycles["hour"] = lambda dates: _days(dates) % 1
        return cycles

    def to_json(self) -> dict[str, Any]:
        """This column in JSON's own types."""
        return {"type": self.type, "name": self.name, "earliest": self.earliest, "clock": self.clock}


def _as_dates(series: pl.Series) -> pl.Series:
    import polars as pl

    if series.dtype in (pl.Date, pl.Datetime):
        return series
    if series.null_count() == len(series):
        return pl.Series(series.name, [None] * len(series), dtype=pl.Date)
    if series.dtype == pl.String:
        try:
            return series.str.to_datetime()
        except pl.exceptions.PolarsError:
            pass
    first = series.drop_nulls()[0]
    raise BadData(f"column {series.name!r} must hold dates such as 2024-05-31; got {first!r}. Write all of them so.")


def _days(series: pl.Series) -> NDArray[np.float64]:
    """Days since 1970 with their fraction, by the clock of the column's own time zone; NaN where missing."""
    import polars as pl

    if isinstance(series.dtype, pl.Datetime) and series.dtype.time_zone:
        series = series.dt.replace_time_zone(None)
    return _floats(series.cast(pl.Datetime("us")).dt.epoch("us")) / (_SECONDS_A_DAY * 1e6)


def _floats(series: pl.Series) -> NDArray[np.float64]:
    import polars as pl

    return series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
