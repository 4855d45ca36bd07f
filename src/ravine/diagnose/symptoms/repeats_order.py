"""This run repeats its order: every epoch has the same batches, one after the other."""

from __future__ import annotations

from ravine.diagnose.exact import WATCH, first_fact, told
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History


def repeats_order(history: History) -> Finding | None:
    """The same batches in the same order again.

    What it sees: fingerprints of the batches: one whole epoch is followed by the same one, batch for batch.
    Why it matters: the noise of the gradient is the same at every epoch and does not average out; batch norm sees the
        same company. A generator that is seeded anew inside the loop has the same effect.
    Not to be mistaken for: training on all rows at once; a stream that is too long to come again.
    What to do: `DataLoader(…, shuffle=True)`, and seed once, before the first epoch.
    Source: Bengio 2012, section 3.1.2; Bottou 2009, "Curiously fast convergence of some stochastic gradient
        algorithms".
    """
    fact = first_fact(history, "order-repeats")
    if fact is None:
        return None
    return told(
        REPEATS_ORDER,
        fact,
        f"The same {fact['batches']} batches came twice in the same order, rows and all.",
    )


REPEATS_ORDER = Symptom(
    name="repeats-order",
    look=repeats_order,
    needs=("fact",),
    measure=WATCH,
    causes=("is-unshuffled",),
    tier=Tier.LAYERS,
    severity=Severity.WARNING,
    advice="Shuffle at every epoch: `DataLoader(..., shuffle=True)`; seed once, before the first.",
)
