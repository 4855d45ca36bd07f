"""A network, its optimizer and chance itself used for a trial, and put back bit for bit."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ravine.train.randomness import chance_put_back


@contextmanager
def put_back(model: nn.Module, optimizer: Optimizer | None, data: Any) -> Iterator[None]:
    """Inside, everything may be trained; afterwards all is as before.

    That is parameters, buffers, modes, the optimizer and every random state, those of a loader
    included. Gradients are the very tensors that were there.
    """
    modes = [(part, part.training) for part in model.modules()]
    values = {name: value.detach().clone() for name, value in (*model.named_parameters(), *model.named_buffers())}
    gradients = [(parameter, parameter.grad) for parameter in model.parameters()]
    state = copy.deepcopy(optimizer.state_dict()) if optimizer is not None else None
    for parameter, _ in gradients:
        parameter.grad = None
    try:
        with chance_put_back(data):
            yield
    finally:
        with torch.no_grad():
            for name, value in (*model.named_parameters(), *model.named_buffers()):
                value.copy_(values[name])
        for parameter, gradient in gradients:
            parameter.grad = gradient
        for part, mode in modes:
            part.training = mode
        if optimizer is not None and state is not None:
            optimizer.load_state_dict(state)


def device_of(model: nn.Module) -> torch.device:
    """Where the first parameter is."""
    first: Tensor | None = next(model.parameters(), None)
    return first.device if first is not None else torch.device("cpu")
