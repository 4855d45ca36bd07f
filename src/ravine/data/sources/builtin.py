"""What a built-in data set is: a name and how to open it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ravine.data.raw import Raw
from ravine.data.sources.options import Options

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True)
class Builtin:
    """A data set known by name.

    Attributes:
        name: What a person writes after `ravine fit`.
        summary: One line for lists: rows, what they are, what is learned.
        open: Reads it.
    """

    name: str
    summary: str
    open: Callable[[Options], Raw]


def sklearn_frame(bunch: Any, target: str) -> pl.DataFrame:
    """The table in a scikit-learn bunch: its features, then its target under the name `target`.

    Classes are given by their names.
    """
    import numpy as np
    import polars as pl

    columns = {str(name): bunch.data[:, j] for j, name in enumerate(bunch.feature_names)}
    names = getattr(bunch, "target_names", None)
    columns[target] = bunch.target if names is None else np.asarray(names).astype(np.str_)[bunch.target]
    return pl.DataFrame(columns)
