"""This run uses a wrong loss: it cannot measure what it is given."""

from __future__ import annotations

from ravine.diagnose.exact import WATCH, first_fact, told, where
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

REASONS = {
    "one class": (
        "there is one class, and its loss is 0 whatever the network answers",
        "For two classes and one output use `F.binary_cross_entropy_with_logits`; for numbers `F.mse_loss`.",
    ),
    "targets are no probabilities": (
        "targets of the same shape are taken for probabilities, and their sum is not 1",
        "For numbers use `F.mse_loss`; for several labels to a row `F.binary_cross_entropy_with_logits`.",
    ),
    "outputs are no log-probabilities": (
        "it wants logarithms of probabilities, and is given something else",
        "Use `F.cross_entropy` on the logits, or end with `log_softmax`.",
    ),
    "targets are outside [0, 1]": (
        "targets are outside [0, 1], so that the loss has no minimum",
        "For class numbers use `F.cross_entropy`; for numbers `F.mse_loss`.",
    ),
    "targets are class numbers": (
        "the targets are class numbers, and their squared distance means nothing",
        "Use `F.cross_entropy` on one output for each class.",
    ),
}


def uses_wrong_loss(history: History) -> Finding | None:
    """A loss outside of what it is defined for.

    What it sees: cross_entropy over one class; nll_loss of what are no log-probabilities; binary cross-entropy of
        targets outside [0, 1]; class probabilities whose sum is not 1; squares of class numbers.
    Why it matters: its minimum is not where the answers are right, or it has none.
    Not to be mistaken for: soft targets; several labels to an example; a squared error of probabilities.
    What to do: the loss that belongs to the targets; the advice names it.
    Source: Goodfellow et al. 2016, section 6.2; PyTorch documentation of the losses.
    """
    fact = first_fact(history, "loss-not-made-for-this")
    if fact is None or fact["why"] not in REASONS:
        return None
    said, advice = REASONS[fact["why"]]
    return told(USES_WRONG_LOSS, fact, f"{fact['loss']}{where(fact)}: {said}.", advice=advice)


USES_WRONG_LOSS = Symptom(
    name="uses-wrong-loss",
    look=uses_wrong_loss,
    needs=("fact",),
    measure=WATCH,
    tier=Tier.LAYERS,
    severity=Severity.ERROR,
    advice="Take the loss that belongs to the targets.",
)
