"""What is known of a training beside its curves: classes, rows, what a guess would score, whether it has ended."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeGuard

from ravine.diagnose.curve import Curve, curve
from ravine.diagnose.noise import median
from ravine.records.history import History

# By parts of the name; the first that matches decides.
LOWER_IS_BETTER = (
    "loss", "error", "err", "mae", "mse", "rmse", "perplexity", "ppl", "wer", "cer", "nll", "brier", "fid", "bpc",
)  # fmt: skip
HIGHER_IS_BETTER = (
    "accuracy", "acc", "f1", "auc", "auroc", "r2", "precision", "recall", "iou", "dice", "map", "bleu", "kappa", "mcc",
    "rouge", "psnr", "ssim", "score", "top1", "top5",
)  # fmt: skip
ABOUT = 0.03  # of a loss, within which it is that of a guess
ACCURACY = ("accuracy", "acc", "top1")


@dataclass(frozen=True, slots=True)
class Metric:
    """A quantity beside the loss, and which way is better."""

    name: str  # without "val_" or "train_"
    curve: Curve
    higher_is_better: bool

    @property
    def sign(self) -> float:
        """1 where lower is better."""
        return -1.0 if self.higher_is_better else 1.0

    @property
    def is_accuracy(self) -> bool:
        """Whether it is a share of rows that are right."""
        return self.name in ACCURACY


def higher_is_better(name: str, history: History) -> bool | None:
    """Which way a metric gets better: as said of it by name, by its name, as the log says; None where none tells."""
    lower = history.about.get("lower_is_better")
    if isinstance(lower, list) and name in lower:
        return False
    parts = name.lower().replace("-", "_").replace("@", "_").split("_")
    for words, answer in ((LOWER_IS_BETTER, False), (HIGHER_IS_BETTER, True)):
        if any(part in words or part.rstrip("0123456789") in words for part in parts):
            return answer
    said = history.about.get("higher_is_better")
    return said if isinstance(said, bool) else None


def metric(history: History, part: str = "val") -> Metric | None:
    """The metric of one part of the data: accuracy where there is one, else the first whose direction is known."""
    names = [name.removeprefix(f"{part}_") for name in _names(history) if name.startswith(f"{part}_")]
    names = [name for name in names if name not in ("loss", "rows")]
    for name in sorted(names, key=lambda one: one not in ACCURACY):
        better = higher_is_better(name, history)
        found = curve(history, f"{part}_{name}")
        if better is not None and len(found) > 1 and any(found.values):  # all zeros: never measured
            if name in ACCURACY and max(found.values) > 1.5:  # in percent
                found = found.scaled(0.01)
            return Metric(name, found, better)
    return None


def accuracy(history: History, part: str = "val") -> Curve | None:
    """The accuracy of one part of the data, as a share; None where there is none."""
    found = metric(history, part)
    return found.curve if found is not None and found.is_accuracy else None


def number(history: History, name: str) -> float | None:
    """A positive number said about the training as a whole."""
    value = history.about.get(name)
    return float(value) if _is_number(value) and math.isfinite(value) and value > 0 else None


def classes(history: History) -> int | None:
    """How many classes there are, where the task is to tell them apart."""
    said = number(history, "classes")
    return int(said) if said is not None and said >= 2 and history.about.get("task") != "regression" else None


def guess_loss(history: History) -> float | None:
    """The loss of a network that knows nothing: ln C for C classes, the mean square of the targets for a regression.

    None where it is not known, or the loss is another than cross entropy or mean square.
    """
    said = str(history.about.get("loss", "")).lower()
    count = classes(history)
    if count is not None:
        return math.log(count) if not said or "entropy" in said or "nll" in said else None
    if "mse" in said or "square" in said:
        squares = [
            row["target_std"] * row["target_std"] + mean * mean  # a power would raise where this is infinite
            for row in history.of_kind("input")
            if row.get("part", "train") == "train"
            and _is_number(row.get("target_std"))
            and _is_number(mean := row.get("target_mean", 0.0))
        ]
        squares = [one for one in squares if math.isfinite(one) and one > 0]
        return sum(squares) / len(squares) if squares else None
    return None


def guess_accuracy(history: History) -> float | None:
    """The accuracy of the best constant answer: the share of the largest class where counted, else 1/C."""
    counts = label_counts(history)
    if sum(counts) >= 50:
        return max(counts) / sum(counts)
    count = classes(history)
    return 1 / count if count is not None else None


def guess_by_accuracy(history: History, at: float) -> float | None:
    """The loss ln C, where C is not said, but an accuracy of 1/C throughout and a loss of about ln C both betray it."""
    if classes(history) is not None or not at > 0:
        return None
    for part in ("train", "val"):
        found = accuracy(history, part)
        typical = median(found.values) if found is not None else 0.0
        for count in range(2, 1001) if typical > 0 else ():
            if abs(math.log(count) - at) < ABOUT * at and abs(typical * count - 1) < 0.25:
                return math.log(count)
    return None


def label_counts(history: History, part: str = "train") -> list[float]:
    """Rows of each class in all sampled batches together; empty where labels were not counted."""
    total: dict[Any, float] = {}
    for row in history.of_kind("input"):
        if row.get("part", "train") == part:
            for label, count in _pairs(row.get("label_counts")):
                total[label] = total.get(label, 0.0) + count
    return list(total.values())


def val_rows(history: History) -> int | None:
    """Rows of the validation set: as said, else as the accuracies betray, all of which are multiples of 1/n."""
    said = number(history, "val_rows")
    if said is not None and said >= 1:
        return int(said)
    found = accuracy(history)
    return _denominator(found.values) if found is not None else None


def _denominator(shares: Iterable[float]) -> int | None:
    different = sorted({share for share in shares if 0 < share < 1})
    if len(different) < 3:
        return None
    for rows in range(2, 200):
        # As many digits as a log may have rounded away, and well under half of 1/n.
        if all(abs(share * rows - round(share * rows)) < 0.02 * rows / 200 + 1e-9 for share in different):
            # Multiples of a hundredth or a fiftieth may as well be rounded to two digits.
            return rows if rows < 50 or 100 % rows else None
    return None


def ended(history: History) -> bool:
    """Whether the run has come to its end: False while the planned steps are not done."""
    planned = number(history, "total_steps")
    if planned is None:
        return True
    at = max((row["step"] for row in history.rows if _is_number(row.get("step"))), default=0)
    return bool(at >= 0.97 * planned)


def supervised(history: History) -> bool:
    """Whether something is known to be predicted: then its loss has a floor, and is to fall.

    The losses of adversaries and of policies are neither.
    """
    about, names = history.about, _names(history)
    several = (number(history, "optimizers") or 1) > 1 or "train_loss_2" in names
    if several:  # adversaries tell true from false: that is a class, too
        return any(name.startswith(("val_", "test_")) for name in names)
    if about.get("task") in ("classification", "regression") or classes(history) is not None:
        return True
    return any(name.startswith(("val_", "test_")) or name.endswith("accuracy") for name in names)


def _names(history: History) -> list[str]:
    return list(dict.fromkeys([*history.names("epoch"), *history.names("step")]))


def _pairs(counts: Any) -> list[tuple[Any, float]]:
    pairs: Iterable[tuple[Any, Any]] = ()
    if isinstance(counts, dict):
        pairs = counts.items()
    elif isinstance(counts, list | tuple):
        pairs = enumerate(counts)
    return [(label, float(count)) for label, count in pairs if _is_number(count) and 0 <= count < math.inf]


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
