"""The gradient noise scale: the batch size at which the gradient's noise is as large as the gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from ravine.train.machine import Machine
    from ravine.train.trainer import Trainer

EVERY = 10
"""Steps between two looks."""

MEMORY = 0.95
"""Of the moving averages, in looks: they span about 20, or 200 steps."""


class Parts(NamedTuple):
    """What a noise scale is the ratio of."""

    noise: float  # tr Σ: variance of a single row's gradient, summed over parameters
    signal: float  # |G|²: squared norm of the gradient of the whole distribution


def noise_parts(small_norm2: float, big_norm2: float, small: float, big: float) -> Parts:
    """Tr Σ and |G|², both without bias, from squared norms of the gradients of a small and a large batch.

        |G|²  =  (B·|G_B|² − b·|G_b|²) / (B − b)
        tr Σ  =  (|G_b|² − |G_B|²) / (1/b − 1/B)

    A single estimate of either may be negative; means over many are what counts.

    Args:
        small_norm2: |G_b|², or a mean of it over several small batches.
        big_norm2: |G_B|².
        small: b, rows.
        big: B, rows, more than b.

    Source: McCandlish et al. 2018, "An Empirical Model of Large-Batch Training", arXiv:1812.06162, appendix A.1.

    >>> noise_parts(small_norm2=1.0 + 8.0 / 2, big_norm2=1.0 + 8.0 / 16, small=2, big=16)
    Parts(noise=8.0, signal=1.0)
    """
    signal = (big * big_norm2 - small * small_norm2) / (big - small)
    return Parts((small_norm2 - big_norm2) / (1 / small - 1 / big), signal)


class NoiseScale:
    """Estimates B = tr Σ / |G|² while training, from the first piece of a step and the whole of it.

    Batches much smaller than B lose little by being small: twice the rows take nearly half the steps.
    Batches much larger lose rows: twice as many save next to no step. Both parts are averaged over
    steps before the ratio is taken. The small batch is what one process computes first, so a step
    must have several pieces or several processes. It costs two norms every `EVERY` steps, and where
    processes have one piece each, an exchange of gradients of its own. Dropout and augmentation
    are part of the noise; batch norm ties rows together, and the estimate is then a rough one.

    Args:
        parameters: Whose gradients are looked at.
        machine: The processes.
        one_piece: A step is a single piece, so that processes alone tell small from large.
    """

    def __init__(self, parameters: Sequence[Tensor], machine: Machine, *, one_piece: bool) -> None:
        self._parameters = [parameter for parameter in parameters if parameter.requires_grad]
        self._machine = machine
        self.holds = one_piece  # gradients must not be exchanged before they were looked at
        self._small: tuple[Tensor, int] | None = None
        self._pending: list[tuple[Tensor, Tensor, int, float]] = []
        self._noise, self._signal, self._weight = 0.0, 0.0, 0.0
        self.value: float | None = None  # as of the last epoch's end

    def due(self, step: int) -> bool:
        """Whether to look at the step after so many."""
        return step % EVERY == 0

    def piece(self, share: float, rows: int) -> None:
        """Take in the gradients as they are after the first piece of a step, before any exchange."""
        if self._small is None and share > 0:
            self._small = (self._norm2() / share**2, rows)
            self._rows_of_step = rows * self._machine.world / share

    def exchange(self) -> None:
        """Give every process the mean of the gradients, which were held back."""
        for parameter in self._parameters:
            if parameter.grad is not None:
                parameter.grad.copy_(self._machine.sum(parameter.grad)).div_(self._machine.world)

    def step(self) -> None:
        """Take in the gradients of a whole step."""
        if self._small is not None and self._rows_of_step > self._small[1]:
            self._pending.append((self._small[0], self._norm2(), self._small[1], self._rows_of_step))
        self._small = None

    def row(self) -> dict[str, float]:
        """The noise scale for the record, in rows, over all processes, which must all ask; {} where it has no value."""
        self._read()
        noise, signal = self._machine.mean(self._noise), self._machine.mean(self._signal)
        self.value = noise / signal if signal > 0 and noise > 0 else None
        return {} if self.value is None else {"noise_scale": self.value}

    def state_dict(self) -> dict[str, Any]:
        """What resuming needs."""
        self._read()
        return {"noise": self._noise, "signal": self._signal, "weight": self._weight, "value": self.value}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off."""
        self._noise, self._signal = state["noise"], state["signal"]
        self._weight, self.value = state["weight"], state["value"]

    def _norm2(self) -> Tensor:
        gradients = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
        return torch.stack(torch._foreach_norm(gradients)).double().square().sum()

    def _read(self) -> None:
        """Averages that have forgotten where they began: each look counts as much as its age allows."""
        if not self._pending:
            return
        norms = torch.stack([torch.stack(pair[:2]) for pair in self._pending]).cpu().tolist()
        for (small_norm2, big_norm2), (_, _, small, big) in zip(norms, self._pending, strict=True):
            parts = noise_parts(small_norm2, big_norm2, small, big)
            self._weight = MEMORY * self._weight + 1
            self._noise += (parts.noise - self._noise) / self._weight
            self._signal += (parts.signal - self._signal) / self._weight
        self._pending = []


def noise_scale_for(trainer: Trainer) -> NoiseScale | None:
    """An estimator, where steps have several pieces or processes and the loss is a mean over rows."""
    assert trainer.machine is not None
    pieces, machine = trainer.choices.accumulate, trainer.machine
    if (pieces == 1 and machine.world == 1) or machine.sharded or trainer.weigh is not None:
        return None
    parameters = [parameter for group in trainer.optimizer.param_groups for parameter in group["params"]]
    return NoiseScale(parameters, machine, one_piece=pieces == 1)
