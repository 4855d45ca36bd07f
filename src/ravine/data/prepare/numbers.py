"""Number columns of a table: raw values as float32."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ravine.core.errors import BadData

if TYPE_CHECKING:
    import polars as pl

FAR = 1000.0
"""A column whose values lie so many standard deviations from 0 gets an origin of its own."""

_LARGEST = 1e300  # float64 adds and subtracts up to here without overflow
_COARSEST, _FINEST = 1e30, 1e-30  # spreads beyond which float32 overflows or vanishes


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """A column of numbers, read as (x − origin) / unit so that float32 loses nothing of it.

    origin is 0 and unit 1 but for columns such as times in seconds since 1970, whose digits
    float32 would cut off before any statistic could be subtracted.
    """

    type: ClassVar[str] = "number"

    name: str
    origin: float = 0.0
    unit: float = 1.0

    @classmethod
    def learn(cls, series: pl.Series) -> NumberColumn:
        """Choose origin and unit from training rows."""
        values = as_floats(series)
        values = np.clip(values[np.isfinite(values)], -_LARGEST, _LARGEST)
        if not len(values):
            return cls(series.name)
        centre = float(np.median(values))
        spread = float(np.quantile(np.abs(values - centre), 0.75)) or float(np.abs(values - centre).max())
        unit = spread if spread and not _FINEST < spread < _COARSEST else 1.0
        return cls(series.name, centre if abs(centre) > FAR * spread else 0.0, unit)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the raw columns made of it: itself."""
        return (self.name,)

    def encode(self, series: pl.Series) -> NDArray[np.float32]:
        """Raw values, (rows, 1), NaN where missing.

        Raises:
            BadData: Values that are no numbers; the text names the first.
        """
        values = as_floats(series)
        with np.errstate(over="ignore"):
            return ((values - self.origin) / self.unit).astype(np.float32)[:, None]

    def to_json(self) -> dict[str, Any]:
        """This column in JSON's own types."""
        return {"type": self.type, **asdict(self)}


def as_floats(series: pl.Series) -> NDArray[np.float64]:
    """Numbers, flags, durations (seconds), times of day (seconds) and texts that spell numbers, NaN where missing."""
    import polars as pl

    if series.dtype == pl.Duration:
        return (series.dt.total_microseconds().cast(pl.Float64) / 1e6).to_numpy()
    if series.dtype == pl.Time:
        return (series.cast(pl.Int64).cast(pl.Float64) / 1e9).to_numpy()
    if series.dtype.is_temporal() or series.dtype.is_nested() or series.dtype in (pl.Binary, pl.Object):
        raise BadData(f"column {series.name!r} must hold numbers; got {series.dtype}. Was it read as another type?")
    floats = (series.cast(pl.String) if series.dtype == pl.Categorical else series).cast(pl.Float64, strict=False)
    spoiled = floats.is_null() & series.is_not_null()
    if spoiled.any():
        row = int(np.argmax(spoiled.to_numpy()))
        raise BadData(
            f"column {series.name!r} must hold numbers; got {series[row]!r} in row {row}. Mend or empty that cell."
        )
    return floats.fill_null(float("nan")).to_numpy()
