"""This run is unshuffled: its examples come sorted."""

from __future__ import annotations

from ravine.diagnose.exact import WATCH, first_fact, told
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History


def is_unshuffled(history: History) -> Finding | None:
    """Training rows in the order of their targets.

    What it sees: the stream of targets: neighbouring rows differ far more rarely than in a shuffled order, and
        neighbouring batches are of the same classes; or numbers that only rise.
    Why it matters: each batch pulls the network to its own class, and the next undoes it; batch norm learns the
        statistics of one class at a time.
    Not to be mistaken for: batches of a few rows each of several classes, on purpose; series in time, whose targets
        go up and down.
    What to do: `DataLoader(…, shuffle=True)`; a table is shuffled once before it is split.
    Source: Bengio 2012, "Practical recommendations for gradient-based training", section 3.1.2.
    """
    fact = first_fact(history, "targets-come-sorted")
    if fact is None:
        return None
    return told(
        IS_UNSHUFFLED,
        fact,
        f"The targets of {fact['rows']} training rows in a row change {fact['changes']} times; shuffled, they would "
        f"about {fact['expected']} times.",
    )


IS_UNSHUFFLED = Symptom(
    name="is-unshuffled",
    look=is_unshuffled,
    needs=("fact",),
    measure=WATCH,
    tier=Tier.LAYERS,
    severity=Severity.ERROR,
    advice="Shuffle the training rows at every epoch: `DataLoader(..., shuffle=True)`.",
)
