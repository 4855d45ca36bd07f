"""This run starts symmetric: the units of a layer are all the same, and stay so."""

from __future__ import annotations

from ravine.diagnose.exact import WATCH, first_fact, listed, told
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History


def starts_symmetric(history: History) -> Finding | None:
    """Layers whose units cannot be told apart.

    What it sees: before the first step all rows of the weights are equal and not zero, in half of the layers; or
        after three steps those of any layer are, and all rows of its gradient.
    Why it matters: equal units with equal gradients remain equal: the layer is worth one unit.
    Not to be mistaken for: a last layer of a branch, or an adapter, that starts at zero and gets different gradients.
    What to do: initialize the weights at random; biases may start at zero.
    Source: CS231n, "Weight initialization"; Goodfellow et al. 2016, section 8.4.
    """
    fact = first_fact(history, "units-begin-alike", "units-alike")
    if fact is None:
        return None
    when = "begin with" if fact["fact"] == "units-begin-alike" else "have after three steps, with equal gradients,"
    return told(
        STARTS_SYMMETRIC,
        fact,
        f"In {fact['count']} of {fact['of']} layers ({listed(fact['layers'], fact['count'])}) all units {when} "
        "equal weights.",
    )


STARTS_SYMMETRIC = Symptom(
    name="starts-symmetric",
    look=starts_symmetric,
    needs=("fact",),
    measure=WATCH,
    tier=Tier.LAYERS,
    severity=Severity.ERROR,
    advice="Initialize weights at random: `nn.init.kaiming_normal_(layer.weight)`.",
)
