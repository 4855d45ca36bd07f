"""This run has a wrong output activation: the outputs cannot be what the targets are."""

from __future__ import annotations

from ravine.diagnose.exact import WATCH, first_fact, told, where
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History


def has_wrong_output_activation(history: History) -> Finding | None:
    """An activation on the outputs that keeps them from the targets.

    What it sees: the operation that computed the outputs; in a regression, targets outside of what it can give; in a
        classification, logits that are never negative or never large.
    Why it matters: what is out of reach is never learned, and where the activation is flat there is no gradient to
        get there.
    Not to be mistaken for: a sigmoid for targets in [0, 1]; a tanh for pictures in [−1, 1].
    What to do: end with the linear layer.
    Source: Goodfellow et al. 2016, section 6.2.2.
    """
    fact = first_fact(history, "output-cannot-reach")
    if fact is None:
        return None
    if "least" in fact:
        said = f"cannot give targets from {fact['least']:.3g} to {fact['most']:.3g}"
    else:
        said = "are no logits, which may be any number"
    return told(
        HAS_WRONG_OUTPUT_ACTIVATION,
        fact,
        f"The outputs given to {fact['loss']}{where(fact)} come from a {fact['activation']}: they {said}.",
        advice=f"Leave out the {fact['activation']} after the last layer.",
    )


HAS_WRONG_OUTPUT_ACTIVATION = Symptom(
    name="has-wrong-output-activation",
    look=has_wrong_output_activation,
    needs=("fact",),
    measure=WATCH,
    tier=Tier.LAYERS,
    severity=Severity.ERROR,
    advice="Leave out the activation after the last layer.",
)
