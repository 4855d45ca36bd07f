"""This run starts off: its first loss is far from that of a network that knows nothing yet."""

from __future__ import annotations

import math

from ravine.diagnose.curve import curve
from ravine.diagnose.known import classes, guess_loss, number
from ravine.diagnose.noise import surety
from ravine.diagnose.symptom import Abstained, Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

LATEST = 2  # the step of the first row, at the latest: a mean over more has updates in it
ABOVE = 0.5  # of the loss of a guess, above it
ABOVE_LEAST = 1.0  # for cross entropy, in nats
ABOVE_SQUARES = 3.0  # mean squares over those of the targets


def starts_off(history: History) -> Finding | Abstained | None:
    """A first loss well above ln C, or above the mean square of the targets.

    What it sees: the first row of a single step against the loss of a guess.
    Why it matters: the network is sure of answers before it has seen any: its first hundred steps only unlearn
        that, and large outputs sit where softmax and ReLU are flat.
    Not to be mistaken for: a resumed or fine-tuned run, which starts lower; a first row that is the mean of an epoch;
        a loss summed over rows, which is that of a guess times the batch.
    What to do: divide the last layer's weights by ten, or begin its bias at the mean of the targets.
    Source: Karpathy 2019, "A recipe for training neural networks" ("verify loss @ init").
    """
    guess = guess_loss(history)
    losses = curve(history, "train_loss", "step")
    if history.about.get("resumed") or guess is None:
        return None
    if len(losses) == 0 or losses.steps[0] > LATEST:
        return _by_epoch(history, guess)
    first = losses.values[0]
    labels = classes(history) is not None
    highest = guess + max(ABOVE * guess, ABOVE_LEAST) if labels else ABOVE_SQUARES * guess
    if first <= highest:
        return None
    batch = number(history, "batch_size")
    summed = batch is not None and batch > 1 and abs(math.log(first / (guess * batch))) < 0.1
    return Finding(
        symptom=STARTS_OFF.name,
        severity=STARTS_OFF.severity,
        evidence=(
            f"The training loss is {first:.4g} at step {losses.steps[0]}; a network that knows nothing has "
            f"{guess:.4g}{f' (ln {classes(history)})' if labels else ', the mean square of the targets'}."
            + (f" It is {batch:.0f} times that, as a sum over the batch would be." if summed else "")
        ),
        advice=STARTS_OFF.advice,
        confidence=surety(first / highest),
        first_step=losses.steps[0],
        details={"first": first, "guess": guess},
    )


def _by_epoch(history: History, guess: float) -> Abstained | None:
    losses = curve(history, "train_loss", "epoch")
    if len(losses) == 0 or losses.values[0] < 2 * guess:
        return None
    return Abstained(
        symptom=STARTS_OFF.name,
        why=f"the first epoch has a loss of {losses.values[0]:.3g}, a guess {guess:.3g}, and its steps are not written",
        measure="write the loss of the first step, before any update; or "
        "`ravine check mine.py:setup --only first-loss`",
    )


STARTS_OFF = Symptom(
    name="starts-off",
    look=starts_off,
    needs=("train_loss", "about"),
    measure="write the loss of the first step, and the number of classes",
    causes=("sums-instead-of-means", "has-unscaled-targets", "is-unscaled", "starts-too-large"),
    tier=Tier.RATES,
    severity=Severity.WARNING,
    advice="Make the last layer's first weights ten times smaller, and its bias the mean of the targets.",
)
