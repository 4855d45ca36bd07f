"""This run's batch is too large: so few steps are taken that they do not suffice."""

from __future__ import annotations

from dataclasses import dataclass

from ravine.diagnose.curve import outline
from ravine.diagnose.known import number, supervised
from ravine.diagnose.noise import surety
from ravine.diagnose.rates import rates
from ravine.diagnose.symptom import Symptom, Tier
from ravine.diagnose.symptoms.crawls import crawls
from ravine.diagnose.symptoms.stops_too_early import late_share, stops_too_early
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

OF_THE_ROWS = 0.2  # rows of a batch over those of the training set
MOST_STEPS = 1000  # a run of more is not short of them
FEW_STEPS = 130  # with no more, it is enough that the loss still falls
STILL_FALLS = 0.04  # of the whole fall, in the last fifth of the run
FEWEST_POINTS = 8
BEYOND_NOISE = 2.0


def batch_too_large(history: History) -> Finding | None:
    """Batches of a good part of the training set, and a loss that is still on its way down after the last of them.

    What it sees: rows of a batch over rows of the training set, the number of steps, and a training loss that falls
        evenly or is cut short, with the intervals of those symptoms; after very few steps, that it still falls.
    Why it matters: a step costs what its rows cost; beyond some size, more rows make a step no better.
    Not to be mistaken for: methods that need the whole set (L-BFGS), once they have arrived; a long run that has
        taken steps enough.
    What to do: a batch an eighth as large at the same number of epochs, with the rate as it is.
    Source: McCandlish et al. 2018, "An empirical model of large-batch training"; Shallue et al. 2019.
    """
    batch, rows = number(history, "batch_size"), number(history, "train_rows")
    if batch is None or rows is None or batch < OF_THE_ROWS * rows:
        return None
    steps = max((row["step"] for row in history.rows if isinstance(row.get("step"), int)), default=0)
    if steps > MOST_STEPS:
        return None
    unfinished = _seen(crawls(history) or stops_too_early(history))
    if unfinished is None and steps <= FEW_STEPS:
        unfinished = _still_falls(history)
    if unfinished is None:
        return None
    return Finding(
        symptom=BATCH_TOO_LARGE.name,
        severity=BATCH_TOO_LARGE.severity,
        evidence=(
            f"A batch has {batch:.0f} of {rows:.0f} training rows, so that the run took only {steps} steps. "
            f"{unfinished.evidence}"
        ),
        advice=f"{BATCH_TOO_LARGE.advice} Here: {max(1, round(batch / 8)):.0f} rows.",
        confidence=unfinished.confidence * surety(batch / rows / OF_THE_ROWS * 2),
        first_step=unfinished.first_step,
        details={"batch": batch, "rows": rows, "steps": steps},
    )


@dataclass(frozen=True, slots=True)
class _Unfinished:
    """That there was more to learn, in words, and how sure that is."""

    evidence: str
    confidence: float
    first_step: int | None


def _seen(found: Finding | None) -> _Unfinished | None:
    return _Unfinished(found.evidence, found.confidence, found.first_step) if found is not None else None


def _still_falls(history: History) -> _Unfinished | None:
    """A training loss that falls at the end of very few steps, if by less than other runs would be told of."""
    train, known = outline(history, "train_loss"), rates(history)
    if len(train) < FEWEST_POINTS or not supervised(history) or (known is not None and known.falls_at_the_end):
        return None
    found = late_share(train, known is not None)
    if found is None or found.value < STILL_FALLS or found.z < BEYOND_NOISE:
        return None
    return _Unfinished(
        f"{found.value:.0%} ± {2 * found.error:.0%} of the fall of the training loss came in the last fifth of them.",
        surety(found.value / STILL_FALLS),
        train.steps[-1],
    )


BATCH_TOO_LARGE = Symptom(
    name="batch-too-large",
    look=batch_too_large,
    needs=("train_loss", "about"),
    measure="write the rows of a batch and of the training set",
    tier=Tier.RATES,
    severity=Severity.WARNING,
    advice="Take an eighth of the rows in a batch: eight times the steps for the same rows.",
)
