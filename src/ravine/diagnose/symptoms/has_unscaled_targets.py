"""This run has unscaled targets: the numbers it is to predict are far larger than 1."""

from __future__ import annotations

import statistics

from ravine.diagnose.exact import finding, part_of
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

LARGE = 20.0
NEAR = 0.2  # of the targets' size: outputs of this size at the first step are scaled by the model itself


def has_unscaled_targets(history: History) -> Finding | None:
    """Targets of a regression with a mean or a deviation above twenty, and first outputs that are nowhere near.

    What it sees: mean and deviation of the targets in the sampled training batches, and of the first outputs.
    Why it matters: the loss and its gradient are those numbers squared: the rate that would suit is a thousand
        times smaller, and the bias has to travel there first.
    Not to be mistaken for: a model that scales its outputs back itself; classes, which have no size.
    What to do: standardize the targets, and turn predictions back with the same two numbers.
    Source: Bishop 1995, "Neural networks for pattern recognition", section 8.2.
    """
    rows = part_of(history, "train", "target_mean", "target_std", "output_mean", "output_std")
    if not rows:
        return None
    mean = statistics.median(abs(row["target_mean"]) for row in rows)
    spread = statistics.median(row["target_std"] for row in rows)
    size = max(mean, spread)
    first = max(abs(rows[0]["output_mean"]), rows[0]["output_std"])
    if size < LARGE or first > NEAR * size or rows[0]["step"] > 1:
        return None
    return finding(
        HAS_UNSCALED_TARGETS,
        f"The targets have a mean of {rows[0]['target_mean']:.4g} and a deviation of {spread:.4g}; the first "
        "outputs were "
        f"around {rows[0]['output_mean']:.2g}.",
        step=int(rows[0]["step"]),
        details={"mean": mean, "std": spread, "first_output": first},
        confidence=0.97,
    )


HAS_UNSCALED_TARGETS = Symptom(
    name="has-unscaled-targets",
    look=has_unscaled_targets,
    needs=("input",),
    measure="run it as `ravine watch train.py`, or print mean and deviation of the targets",
    tier=Tier.LAYERS,
    severity=Severity.WARNING,
    advice="Standardize: `y = (y - train_y.mean()) / train_y.std()`; turn predictions back with the same numbers.",
)
