"""What probes look at: a model, its loss and some rows, of which they get copies; and what several of them need."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils import _pytree as pytree

from ravine.check.answers import answer_of
from ravine.check.guess import Guess, guess_of
from ravine.check.rows import OWNER, Rows
from ravine.check.training import Trained, trained
from ravine.core.errors import BadValue, RavineError, UserCodeError
from ravine.optim.gradcheck.check import own_loss
from ravine.optim.gradcheck.copies import exact_copy

Loss = Callable[..., Tensor] | None

FIRST = 256
"""Rows of the batch that the first questions are asked about, at most."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A model with its loss and optimizer, that may be trained, broken and thrown away.

    Attributes:
        model: In the modes in which it was given.
        loss: (output, target) → one number; None where the model gives the loss itself.
        optimizer: The user's, of this copy's parameters; None where none was given.
    """

    model: nn.Module
    loss: Loss
    optimizer: Optimizer | None

    def outputs(self, rows: Rows) -> Any:
        """What the model gives."""
        return self.model(*rows.args, **rows.kwargs)

    def value(self, rows: Rows) -> Tensor:
        """The loss of rows: one number in its graph."""
        return self.judged(self.outputs(rows), rows)

    def judged(self, outputs: Any, rows: Rows) -> Tensor:
        """The loss of outputs that are there already."""
        value = own_loss(outputs) if self.loss is None else self.loss(outputs, *rows.target)
        if not isinstance(value, Tensor) or value.numel() != 1:
            got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            remedy = "" if self.loss is not None else " Without a loss, the model must give it itself."
            raise BadValue(f"{OWNER}: the loss must be one number, a mean over the batch; got {got}.{remedy}")
        return value.reshape(())

    def mean(self, rows: Rows, size: int, *, training: bool = False) -> float:
        """The mean loss of rows in pieces of `size`, without gradients."""
        self.model.train(training)
        pieces = rows.chunks(size)
        if training and len(pieces) > 1 and pieces[-1].count < size:  # a batch of one has no statistics
            pieces.pop()
        with torch.no_grad():
            parts = [(max(1, piece.count), float(self.value(piece))) for piece in pieces]
        return sum(count * value for count, value in parts) / sum(count for count, _ in parts)


@dataclass(frozen=True, slots=True)
class First:
    """What the untouched model makes of the first batch, in training mode.

    Attributes:
        rows: The batch.
        outputs: Of the model, cut from their graph.
        loss: Of them; may be no number at all.
    """

    rows: Rows
    outputs: Any
    loss: float


class Subject:
    """A model under examination. Nothing of it is changed: probes ask for copies.

    Args:
        model: Any network.
        loss: (output, target) → one number; None where the model gives the loss itself.
        rows: Examples of the training data.
        optimizer: The user's, of the model's parameters, if there is one.
        batch_size: Of the user's training, where it is known.
        seed: Of whatever is drawn.
        spec: How the subject was named on the command line, "" elsewhere: for advice that can be pasted.

    Attributes:
        ends: When the time of the probe that looks is over, by `time.monotonic`.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss,
        rows: Rows,
        *,
        optimizer: Optimizer | None = None,
        batch_size: int | None = None,
        seed: int = 0,
        spec: str = "",
    ) -> None:
        self._model, self._loss, self._optimizer = model, loss, optimizer
        self.rows = rows
        self.batch_size = batch_size
        self.seed = seed
        self.spec = spec
        self.ends = math.inf

    @property
    def name(self) -> str:
        """The model's class."""
        return type(self._model).__name__

    @property
    def loss(self) -> Loss:
        """As given: only to be called, never trained."""
        return self._loss

    @property
    def parameters(self) -> int:
        """Numbers that can be trained."""
        return sum(p.numel() for p in self._model.parameters() if p.requires_grad)

    @property
    def tensors(self) -> int:
        """Parameters that can be trained, counted as tensors."""
        return sum(1 for p in self._model.parameters() if p.requires_grad)

    @property
    def rates(self) -> tuple[float, ...]:
        """The learning rates of the user's optimizer, one for each group; none where there is none."""
        return () if self._optimizer is None else tuple(float(g["lr"]) for g in self._optimizer.param_groups)

    @property
    def time_left(self) -> float:
        """Seconds until the probe should end."""
        return self.ends - time.monotonic()

    def copy(self) -> Copy:
        """Model, loss and optimizer as they were given, as one deep copy."""
        loss = self._loss if isinstance(self._loss, nn.Module) else None
        model, copied, optimizer = exact_copy(OWNER, (self._model, loss, self._optimizer))
        return Copy(model, self._loss if copied is None else copied, optimizer)

    @cached_property
    def first(self) -> First:
        """The first batch through the untouched model.

        Raises:
            BadValue: The loss is not one number.
            UserCodeError: Model or loss raised.
        """
        rows = self.rows.first(FIRST)
        copy = self.copy()
        copy.model.train()
        with torch.no_grad():
            with told(f"the {self.name} on {shapes(rows.inputs)}"):
                outputs = copy.outputs(rows)
            with told(f"the loss of outputs of {shapes(outputs)} and targets of {shapes(rows.target)}"):
                value = copy.judged(outputs, rows)
        return First(rows, outputs, float(value))

    @cached_property
    def guess(self) -> Guess | None:
        """What somebody scores who has learned nothing; None where that cannot be found out."""
        if self._loss is not None:
            loss = self.copy().loss
            assert loss is not None
            return guess_of(loss, self.first.outputs, self.first.rows.target)
        logits, labels = answer_of(self.first.outputs), self.first.rows.labels
        if logits is None or labels is None or labels.is_floating_point() or logits.dim() < 2:
            return None
        classes = logits.shape[-1]
        even = math.log(classes)
        return Guess(kind="cross entropy", first=even, words=f"ln {classes}", constant=even, classes=classes)

    @cached_property
    def base(self) -> float:
        """The loss that learning is measured against: of the best constant answer, else the first loss."""
        return self.first.loss if self.guess is None else self.guess.constant

    @cached_property
    def trained(self) -> Trained:
        """A copy after a short training; the probe that asks first pays for it."""
        return trained(self.copy(), self.rows, base=self.base, seconds=0.8 * self.time_left, seed=self.seed)


def shapes(tree: Any) -> str:
    """The shapes of the tensors in a nest, in words.

    >>> shapes((torch.zeros(4, 3), torch.zeros(4)))
    'shapes (4, 3) and (4,)'
    """
    found = [str(tuple(leaf.shape)) for leaf in pytree.tree_leaves(tree) if isinstance(leaf, Tensor)]
    if not found:
        return "no shape"
    return f"shape {found[0]}" if len(found) == 1 else f"shapes {', '.join(found[:-1])} and {found[-1]}"


@contextmanager
def told(what: str) -> Iterator[None]:
    """Whatever the user's code raises, in one line with what it was given."""
    try:
        yield
    except RavineError:
        raise
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or "(without a word)"
        raise UserCodeError(f"{OWNER}: {what} raised {type(error).__name__}: {reason}") from error
