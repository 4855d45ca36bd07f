"""Torch's recurrent layers step by step, in operations that can be vectorized: the fused ones cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own habit)
from torch import Tensor
from torch.overrides import TorchFunctionMode

_State = tuple[Tensor, ...]
_Cell = Callable[[Tensor, Tensor, _State], _State]


class Unrolled(TorchFunctionMode):
    """Inside, `torch.gru`, `torch.lstm` and `torch.rnn_*` are taken one time step after the other.

    Packed sequences and projections are left to torch. That the numbers are torch's is for the caller to see.
    """

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run `function`, or what stands for it."""
        cell = _CELLS.get(function)
        if cell is None or len(args) != 9 or not isinstance(args[2], list | tuple):
            return function(*args, **(kwargs or {}))
        given, state, weights, biased, layers, dropout, training, both_ways, batch_first = args
        in_states = state if isinstance(state, tuple) else (state,)
        per_cell = 4 if biased else 2
        if len(weights) != per_cell * layers * (2 if both_ways else 1):
            return function(*args, **(kwargs or {}))
        cells = [weights[i : i + per_cell] for i in range(0, len(weights), per_cell)]
        x = given.transpose(0, 1) if batch_first else given
        ways = 2 if both_ways else 1
        ends: list[_State] = []
        for layer in range(layers):
            outputs = []
            for way in range(ways):
                place = layer * ways + way
                steps, end = _layer(cell, x.flip(0) if way else x, tuple(s[place] for s in in_states), cells[place])
                outputs.append(steps.flip(0) if way else steps)
                ends.append(end)
            x = torch.cat(outputs, dim=-1)
            if dropout and training and layer < layers - 1:
                x = F.dropout(x, dropout)
        out = x.transpose(0, 1) if batch_first else x
        return (out, *(torch.stack(parts) for parts in zip(*ends, strict=True)))


def _layer(cell: _Cell, x: Tensor, state: _State, weights: Sequence[Tensor]) -> tuple[Tensor, _State]:
    """One layer one way: x (steps, batch, inputs) to its states (steps, batch, hidden), and the last state."""
    w_x, w_h, *biases = weights
    b_x, b_h = biases or (None, None)
    seen = F.linear(x, w_x, b_x)
    outputs = []
    for step in range(len(x)):
        state = cell(seen[step], F.linear(state[0], w_h, b_h), state)
        outputs.append(state[0])
    return torch.stack(outputs), state


def _gru(of_x: Tensor, of_h: Tensor, state: _State) -> _State:
    r_x, z_x, n_x = of_x.chunk(3, -1)
    r_h, z_h, n_h = of_h.chunk(3, -1)
    z = torch.sigmoid(z_x + z_h)
    n = torch.tanh(n_x + torch.sigmoid(r_x + r_h) * n_h)
    return (n + z * (state[0] - n),)


def _lstm(of_x: Tensor, of_h: Tensor, state: _State) -> _State:
    i, f, g, o = (of_x + of_h).chunk(4, -1)
    c = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def _tanh(of_x: Tensor, of_h: Tensor, _: _State) -> _State:
    return (torch.tanh(of_x + of_h),)


def _relu(of_x: Tensor, of_h: Tensor, _: _State) -> _State:
    return (torch.relu(of_x + of_h),)


_CELLS: dict[Any, _Cell] = {
    torch.gru: _gru,
    torch.lstm: _lstm,
    torch.rnn_tanh: _tanh,
    torch.rnn_relu: _relu,
}
