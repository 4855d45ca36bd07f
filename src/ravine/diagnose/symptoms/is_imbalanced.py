"""This run is imbalanced: its largest class is learned at the expense of the others."""

from __future__ import annotations

import math

from ravine.diagnose.curve import Curve, outline
from ravine.diagnose.exact import WATCH
from ravine.diagnose.examples import recalls, unwatched
from ravine.diagnose.known import accuracy, classes, ended, label_counts, val_rows
from ravine.diagnose.noise import median, of_share
from ravine.diagnose.symptom import Abstained, Symptom, Tier
from ravine.diagnose.trend import last
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

FEWEST_POINTS = 5
FEWEST_LABELS = 50
LARGEST = 1.5  # times the share that the largest class would have if all were alike
ALONE = 3.5  # times the mean of all other classes
ALIKE = 0.5  # of their mean, the middle one of the other classes: where they differ much, rarity is in the nature
MISSED = 0.05  # of the recall of the largest class, how far the others are under it
SAME = 0.8  # of all readings that are one and the same accuracy


def is_imbalanced(history: History) -> Finding | Abstained | None:
    """One class that is most of the rows, at the expense of all others, or all that is ever answered.

    What it sees: the shares of the labels in the sampled batches. Where single examples were watched: one class with
        several times the rows of the others, which are about alike, and of whose validation rows fewer are right.
        Else those shares against the accuracy at the end, with the interval of its rows. Without counted labels: an
        accuracy that is the same number from the first epoch on, with a loss equal to the entropy of such shares.
    Why it matters: the accuracy looks good and nothing has been learned of the classes that matter.
    Not to be mistaken for: unequal classes that are told apart all the same; a converged run, whose accuracy stands
        still too, but at a loss well under that entropy.
    What to do: weight the loss by 1/share of a class, or draw the classes equally often; judge by balanced accuracy.
    Source: Buda et al. 2018, "A systematic study of the class imbalance problem"; King & Zeng 2001.
    """
    found = accuracy(history)
    if found is None or len(found) < FEWEST_POINTS:
        return None
    said = _misses_the_rare(history) or _answers_with_one(history, found)
    if said is None and unwatched(history):
        return Abstained(
            symptom=IS_IMBALANCED.name,
            why="an accuracy does not tell which classes are recognized",
            measure=f"{WATCH}, or write the recall of each class",
        )
    return said


def _answers_with_one(history: History, found: Curve) -> Finding | None:
    """An accuracy that is the share of the largest class, and a loss that knows no more."""
    counts, rows = label_counts(history), val_rows(history)
    at, val = last(found).level.value, outline(history, "val_loss")
    if sum(counts) >= FEWEST_LABELS:
        share = max(counts) / sum(counts)
        near = (of_share(share, rows) if rows else 0.02) + of_share(share, int(sum(counts)))
        if len(counts) < 2 or share < LARGEST / len(counts) or at > share + near or at < share - 2 * near:
            return None
        if not (_stands(found) or _knows_shares(val, share, len(counts))):
            return None
        return _finding(
            f"{share:.1%} of the labels are of one class, and the validation accuracy is {at:.1%}: no more than by "
            "answering with it always.",
            0.95,
            {"share": share, "accuracy": at},
        )
    count = classes(history) or 2
    usual = median(found.values)
    if not _stands(found) or usual < LARGEST / count or not _knows_shares(val, usual, count):
        return None
    return _finding(
        f"The validation accuracy is {usual:.2%} from the first epoch to the last, and the loss is that of knowing "
        "only how often each class comes.",
        0.75,
        {"accuracy": usual},
    )


def _misses_the_rare(history: History) -> Finding | None:
    """One class stands out among others that are alike, and these are recognized less often."""
    counts, known = label_counts(history), recalls(history)
    if known is None or sum(counts) < FEWEST_LABELS or len(known.rows) != len(counts) or not ended(history):
        return None
    largest = max(range(len(counts)), key=lambda place: counts[place])
    others = [place for place in range(len(counts)) if place != largest]
    usual = sum(counts[place] for place in others) / len(others)
    if counts[largest] < ALONE * usual or median([counts[place] for place in others]) < ALIKE * usual:
        return None
    large, rare = known.of([largest]), known.of(others)
    if large is None or rare is None or large.value - rare.value < MISSED or (large - rare).z < 1:
        return None
    share = counts[largest] / sum(counts)
    return _finding(
        f"{share:.1%} of the labels are of one class, {counts[largest] / usual:.3g} times as many as of another. Of "
        f"its validation rows {large.value:.0%} are right, of all others {rare.value:.0%} ± {2 * rare.error:.0%}.",
        0.97,
        {"share": share, "recall": large.value, "recall_of_others": rare.value, "error": rare.error},
    )


def _stands(found: Curve) -> bool:
    """Whether the accuracy is one and the same number, beginning with the first reading or the second."""
    usual = median(found.values)
    same = [abs(value - usual) < 1e-6 for value in found.values]
    return any(same[:2]) and sum(same) >= SAME * len(same) and usual < 1


def _knows_shares(val: Curve, share: float, count: int) -> bool:
    """Whether the loss is the entropy of the shares of classes, the largest of which is known."""
    if len(val) < FEWEST_POINTS or not 0 < share < 1:
        return False
    least = -(share * math.log(share) + (1 - share) * math.log(1 - share))
    most = least + (1 - share) * math.log(max(count - 1, 1))
    return 0.9 * least < last(val).level.value < 1.15 * most


def _finding(evidence: str, confidence: float, details: dict[str, float]) -> Finding:
    return Finding(
        symptom=IS_IMBALANCED.name,
        severity=IS_IMBALANCED.severity,
        evidence=evidence,
        advice=IS_IMBALANCED.advice,
        confidence=confidence,
        details=details,
    )


IS_IMBALANCED = Symptom(
    name="is-imbalanced",
    look=is_imbalanced,
    measure="write the validation accuracy, and count the labels",
    tier=Tier.LAYERS,
    severity=Severity.WARNING,
    advice="Weight the loss by the inverse share of each class, and judge by balanced accuracy.",
)
