"""Baselines: does a short training beat what needs no network?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ravine.check.guess import Guess
from ravine.check.needs import APART, ENOUGH, FINITE, TRAINABLE
from ravine.check.probe import Probe, Seen, found, not_asked, passed, unsure
from ravine.check.rows import Rows
from ravine.check.subject import Subject
from ravine.core.sources import Source
from ravine.data.prepare import prepare
from ravine.data.raw import Arrays
from ravine.data.task import Kind, Task
from ravine.fit.baselines import MOST_FEATURES, fit_baselines

_KINDS = {
    "cross entropy": Kind.CLASSIFY,
    "binary cross entropy": Kind.MULTI_LABEL,
    "squares": Kind.REGRESS,
}
PIECES = 10
MARGIN = 0.1  # of the loss of a guess, by which a baseline must be ahead, beyond the noise
_ERRORS = 2.3


@dataclass(frozen=True, slots=True)
class _Rival:
    name: str
    loss: float


def baselines(subject: Subject) -> Seen:
    """Held-out rows answered by a copy after a short training, by the best constant, and by a linear model.

    What it does: majority class or mean, and logistic or ridge regression, fitted by `ravine fit`'s own code on the
        rows that the copy learned from, and judged by the user's own loss on rows that nobody has seen.
    Why it matters: a network that is beaten by a linear model on the same rows has something to mend before it is
        made larger.
    Not to be mistaken for: a training that was still under way: a network behind a baseline is a finding only once
        its held-out loss has come to rest.
    """
    guess = subject.guess
    values = _matrix(subject, guess)
    if guess is None or values is None:
        return not_asked("linear models take one tensor of numbers, and targets that are classes, 0/1 or numbers")
    short = subject.trained
    rivals = _rivals(subject, guess)
    best = min(rivals, key=lambda rival: rival.loss)
    told = ", ".join(f"{rival.name} {rival.loss:.4g}" for rival in rivals)
    said = f"held-out loss {short.best:.4g} after {short.steps} steps; {told}"
    if short.best <= best.loss:
        return passed(said)
    behind = short.best - best.loss
    noise = _ERRORS * _noise(short.copy.value, short.held, short.copy)
    if behind <= MARGIN * subject.base + noise:
        return passed(f"{said}: not behind beyond noise and margin")
    if not short.rested:
        return unsure(f"{said}, and the network's still fell", "give it more time: --seconds 300")
    worst = all(short.best > rival.loss for rival in rivals)
    return found(
        "underfits",
        f"A short training comes to rest at a held-out loss of {short.best:.4g} ± {noise:.2g}, behind {best.name} with "
        f"{best.loss:.4g} on the same rows{' and behind the best constant answer' if worst else ''}.",
        advice="Before the network is made larger: scale the inputs, look at the loss and at the last layer; begin "
        f"from a network that is as good as {best.name}.",
        confidence=0.8,
        network=short.best,
        rivals={rival.name: rival.loss for rival in rivals},
    )


def _kind(guess: Guess) -> Kind | None:
    """What linear models call the task; a loss of an unknown kind of numbers is a regression."""
    if guess.kind == "other":
        return None if guess.classes else Kind.REGRESS
    return _KINDS[guess.kind]


def _matrix(subject: Subject, guess: Guess | None) -> Tensor | None:
    """The inputs as numbers, (rows, features); None where there is no linear model of them."""
    rows, outputs = subject.rows, subject.first.outputs
    inputs = rows.inputs
    if guess is None or _kind(guess) is None or guess.turned or guess.scale > 1 or len(rows.targets) != 1:
        return None
    if len(inputs) != 1 or not inputs[0].is_floating_point() or not isinstance(outputs, Tensor):
        return None
    shape = (outputs.shape[0], 1) if outputs.dim() == 1 else tuple(outputs.shape)
    target = rows.targets[0]
    fits = target.dim() == 1 if guess.kind == "cross entropy" else target[:1].numel() == outputs[:1].numel()
    return inputs[0] if len(shape) == 2 and fits else None


def _rivals(subject: Subject, guess: Guess) -> list[_Rival]:
    short = subject.trained
    train, held = short.train, short.held
    kind = _kind(guess)
    assert kind is not None
    targets = torch.cat([train.targets[0], held.targets[0]]).cpu()
    inputs = torch.cat([train.inputs[0], held.inputs[0]]).float().cpu().flatten(1)[:, :MOST_FEATURES].numpy()
    rows = np.arange(len(inputs))
    # The strength of a linear model is chosen on a fifth of what it learns from, never on the rows it is judged by.
    cut, end = int(0.8 * train.count), train.count
    width = 1 if targets.dim() == 1 else targets.shape[1]
    names = tuple(map(str, range(guess.classes or width)))
    encoded = targets.numpy() if kind is Kind.CLASSIFY else targets.reshape(len(rows), width).float().numpy()
    task = Task(kind=kind, targets=names) if kind is Kind.REGRESS else Task(kind=kind, classes=names)
    preparation = prepare(Arrays(inputs), rows[:end])
    fitted = fit_baselines(
        preparation.fields(Arrays(inputs)),
        preparation,
        task,
        encoded,
        train=rows[:cut],
        val=rows[cut:end],
        test=rows[end:],
        seed=subject.seed,
    )
    return [_Rival(one.name, _judged(subject, np.array(one.answers.outputs), guess)) for one in fitted]


def _judged(subject: Subject, answers: Any, guess: Guess) -> float:
    """The user's loss of a baseline's answers."""
    outputs, held = subject.first.outputs, subject.trained.held
    said = torch.from_numpy(answers).to(outputs.device, outputs.dtype)
    if guess.kind == "binary cross entropy" and not guess.logits:
        said = said.sigmoid()
    return float(subject.copy().judged(said.reshape(held.count, *outputs.shape[1:]), held))


def _noise(value: Any, held: Rows, copy: Any) -> float:
    """The standard error of a held-out loss, from pieces."""
    copy.model.eval()
    with torch.no_grad():
        parts = torch.tensor([float(value(piece)) for piece in held.chunks(math.ceil(held.count / PIECES))])
    return float(parts.std()) / math.sqrt(len(parts))


BASELINES = Probe(
    name="baselines",
    look=baselines,
    symptoms=("underfits",),
    needs=(FINITE, TRAINABLE, APART, ENOUGH),
    share=1.0,
    source=Source("Goodfellow et al.", 2016, "Deep Learning", "section 11.2"),
)
