"""First loss: is it that of a network that knows nothing yet?"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ravine.check.guess import Guess
from ravine.check.layers import first_layer
from ravine.check.probe import Probe, Seen, found, passed, unsure
from ravine.check.subject import Subject
from ravine.core.sources import Source
from ravine.diagnose.noise import surety
from ravine.diagnose.symptoms.has_unscaled_targets import LARGE
from ravine.diagnose.symptoms.starts_off import ABOVE, ABOVE_LEAST, ABOVE_SQUARES


def first_loss(subject: Subject) -> Seen:
    """The loss of the untouched model on a batch, against the loss of a guess.

    What it does: the loss itself is asked what it says of outputs of zero and of the best constant answer: that tells
        cross entropy (−ln(1/C)), binary cross entropy (ln 2) and squares (the variance of the targets) from each
        other, a sum from a mean, and a turned sign, whatever the function is called.
    Why it matters: a first loss far above that of a guess is a network that is sure of answers before it has seen any;
        one that is no number will never be one.
    Not to be mistaken for: a network that was trained before, which starts lower; a loss of another kind, whose
        guess is not known: then only its being finite is looked at.
    """
    missing = _missing(subject)
    if missing is not None:
        return missing
    first, guess = subject.first, subject.guess
    if not math.isfinite(first.loss):
        return _no_number(subject)
    if guess is None:
        return unsure(
            f"the first loss is {first.loss:.4g}; what a guess scores cannot be found out from this loss",
            "return (model, loss, data) with a loss of (outputs, target)",
        )
    if guess.turned:
        return found(
            "ascends",
            f"The loss is minus {_article(guess)}: of a guess it says {guess.first:.4g}. What is lowered is rightness.",
            advice="Turn the sign of the loss: it is to be small where the answers are right.",
            first=first.loss,
            guess=guess.first,
        )
    if guess.scale > 1:
        return found(
            "sums-instead-of-means",
            f"The loss is a sum over {guess.scale:.0f} terms: {first.loss:.4g} at first, {guess.first:.4g} for a guess."
            " Its gradient grows with the batch.",
            first=first.loss,
            guess=guess.first,
            terms=guess.scale,
        )
    least = guess.first
    highest = ABOVE_SQUARES * least if guess.kind == "squares" else least + max(ABOVE * least, ABOVE_LEAST)
    against = f"{first.loss:.4g}; a guess has {least:.4g} ({guess.words})"
    if guess.kind == "other":
        return passed(f"{against}; the loss is of no kind known here, so that only a number was asked for")
    if first.loss > highest:
        return _too_high(subject, guess, highest)
    lower = first.loss < 0.7 * least
    return passed(f"{against}{': it knows something already' if lower else ''}")


def _too_high(subject: Subject, guess: Guess, highest: float) -> Seen:
    loss = subject.first.loss
    said = f"The first loss is {loss:.4g}; a network that knows nothing has {guess.first:.4g} ({guess.words})."
    if guess.kind == "squares":
        values = subject.first.rows.targets[0].double()
        mean, spread = float(values.mean()), float(values.std())
        if max(abs(mean), spread) >= LARGE:
            return found(
                "has-unscaled-targets",
                f"{said} The targets have a mean of {mean:.4g} and a deviation of {spread:.4g}.",
                mean=mean,
                std=spread,
                first=loss,
            )
    return found("starts-off", said, confidence=surety(loss / highest), first=loss, guess=guess.first)


def _missing(subject: Subject) -> Seen | None:
    for what, tensors in (("inputs", subject.rows.inputs), ("targets", subject.rows.targets)):
        for tensor in tensors:
            bad = int(_unfinite(tensor).sum()) if tensor.is_floating_point() and tensor.dim() else 0
            if bad:
                return found(
                    "has-nan-in-data",
                    f"{bad} of {len(tensor)} examples looked at have {what} that are no finite numbers.",
                    count=bad,
                )
    return None


def _no_number(subject: Subject) -> Seen:
    layer = first_layer(subject, lambda output: not bool(torch.isfinite(output).all()))
    where = f"The first layer with such an output is {layer}." if layer else "Every layer's output is finite."
    advice = "" if layer else "Look into the loss: a logarithm of 0, a division by 0; add a small number inside it."
    return found("turns-nan", f"The first loss is {subject.first.loss}, before any step. {where}", advice=advice)


def _unfinite(tensor: Tensor) -> Tensor:
    return ~torch.isfinite(tensor.reshape(len(tensor), -1)).all(1)


def _article(guess: Guess) -> str:
    return "the square error" if guess.kind == "squares" else guess.kind


FIRST_LOSS = Probe(
    name="first-loss",
    look=first_loss,
    symptoms=("starts-off", "sums-instead-of-means", "ascends", "has-unscaled-targets", "has-nan-in-data", "turns-nan"),
    share=0.5,
    source=Source("Karpathy", 2019, "A recipe for training neural networks", "verify loss @ init"),
)
