"""This run sums instead of means: its learning rate grows with the batch."""

from __future__ import annotations

from ravine.diagnose.exact import WATCH, first_fact, told, where
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History


def sums_instead_of_means(history: History) -> Finding | None:
    """A loss summed over the batch, under plain gradient descent.

    What it sees: the reduction that was asked for, that nothing scales the loss before the backward pass, and an
        optimizer whose step is proportional to the gradient.
    Why it matters: the step is as many times larger as there are rows, another one for the last, short batch, and again
        another when the batch size is changed.
    Not to be mistaken for: sums under Adam, which does not see the factor; sums divided by the number of rows.
    What to do: `reduction="mean"`, and the learning rate that is meant.
    Source: Goyal et al. 2017, "Accurate, large minibatch SGD", section 2.
    """
    fact = first_fact(history, "loss-is-a-sum")
    if fact is None:
        return None
    return told(
        SUMS_INSTEAD_OF_MEANS,
        fact,
        f"{fact['loss']}{where(fact)} is the sum over {fact['rows']} rows: each step is {fact['rows']} times that "
        "of the mean.",
    )


SUMS_INSTEAD_OF_MEANS = Symptom(
    name="sums-instead-of-means",
    look=sums_instead_of_means,
    needs=("fact",),
    measure=WATCH,
    tier=Tier.LAYERS,
    severity=Severity.WARNING,
    advice='Use `reduction="mean"`, with the learning rate that is meant.',
)
