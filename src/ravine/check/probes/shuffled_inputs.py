"""Shuffled inputs: does the network use what it is given?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ravine.check.answers import answer_of
from ravine.check.layers import run
from ravine.check.needs import APART, ENOUGH, FINITE, TRAINABLE
from ravine.check.probe import Probe, Seen, Trace, found, not_asked, passed, unsure
from ravine.check.rows import Rows
from ravine.check.subject import Subject
from ravine.check.training import Trained
from ravine.core.sources import Source
from ravine.records.finding import Severity

PIECES = 10
KNOWN = 0.5  # of the loss of a guess: the training rows are known, or nearly
LEARNED = 0.03  # of the loss of a guess, below it: something was learned
NOTHING = 0.02  # of the loss of a guess, below it: nothing was learned for other rows
FEWEST = 100  # held-out rows from which "no better" is said
_ERRORS = 2.3  # standard errors on either side: 95 of 100, with ten pieces


@dataclass(frozen=True, slots=True)
class _Gain:
    """How much worse it is with the inputs of other examples: mean and error."""

    mean: float
    error: float

    @property
    def low(self) -> float:
        return self.mean - _ERRORS * self.error


def shuffled_inputs(subject: Subject) -> Seen:
    """A copy trained for a while, asked about rows with their own inputs and with those of other rows.

    What it does: the loss on held-out rows both ways, with an interval from ten pieces; and whether the answers
        differ from row to row at all. Zeroed inputs would ask the same, but for tokens there is no zero.
    Why it matters: a network whose inputs are lost on the way learns the shares of the classes, and its loss falls
        all the same. One that knows its training rows by heart and does no better on new ones with their own inputs
        than with others' has labels that are not those of its inputs.
    Not to be mistaken for: a task that is too hard, or too large, for a short training: then nothing is said.
    """
    if not subject.rows.targets and not subject.rows.labelled:
        return not_asked("which of the inputs is the target cannot be told")
    short, guess = subject.trained, subject.base
    trace = Trace(
        f"A short training: Adam at 0.001, {short.batch} rows a step",
        tuple(map(float, range(short.steps))),
        short.losses,
        level=guess,
    )
    same = _same_for_all(short)
    if same:
        return found(
            "has-dead-units" if "LU) is the first" in same and same.endswith("only zeros") else "stalls",
            f"After {short.steps} steps the {subject.name} gives every one of {short.held.count} examples the same "
            f"answer: {same}.",
            trace,
            advice="Find what makes the examples equal there: a scale of 0, dead units, `.detach()`, a constant in the "
            "place of the input.",
        )
    own = short.copy.mean(short.held, short.batch)
    gain = _gain(short, short.held)
    said = f"held-out loss {own:.4g} with their own inputs, {own + gain.mean:.4g} with those of others"
    # Answers that are sure and wrong make any difference large: it counts only where something was learned.
    never = short.best > (1 - NOTHING) * guess
    if gain.low > 0 and not never:
        return passed(f"{said}, after {short.steps} steps", trace)
    if not short.end < (1 - LEARNED) * guess:
        return unsure(
            f"nothing was learned in {short.steps} steps: the training loss is {short.end:.4g}, a guess "
            f"has {guess:.4g}",
            "give it more time: --seconds 300; see overfit-one-batch",
            trace,
        )
    if short.end < KNOWN * guess and short.held.count >= FEWEST and never and short.rested:
        return found(
            "has-misaligned-labels",
            f"Training rows are known by heart (loss {short.end:.4g}, a guess has {guess:.4g}), and on "
            f"{short.held.count} held-out rows the loss never fell below {short.best:.4g}: nothing that was learned "
            "holds for others.",
            trace,
            advice="Look at twenty rows with their labels; if they belong together, these inputs say nothing of them.",
            severity=Severity.WARNING,
            confidence=0.8,
            own=own,
            others=own + gain.mean,
        )
    return unsure(f"{said}, which is within the noise", "give more rows, or more time: --seconds 300", trace)


def _gain(short: Trained, rows: Rows) -> _Gain:
    order = torch.arange(rows.count).roll(1)
    other = rows.with_inputs_of(order)
    size = math.ceil(rows.count / PIECES)
    pairs = zip(rows.chunks(size), other.chunks(size), strict=True)
    apart = torch.tensor([short.copy.mean(b, size) - short.copy.mean(a, size) for a, b in pairs], dtype=torch.float64)
    return _Gain(float(apart.mean()), float(apart.std()) / math.sqrt(len(apart)))


def _same_for_all(short: Trained) -> str:
    """The first layer whose output is the same for all rows, where the answers are; "" where they are not."""
    short.copy.model.eval()
    rows = short.held.first(64)
    outputs, layers = run(short.copy, rows)
    logits = answer_of(outputs)
    if logits is None or not _constant(logits, rows.count):
        return ""
    for name, value in layers:
        if _constant(value, rows.count):
            zeros = ", only zeros" if not bool(value.any()) else ""
            return f"{name} is the first layer that does so{zeros}"
    return "no layer does, so that the inputs do not reach the output"


def _constant(value: Tensor, rows: int) -> bool:
    if value.dim() == 0 or len(value) != rows or rows < 2:
        return False
    return bool((value - value[:1]).abs().max() <= 1e-6 * value.abs().max())


SHUFFLED_INPUTS = Probe(
    name="shuffled-inputs",
    look=shuffled_inputs,
    symptoms=("has-misaligned-labels", "has-dead-units", "stalls"),
    needs=(FINITE, TRAINABLE, APART, ENOUGH),
    share=1.0,
    source=Source("Karpathy", 2019, "A recipe for training neural networks", "input-independent baseline"),
)
