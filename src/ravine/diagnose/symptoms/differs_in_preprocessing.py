"""This run differs in preprocessing: validation rows are not made as training rows are."""

from __future__ import annotations

import math
import statistics

from ravine.diagnose.exact import finding, part_of
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

SHIFT = 0.5  # between the means, in deviations of the training's
RATIO = 1.5  # of the deviations; mixing of examples makes it 1.41 at most
FEWEST_ROWS = 64
FEWEST_BATCHES = 4  # of the training, so that their own scatter is known
BEYOND = 4.0  # standard errors of the difference, from how training batches differ among themselves


def differs_in_preprocessing(history: History) -> Finding | None:
    """Inputs of another mean or another scale in validation than in training.

    What it sees: mean and deviation of the sampled batches of both, against how far training batches differ among
        themselves, and how far batches as large as those of the validation would.
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
    if spread <= 0:
        return None
    share = math.sqrt(1 / len(train) + _middle(train, "rows") / max(_middle(val, "rows"), 1.0))
    shifted = abs(other - mean) / spread
    stretched = abs(math.log(max(wide, 1e-12) / spread))
    scatter = statistics.pstdev([row["mean"] / spread for row in train])
    uneven = statistics.pstdev([math.log(max(row["std"], 1e-12) / spread) for row in train])
    if shifted < max(SHIFT, BEYOND * share * scatter) and stretched < max(math.log(RATIO), BEYOND * share * uneven):
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
