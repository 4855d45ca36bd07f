"""This run validates on too little: its accuracy is known only to within several points."""

from __future__ import annotations

from ravine.diagnose.known import accuracy, number, val_rows
from ravine.diagnose.noise import of_share, surety
from ravine.diagnose.symptom import Symptom, Tier
from ravine.diagnose.trend import last
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

WIDTH = 0.075  # half the interval of the accuracy; 30 rows at 95% have 0.09
ENOUGH = 45  # rows: each is then 2.2 points of the accuracy or less
FEWEST_ROWS = 30  # where there is no accuracy: the error of a mean loss is then about a fifth of it
FEWEST_POINTS = 3
DIFFERENT = 6  # accuracies that betray how many rows there are: fewer may be multiples of twice as many by chance


def validates_on_too_little(history: History) -> Finding | None:
    """A validation accuracy of so few rows that its interval is wider than most improvements one hopes for.

    What it sees: the rows of the validation set, which are fewer than 45: said, or betrayed by accuracies that are all
        multiples of 1/n, twice as many where few of these differ; the accuracy at the end, and Wilson's interval of
        such a share.
    Why it matters: the best of many epochs or of many runs is then the luckiest, and differences of a few points mean
        nothing.
    Not to be mistaken for: a small set whose interval still decides; curves that are noisy for another reason.
    What to do: hold out more rows, or average over five folds; compare runs on the same rows.
    Source: Wilson 1927; Dietterich 1998; Bouthillier et al. 2021, "Accounting for variance".
    """
    rows = val_rows(history)
    found = accuracy(history)
    if rows is None:
        return None
    if found is None or len(found) < FEWEST_POINTS:
        if number(history, "val_rows") is None or rows >= FEWEST_ROWS or not history.series("val_loss").values:
            return None
        return _finding(f"The validation loss is a mean over {rows} rows.", FEWEST_ROWS / rows, {"rows": rows})
    if number(history, "val_rows") is None and len({*found.values}) < DIFFERENT:
        rows *= 2
    at = last(found).level.value
    half = of_share(min(max(at, 0.0), 1.0), rows)
    if half < WIDTH or rows >= ENOUGH:
        return None
    return _finding(
        f"The validation accuracy of {at:.1%} is a share of {rows} rows, known to ± {half:.1%}.",
        half / WIDTH,
        {"rows": rows, "accuracy": at, "half_width": half},
    )


def _finding(evidence: str, beyond: float, details: dict[str, float]) -> Finding:
    return Finding(
        symptom=VALIDATES_ON_TOO_LITTLE.name,
        severity=VALIDATES_ON_TOO_LITTLE.severity,
        evidence=evidence,
        advice=VALIDATES_ON_TOO_LITTLE.advice,
        confidence=surety(beyond),
        details=details,
    )


VALIDATES_ON_TOO_LITTLE = Symptom(
    name="validates-on-too-little",
    look=validates_on_too_little,
    measure="write the validation accuracy and the number of validation rows",
    tier=Tier.CURVES,
    severity=Severity.NOTE,
    advice="Hold out more rows, or average over five folds.",
)
