"""This run accumulates gradients: those of earlier steps are never cleared."""

from __future__ import annotations

from ravine.diagnose.exact import WATCH, first_fact, told, where
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History


def accumulates_gradients(history: History) -> Finding | None:
    """Steps with the sum of all gradients so far.

    What it sees: a gradient that a step has used is still there when the next backward pass begins, and is
        used again; the line of the step, and one parameter.
    Why it matters: the direction is that of data long gone, and its length grows with every step: plain descent
        diverges,
        while under Adam the loss looks nearly normal and ends worse.
    Not to be mistaken for: gradients accumulated on purpose over several batches and cleared after the step.
    What to do: `optimizer.zero_grad()` before `loss.backward()`.
    Source: PyTorch documentation, `torch.optim.Optimizer.zero_grad`.
    """
    fact = first_fact(history, "gradients-not-cleared")
    if fact is None:
        return None
    tensor = f" (seen in {fact['parameter']})" if fact.get("parameter") else ""
    return told(
        ACCUMULATES_GRADIENTS,
        fact,
        f"{fact['optimizer']} stepped{where(fact)} with gradients to which those of earlier steps were added{tensor}: "
        "nothing cleared them in between.",
    )


ACCUMULATES_GRADIENTS = Symptom(
    name="accumulates-gradients",
    look=accumulates_gradients,
    needs=("fact",),
    measure=WATCH,
    tier=Tier.LAYERS,
    severity=Severity.ERROR,
    advice="Put `optimizer.zero_grad()` before `loss.backward()`.",
)
