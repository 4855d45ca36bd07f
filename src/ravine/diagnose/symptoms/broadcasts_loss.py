"""This run broadcasts its loss: every output is held against every target."""

from __future__ import annotations

from ravine.diagnose.exact import WATCH, first_fact, told, where
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History


def broadcasts_loss(history: History) -> Finding | None:
    """A loss of shapes (n, 1) and (n).

    What it sees: the shapes of outputs and targets, which broadcast to one that is larger than both; where the loss is
        written out, the shape of the difference in its graph.
    Why it matters: the best answer is then the mean of all targets, for every row: the network learns that and
        nothing else.
    Not to be mistaken for: one target for all outputs, on purpose.
    What to do: `outputs.squeeze(1)` or `targets[:, None]`.
    Source: PyTorch documentation, "Broadcasting semantics"; its warning in `mse_loss`.
    """
    fact = first_fact(history, "loss-broadcasts")
    if fact is None:
        return None
    outputs, targets = tuple(fact["outputs"]), tuple(fact["targets"])
    return told(
        BROADCASTS_LOSS,
        fact,
        f"In {fact['loss']}{where(fact)} outputs of shape {outputs} meet targets of shape {targets}: each is held "
        "against all.",
    )


BROADCASTS_LOSS = Symptom(
    name="broadcasts-loss",
    look=broadcasts_loss,
    needs=("fact",),
    measure=WATCH,
    tier=Tier.LAYERS,
    severity=Severity.ERROR,
    advice="Make the shapes equal: `targets[:, None]`, or `outputs.squeeze(1)`.",
)
