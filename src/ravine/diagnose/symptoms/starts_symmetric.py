"""This run starts symmetric: the units of a layer are all the same, and stay so."""

from __future__ import annotations

from ravine.diagnose.exact import WATCH, first_fact, listed, told
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History


def starts_symmetric(history: History) -> Finding | None:
    """Layers whose units cannot be told apart.

    What it sees: after three steps all rows of a weight are equal, and all rows of its gradient.
    Why it matters: equal units with equal gradients remain equal: the layer is worth one unit.
    Not to be mistaken for: a last layer of a branch, or an adapter, that starts at zero and gets different gradients.
    What to do: initialize the weights at random; biases may start at zero.
    Source: CS231n, "Weight initialization"; Goodfellow et al. 2016, section 8.4.
    """
    fact = first_fact(history, "units-alike")
    if fact is None:
        return None
    return told(
        STARTS_SYMMETRIC,
        fact,
        f"In {fact['count']} of {fact['of']} layers ({listed(fact['layers'], fact['count'])}) all units have equal "
        "weights "
        "and get equal gradients, after three steps.",
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
