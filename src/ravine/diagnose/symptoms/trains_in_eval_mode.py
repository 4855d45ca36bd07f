"""This run trains in evaluation mode: dropout and batch norm do not do their work."""

from __future__ import annotations

from ravine.diagnose.exact import WATCH, first_fact, listed, told, where
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History


def trains_in_eval_mode(history: History) -> Finding | None:
    """Optimizer steps while the whole model is in evaluation mode.

    What it sees: the mode of the model at every sampled step over twenty steps or more, and which layers it matters
        to; the line that set it.
    Why it matters: dropout drops nothing and batch norm does not normalize by the batch nor learn its statistics:
        regularization is gone after the first evaluation.
    Not to be mistaken for: batch norm frozen on its own inside a model that trains; a model without such layers.
    What to do: `model.train()` at the beginning of each epoch.
    Source: PyTorch documentation, `torch.nn.Module.eval`.
    """
    fact = first_fact(history, "trains-in-eval-mode")
    if fact is None:
        return None
    called = where(fact, "since `eval()` was called at", "eval_place")
    return told(
        TRAINS_IN_EVAL_MODE,
        fact,
        f"From step {fact['since']} on the model is trained in evaluation mode{called}; that matters to "
        f"{listed(fact['layers'])}.",
    )


TRAINS_IN_EVAL_MODE = Symptom(
    name="trains-in-eval-mode",
    look=trains_in_eval_mode,
    needs=("fact",),
    measure=WATCH,
    tier=Tier.LAYERS,
    severity=Severity.ERROR,
    advice="Call `model.train()` at the beginning of each epoch, after every evaluation.",
)
