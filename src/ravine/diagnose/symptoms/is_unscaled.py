"""This run is unscaled: its inputs are numbers far larger than 1."""

from __future__ import annotations

import statistics

from ravine.diagnose.exact import finding, part_of
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

LARGE = 20.0  # mean or deviation; 16 grey levels are still harmless
APART = 1000.0  # deviation of the widest column over that of the middle one


def is_unscaled(history: History) -> Finding | None:
    """Inputs with a mean or a deviation above twenty, or a table whose widest column drowns the others.

    What it sees: mean and deviation of the sampled training batches, in the median; for tables also the deviations of
        columns; whether the network begins with a normalization of its own.
    Why it matters: the curvature of the loss grows with the square of the inputs: one learning rate no longer suits
        all weights, and units saturate or die.
    Not to be mistaken for: standardized inputs beyond ±1, which is most of them.
    What to do: subtract the mean and divide by the deviation of the training rows, and keep both with the model.
    Source: LeCun et al. 1998, "Efficient backprop", section 4.3.
    """
    rows = part_of(history, "train", "mean", "std", "least", "most")
    if not rows or any(row.get("normalized") for row in history.of_kind("input")):
        return None
    mean = statistics.median(abs(row["mean"]) for row in rows)
    spread = statistics.median(row["std"] for row in rows)
    if max(mean, spread) > LARGE:
        least, most = min(row["least"] for row in rows), max(row["most"] for row in rows)
        evidence = (
            f"The inputs run from {least:.4g} to {most:.4g}, with a mean of {rows[0]['mean']:.3g} and a deviation of "
            f"{spread:.3g}; about 0 and 1 are meant."
        )
    else:
        tables = [row for row in part_of(history, "train", "widest", "typical") if row["typical"] > 0]
        if not tables:
            return None
        apart = statistics.median(row["widest"] / row["typical"] for row in tables)
        widest = statistics.median(row["widest"] for row in tables)
        if apart < APART or widest < LARGE:
            return None
        evidence = (
            f"The widest input column has a deviation of {widest:.3g}, {apart:,.0f} times that of the middle one."
        )
    return finding(
        IS_UNSCALED, evidence, step=int(rows[0]["step"]), details={"mean": mean, "std": spread}, confidence=0.97
    )


IS_UNSCALED = Symptom(
    name="is-unscaled",
    look=is_unscaled,
    needs=("input",),
    measure="run it as `ravine watch train.py`, or print mean and deviation of one batch",
    causes=("has-nan-in-data",),
    tier=Tier.LAYERS,
    severity=Severity.WARNING,
    advice="Scale: `x = (x - train.mean(0)) / train.std(0)`; pictures by 255.",
)
