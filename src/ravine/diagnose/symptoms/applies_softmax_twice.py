"""This run applies softmax twice: its loss takes probabilities for logits."""

from __future__ import annotations

from ravine.diagnose.exact import WATCH, first_fact, told, where
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History


def applies_softmax_twice(history: History) -> Finding | None:
    """Outputs of a softmax in cross_entropy, or of a sigmoid in binary_cross_entropy_with_logits.

    What it sees: the operation that computed what the loss is given, and the line of the loss.
    Why it matters: the second softmax flattens the first: the loss cannot go below about ln(1 + (C − 1)/e), gradients
        are small, and confident answers cost nothing more than unsure ones.
    Not to be mistaken for: log_softmax before cross_entropy, which changes nothing; probabilities as targets.
    What to do: return the logits; take the softmax where probabilities are wanted.
    Source: PyTorch documentation, `torch.nn.CrossEntropyLoss`; Humbatova et al. 2020, "Taxonomy of real faults".
    """
    fact = first_fact(history, "normalized-twice")
    if fact is None:
        return None
    return told(
        APPLIES_SOFTMAX_TWICE,
        fact,
        f"{fact['loss']}{where(fact)} is given the output of a {fact['operation']}, and applies one itself.",
        advice=f"Give the loss the logits: leave out the {fact['operation']} before {fact['loss']}.",
    )


APPLIES_SOFTMAX_TWICE = Symptom(
    name="applies-softmax-twice",
    look=applies_softmax_twice,
    needs=("fact",),
    measure=WATCH,
    tier=Tier.LAYERS,
    severity=Severity.ERROR,
    advice="Give the loss the logits: leave out the softmax before it.",
)
