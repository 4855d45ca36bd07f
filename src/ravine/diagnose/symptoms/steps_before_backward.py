"""This run steps before backward: the optimizer finds no gradients."""

from __future__ import annotations

from ravine.diagnose.exact import WATCH, first_fact, told, where
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History


def steps_before_backward(history: History) -> Finding | None:
    """Optimizer steps with nothing to go by.

    What it sees: three steps in a row at which no parameter has a gradient, or the optimizer itself cleared them
        after the backward pass; the order of the calls.
    Why it matters: nothing is learned, or only what momentum and weight decay do.
    Not to be mistaken for: one step before the training, to quiet a scheduler; steps that a gradient scaler leaves out.
    What to do: `optimizer.zero_grad()`, `loss.backward()`, `optimizer.step()`, in this order.
    Source: PyTorch documentation, "Optimizing model parameters".
    """
    fact = first_fact(history, "steps-without-gradients")
    if fact is None:
        return None
    order = ", ".join(fact.get("order", []))
    return told(
        STEPS_BEFORE_BACKWARD,
        fact,
        f"{fact['optimizer']} stepped{where(fact)} without any gradient, three times in a row. The order is: {order}.",
    )


STEPS_BEFORE_BACKWARD = Symptom(
    name="steps-before-backward",
    look=steps_before_backward,
    needs=("fact",),
    measure=WATCH,
    tier=Tier.LAYERS,
    severity=Severity.ERROR,
    advice="Call `optimizer.zero_grad()`, `loss.backward()`, `optimizer.step()`, in this order.",
)
