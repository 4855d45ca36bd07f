"""This run's batch is too large: so few steps are taken that they do not suffice."""

from __future__ import annotations

from ravine.diagnose.known import number
from ravine.diagnose.noise import surety
from ravine.diagnose.symptom import Symptom, Tier
from ravine.diagnose.symptoms.crawls import crawls
from ravine.diagnose.symptoms.stops_too_early import stops_too_early
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

OF_THE_ROWS = 0.2  # rows of a batch over those of the training set
MOST_STEPS = 1000  # a run of more is not short of them


def batch_too_large(history: History) -> Finding | None:
    """Batches of a good part of the training set, and a loss that is still on its way down after the last of them.

    What it sees: rows of a batch over rows of the training set, the number of steps, and a training loss that falls
        evenly or is cut short, with the intervals of those symptoms.
    Why it matters: a step costs what its rows cost; beyond some size, more rows make a step no better.
    Not to be mistaken for: methods that need the whole set (L-BFGS), once they have arrived; a long run that has
        taken steps enough.
    What to do: a batch an eighth as large at the same number of epochs, with the rate as it is.
    Source: McCandlish et al. 2018, "An empirical model of large-batch training"; Shallue et al. 2019.
    """
    batch, rows = number(history, "batch_size"), number(history, "train_rows")
    if batch is None or rows is None or batch < OF_THE_ROWS * rows:
        return None
    unfinished = crawls(history) or stops_too_early(history)
    steps = max((row["step"] for row in history.rows if isinstance(row.get("step"), int)), default=0)
    if unfinished is None or steps > MOST_STEPS:
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


BATCH_TOO_LARGE = Symptom(
    name="batch-too-large",
    look=batch_too_large,
    needs=("train_loss", "about"),
    measure="write the rows of a batch and of the training set",
    tier=Tier.CURVES,
    severity=Severity.WARNING,
    advice="Take an eighth of the rows in a batch: eight times the steps for the same rows.",
)
