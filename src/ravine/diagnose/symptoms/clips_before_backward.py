"""This run clips before backward: the gradients that are used are not the ones that were clipped."""

from __future__ import annotations

from ravine.diagnose.exact import WATCH, first_fact, told, where
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History


def clips_before_backward(history: History) -> Finding | None:
    """Clipping that has no effect.

    What it sees: between two steps the clipping comes before the backward pass, and none follows it.
    Why it matters: the gradient that a step uses is not limited, though the program looks as if it were.
    Not to be mistaken for: clipping after each of several accumulated batches.
    What to do: move the clipping between `loss.backward()` and `optimizer.step()`.
    Source: PyTorch documentation, `torch.nn.utils.clip_grad_norm_`; Pascanu et al. 2013.
    """
    fact = first_fact(history, "clips-before-backward")
    if fact is None:
        return None
    return told(
        CLIPS_BEFORE_BACKWARD,
        fact,
        f"Gradients are clipped to {fact['limit']:g}{where(fact)} before the backward pass computes them, and not "
        "after.",
    )


CLIPS_BEFORE_BACKWARD = Symptom(
    name="clips-before-backward",
    look=clips_before_backward,
    needs=("fact",),
    measure=WATCH,
    tier=Tier.LAYERS,
    severity=Severity.ERROR,
    advice="Move the clipping between `loss.backward()` and `optimizer.step()`.",
)
