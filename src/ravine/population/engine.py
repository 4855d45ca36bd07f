"""Two ways to run all members on a batch: as one network with a member dimension, or one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from ravine.population.capture import Step, capture, may_be_captured
from ravine.population.stack import Stack

Loss = Callable[[Any, Any], Tensor]

CAPTURED_AFTER = 8
"""Steps on batches of one form before they are recorded, which takes as long as some hundred of them."""


class Stepped(NamedTuple):
    """What a batch gave.

    Attributes:
        losses: Of each member, (members,).
        gradients: Laid out as `Stack.flats`.
    """

    losses: Tensor
    gradients: list[Tensor]


class Engine(Protocol):
    """A way to run a stack of members."""

    def step(self, inputs: tuple[Tensor, ...], target: Tensor, *, own: bool) -> Stepped:
        """Losses and gradients in training mode; `own` when each member has rows of its own, (members, batch, …)."""
        ...

    def outputs(self, tensors: dict[str, Tensor], inputs: tuple[Tensor, ...]) -> Tensor:
        """Outputs in evaluation mode with other tensors in place of the stack's: (members, batch, outputs)."""
        ...


class Together:
    """All members at once by `torch.func.vmap`; each draws its own random numbers.

    Args:
        stack: The members.
        loss: (outputs, target) → mean over the batch. Where it has `per_row`, the rows of all members go into one
            call of that.
    """

    def __init__(self, stack: Stack, loss: Loss) -> None:
        self.stack, self.loss = stack, loss
        self._seen: dict[Any, int] = {}
        self._captured: dict[Any, Step | None] = {}
        self._capturable = may_be_captured(stack.skeleton)

    def step(self, inputs: tuple[Tensor, ...], target: Tensor, *, own: bool) -> Stepped:
        """See `Engine`."""
        stack = self.stack
        if not stack.skeleton.training:
            stack.skeleton.train()
        given = [*stack.parameters.values(), *stack.rest.values(), *inputs, target]
        form = (own, *((tensor.shape, tensor.stride(), tensor.dtype) for tensor in given))
        seen = self._seen[form] = self._seen.get(form, 0) + 1
        if self._capturable and seen > CAPTURED_AFTER and form not in self._captured:
            self._captured[form] = capture(self._step_of(own), given)
        run = self._captured.get(form) or self._step_of(own)
        losses, *gradients = run(*given)
        return Stepped(losses, gradients)

    def outputs(self, tensors: dict[str, Tensor], inputs: tuple[Tensor, ...]) -> Tensor:
        """See `Engine`."""
        skeleton = self.stack.skeleton.eval()

        def call(mine: dict[str, Tensor]) -> Tensor:
            said: Tensor = functional_call(skeleton, mine, inputs)
            return said

        with torch.no_grad():
            found: Tensor = vmap(call, randomness="different")(tensors)
        return found

    def _step_of(self, own: bool) -> Step:
        stack, loss = self.stack, self.loss
        skeleton, names, others = stack.skeleton, list(stack.parameters), list(stack.rest)
        rowwise = getattr(loss, "per_row", None)
        along = 0 if own else None

        def outputs_of(mine: dict[str, Tensor], inputs: tuple[Tensor, ...]) -> Tensor:
            said: Tensor = functional_call(skeleton, mine, inputs)
            return said

        def step(*given: Tensor) -> Sequence[Tensor]:
            parameters = {n: p.detach().requires_grad_() for n, p in zip(names, given, strict=False)}
            rest = dict(zip(others, given[len(names) :], strict=False))
            *inputs, target = given[len(names) + len(others) :]
            outputs = vmap(outputs_of, in_dims=(0, along), randomness="different")(
                {**parameters, **rest}, tuple(inputs)
            )
            members = outputs.shape[0]
            if rowwise is not None:
                wanted = target if own else target.expand(members, *target.shape)
                losses = rowwise(outputs.flatten(0, 1), wanted.flatten(0, 1)).view(members, -1).mean(1)
            else:
                losses = vmap(loss, in_dims=(0, along), randomness="different")(outputs, target)
            found = torch.autograd.grad(losses.sum(), list(parameters.values()), allow_unused=True)
            whole = {
                name: torch.zeros_like(parameters[name]) if gradient is None else gradient
                for name, gradient in zip(names, found, strict=True)
            }
            return [losses.detach(), *stack.flattened(whole)]

        return step


class OneByOne:
    """Member after member, for networks that `vmap` cannot run and machines where that is no faster."""

    def __init__(self, stack: Stack, loss: Loss) -> None:
        self.stack, self.loss = stack, loss

    def step(self, inputs: tuple[Tensor, ...], target: Tensor, *, own: bool) -> Stepped:
        """See `Engine`."""
        stack = self.stack
        skeleton = stack.skeleton.train()
        losses, found = [], []
        for member in range(len(stack)):
            mine = {name: p[member].detach().requires_grad_() for name, p in stack.parameters.items()}
            rest = {name: value[member] for name, value in stack.rest.items()}
            fields = tuple(field[member] for field in inputs) if own else inputs
            with torch.enable_grad():
                outputs = functional_call(skeleton, {**mine, **rest}, fields)
                loss = self.loss(outputs, target[member] if own else target)
            gradients = torch.autograd.grad(loss, list(mine.values()), allow_unused=True)
            losses.append(loss.detach())
            found.append(
                [torch.zeros_like(p) if g is None else g for p, g in zip(mine.values(), gradients, strict=True)]
            )
        stacked = (torch.stack(column) for column in zip(*found, strict=True))
        return Stepped(torch.stack(losses), stack.flattened(dict(zip(stack.parameters, stacked, strict=True))))

    def outputs(self, tensors: dict[str, Tensor], inputs: tuple[Tensor, ...]) -> Tensor:
        """See `Engine`."""
        skeleton = self.stack.skeleton.eval()
        with torch.no_grad():
            return torch.stack(
                [
                    functional_call(skeleton, {name: value[member] for name, value in tensors.items()}, inputs)
                    for member in range(len(next(iter(tensors.values()))))
                ]
            )


def together_or_not(stack: Stack, loss: Loss, inputs: tuple[Tensor, ...], target: Tensor, *, own: bool) -> str:
    """Why these members cannot be run at once on such a batch; "" when they can. Nothing is changed.

    Args:
        stack: The members.
        loss: Of a batch.
        inputs: A batch.
        target: Its targets.
        own: Whether each member has rows of its own.
    """
    kept = {name: value.clone() for name, value in stack.rest.items()}
    devices = [stack.device] if stack.device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=devices):
            found = Together(stack, loss).step(inputs, target, own=own)
        if found.losses.shape != (len(stack),):
            return f"the loss gives {tuple(found.losses.shape)} instead of one number a member"
    except Exception as error:  # whatever vmap refuses, one by one shows whether the network itself is at fault
        return f"{type(error).__name__}: {next(iter(str(error).strip().splitlines()), '')}"
    finally:
        for name, value in kept.items():
            stack.rest[name].copy_(value)
    return ""


def gains_together(network: nn.Module, device: torch.device) -> bool:
    """Whether members run faster at once than in turn: not where a processor does their convolutions.

    Those of several members are one convolution in groups, which processors run no faster than one after the other
    (measured 0.8 to 1.2 times as fast, at several times the memory); matrix products gain several times.
    """
    convolutions = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    return device.type != "cpu" or not any(isinstance(layer, convolutions) for layer in network.modules())
