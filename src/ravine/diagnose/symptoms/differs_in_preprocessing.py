"""This run differs in preprocessing: validation rows are not made as training rows are."""

from __future__ import annotations

import statistics

from ravine.diagnose.exact import finding, part_of
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

SHIFT = 1.0  # between the means, in deviations of the training's
RATIO = 2.5  # of the deviations
FEWEST_ROWS = 64
FEWEST_BATCHES = 4  # of the training, so that their own scatter is known
BEYOND = 6.0  # deviations of the training batches' own means


def differs_in_preprocessing(history: History) -> Finding | None:
    """Inputs of another mean or another scale in validation than in training.

    What it sees: mean and deviation of the sampled batches of both, against how far training batches differ among
        themselves.
    Why it matters: the network is judged on numbers it has never seen: scaled on one side and not on the other,
        channels in another order, statistics taken of each part for itself.
    Not to be mistaken for: augmentation, which moves both a little; a validation set of other classes.
    What to do: one function that prepares rows, with the training's statistics, called for both.
    Source: Karpathy 2019, "A recipe for training neural networks"; Breck et al. 2019 (training-serving skew).
    """
    train, val = (part_of(history, part, "mean", "std", "rows") for part in ("train", "val"))
    if len(train) < FEWEST_BATCHES or sum(row["rows"] for row in val) < FEWEST_ROWS:
        return None
    mean, spread = _middle(train, "mean"), _middle(train, "std")
    other, wide = _middle(val, "mean"), _middle(val, "std")
    scatter = statistics.pstdev([row["mean"] for row in train])
    if spread <= 0:
        return None
    shifted = abs(other - mean) > max(SHIFT * spread, BEYOND * scatter)
    ratio = max(wide, 1e-12) / spread
    if not shifted and 1 / RATIO < ratio < RATIO:
        return None
    return finding(
        DIFFERS_IN_PREPROCESSING,
        f"Training inputs have a mean of {mean:.3g} and a deviation of {spread:.3g}; those of the validation "
        f"{other:.3g} and {wide:.3g}.",
        step=int(val[0]["step"]),
        details={"train_mean": mean, "train_std": spread, "val_mean": other, "val_std": wide},
        confidence=0.95,
    )


def _middle(rows: list[dict[str, float]], of: str) -> float:
    return statistics.median(row[of] for row in rows)


DIFFERS_IN_PREPROCESSING = Symptom(
    name="differs-in-preprocessing",
    look=differs_in_preprocessing,
    needs=("input",),
    measure="run it as `ravine watch train.py`, or print mean and deviation of a batch of both parts",
    tier=Tier.LAYERS,
    severity=Severity.ERROR,
    advice="Prepare rows of both parts by one function, with the statistics of the training rows.",
)
