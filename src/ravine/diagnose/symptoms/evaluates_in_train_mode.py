"""This run evaluates in training mode: dropout and batch norm blur the validation."""

from __future__ import annotations

from ravine.diagnose.exact import WATCH, first_fact, listed, told, where
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History


def evaluates_in_train_mode(history: History) -> Finding | None:
    """Losses without gradients of a model in training mode.

    What it sees: the mode of the model at a loss no gradient belongs to, of other outputs than those it is trained
        on, and which layers it matters to.
    Why it matters: with units dropped at random the validation is worse than the network, and noisy; batch norm takes
        the batch's statistics, and learns from the validation rows.
    Not to be mistaken for: a metric of the training outputs; a second network that serves the first; an average over
        dropout masks on purpose, which leaves the model in evaluation mode and sets the dropout alone.
    What to do: `model.eval()` before the evaluation, `model.train()` after it.
    Source: PyTorch documentation, `torch.nn.Module.eval`.
    """
    fact = first_fact(history, "evaluates-in-train-mode")
    if fact is None:
        return None
    return told(
        EVALUATES_IN_TRAIN_MODE,
        fact,
        f"The model is evaluated{where(fact)} in training mode; that matters to {listed(fact['layers'])}.",
    )


EVALUATES_IN_TRAIN_MODE = Symptom(
    name="evaluates-in-train-mode",
    look=evaluates_in_train_mode,
    needs=("fact",),
    measure=WATCH,
    tier=Tier.LAYERS,
    severity=Severity.ERROR,
    advice="Call `model.eval()` before the evaluation and `model.train()` after it.",
)
