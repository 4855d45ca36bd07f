"""This run ascends: its steps go up the loss."""

from __future__ import annotations

from ravine.diagnose.exact import WATCH, first_fact, told, where
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History


def ascends(history: History) -> Finding | None:
    """Updates along the gradient, or a loss whose sign is turned.

    What it sees: the first five updates of a fresh optimizer, whose product with the gradient is positive in each; or
        a loss that is to be small and goes backward with a minus, or to an optimizer that maximizes.
    Why it matters: the network learns to be wrong.
    Not to be mistaken for: a learning rate that is too high, which overshoots; games, in which one player's loss is
        another's gain; a reward, which is to be large.
    What to do: turn the sign.
    Source: Goodfellow et al. 2016, section 4.3.
    """
    fact = first_fact(history, "loss-goes-up", "updates-along-gradient")
    if fact is None:
        return None
    if fact["fact"] == "loss-goes-up":
        what = "is given to an optimizer that maximizes" if fact.get("maximizes") else "goes backward with a minus"
        evidence = f"The loss {what}{where(fact)}: every step makes it larger."
    else:
        evidence = (
            f"The first five updates of {fact['optimizer']}{where(fact)} went along the gradient, not against it."
        )
    return told(ASCENDS, fact, evidence)


ASCENDS = Symptom(
    name="ascends",
    look=ascends,
    needs=("fact",),
    measure=WATCH,
    tier=Tier.LAYERS,
    severity=Severity.ERROR,
    advice="Turn the sign: `loss.backward()` of what is to be small, and `p -= lr * p.grad`.",
)
