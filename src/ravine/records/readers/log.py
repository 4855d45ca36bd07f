"""What a reader makes of a file before curves have their names and places: the log's own columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Curve:
    """One column of a log where it has values; all arrays are (num_values,).

    Attributes:
        name: As the log has it.
        values: Which may be NaN: missing ones are left out.
        rows: Place of each in the log, increasing.
        steps: What the log counts as its steps, at each; None where it counts none.
        epochs: The same of epochs.
        percent: Whether the values came with a percent sign; they are shares here.
    """

    name: str
    values: NDArray[np.float64]
    rows: NDArray[np.int64]
    steps: NDArray[np.float64] | None = None
    epochs: NDArray[np.float64] | None = None
    percent: bool = False


@dataclass(slots=True)
class Log:
    """The columns of one run.

    Attributes:
        curves: In the order of the log.
        run: Name of the run, where the log holds several; else "".
        left: Columns that are no curves, and what they were taken for.
        about: What the log says of the training as a whole.
        notes: What was done about faults of the log, a sentence each.
        running: Whether values are means since the beginning of their epoch, as progress bars show them.
    """

    curves: list[Curve]
    run: str = ""
    left: dict[str, str] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    running: bool = False
