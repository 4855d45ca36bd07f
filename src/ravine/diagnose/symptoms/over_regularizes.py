"""This run over-regularizes: weights are pulled back faster than they learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ravine.diagnose.curve import outline
from ravine.diagnose.exact import first_fact, told
from ravine.diagnose.known import guess_loss, number, supervised
from ravine.diagnose.noise import surety
from ravine.diagnose.poor import settled_poor
from ravine.diagnose.rates import rates
from ravine.diagnose.symptom import Abstained, Symptom, Tier
from ravine.diagnose.trend import fifths, start
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

SHARE = 0.25  # of the loss of a guess that is left
FLAT = 0.1  # of the level, over the last two fifths
SHARE_OF_FIRST = 0.5  # of the first loss, where that of a guess is not known
MEMORY = 1000.0  # steps after which a weight that is not renewed has shrunk to a third; ordinary is 10,000
LEFT_OF_THE_RUN = 0.5  # of the steps of the run, at most
LARGE = 0.3  # a decay to be suspicious of where the rate is not known


def over_regularizes(history: History) -> Finding | Abstained | None:
    """A flat and poor training loss under a weight decay that forgets within a few hundred steps.

    What it sees: how many steps a weight is remembered, (1 − momentum)/(rate · decay), against the length of
        the run; the level at which the training loss has settled.
    Why it matters: the decay and not the data decides how large weights may become: the network is held near zero.
    Not to be mistaken for: the decay of ordinary recipes, remembered for ten thousand steps and more; a task with a
        high floor.
    What to do: divide the weight decay by ten.
    Source: Loshchilov & Hutter 2019, "Decoupled weight decay regularization"; Wang & Aitchison 2024, on its timescale.
    """
    emptied = first_fact(history, "decay-empties-weights")
    if emptied is not None:
        return _emptied(emptied)
    decay, known = number(history, "weight_decay"), rates(history)
    if decay is None or not supervised(history):
        return None
    train = outline(history, "train_loss")
    if len(train) < 8 or train.broke_at is not None:
        return None
    level = _poor(history)
    if level is None:
        return None
    if known is None:
        if decay < LARGE:
            return None
        return Abstained(
            symptom=OVER_REGULARIZES.name,
            why=f"the training loss has settled high under a weight decay of {decay:g}, and the rate is not written",
            measure="write the learning rate",
        )
    momentum = min(number(history, "momentum") or 0.0, 0.999)  # which repeats each pull, as it does each gradient
    memory = (1 - momentum) / (known.peak * decay)
    if memory > min(MEMORY, LEFT_OF_THE_RUN * train.steps[-1]):
        return None
    return Finding(
        symptom=OVER_REGULARIZES.name,
        severity=OVER_REGULARIZES.severity,
        evidence=(
            f"The training loss has settled at {level:.4g}. At a rate of {known.peak:.3g} and a weight decay of "
            f"{decay:g}, a weight is forgotten within {memory:.0f} steps; ordinary recipes remember for ten thousand."
        ),
        advice=f"{OVER_REGULARIZES.advice} Here: {decay / 10:.1g}.",
        confidence=0.95 * surety(2 * MEMORY / memory),
        details={"level": level, "memory": memory, "weight_decay": decay},
    )


def _emptied(fact: Mapping[str, Any]) -> Finding:
    """What the watcher has seen in the program itself."""
    decay = fact["weight_decay"]
    if "life" in fact:
        said = f"a weight is forgotten within {fact['life']:.0f} steps"
    else:
        said = "it outweighs the gradient of the loss more than tenfold, at each of the first steps"
    return told(
        OVER_REGULARIZES,
        fact,
        f"At a rate of {fact['lr']:.3g} and a weight decay of {decay:g} {said}.",
        f"{OVER_REGULARIZES.advice} Here: {decay / 1000:.1g}.",
        severity=Severity.ERROR,
    )


def _poor(history: History) -> float | None:
    """Where the training loss has settled, if that is poor."""
    poor = settled_poor(history, SHARE)
    if poor is not None:
        return poor.train.value
    train, guess = outline(history, "train_loss"), guess_loss(history)
    levels = fifths(train)
    least = SHARE * guess if guess is not None else SHARE_OF_FIRST * start(train)
    flat = abs(levels[2].value - levels[4].value) < FLAT * abs(levels[4].value)
    return levels[4].value if flat and levels[4].value > least > 0 else None


OVER_REGULARIZES = Symptom(
    name="over-regularizes",
    look=over_regularizes,
    needs=("train_loss", "about"),
    measure="write the weight decay and the learning rate",
    causes=("diverges",),
    tier=Tier.RATES,
    severity=Severity.WARNING,
    advice="Divide the weight decay by ten.",
)
