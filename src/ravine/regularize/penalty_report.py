"""What penalties see of a network: norms, zeros, and their own values, by parameter tensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from ravine.core.errors import BadValue
from ravine.regularize.max_norm import unit_norms
from ravine.regularize.penalty import Penalty


@dataclass(frozen=True, slots=True)
class TensorReport:
    """One parameter tensor.

    Attributes:
        name: As `named_parameters` has it.
        shape: Of the tensor.
        l1: Σ|w|.
        l2: √Σw².
        zeros: Share of elements that are exactly 0, in [0, 1].
        largest_unit: Largest norm of one unit's weights; None for vectors, which have no units.
        penalties: Value of each penalty that is on it, by name.
    """

    name: str
    shape: tuple[int, ...]
    l1: float
    l2: float
    zeros: float
    largest_unit: float | None
    penalties: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class PenaltyReport:
    """The table of `penalty_report`; `str` prints it.

    Attributes:
        tensors: One for each parameter tensor, in the network's order.
        penalties: Value of each penalty on the whole network, by name.
        zeros: Share of all elements that are exactly 0.
    """

    tensors: tuple[TensorReport, ...]
    penalties: Mapping[str, float]
    zeros: float

    def __str__(self) -> str:
        head = ["parameter", "shape", "L1", "L2", "zeros", "largest unit", *self.penalties]
        lines = [head]
        for row in self.tensors:
            unit = "" if row.largest_unit is None else f"{row.largest_unit:.4g}"
            values = [f"{row.penalties[name]:.4g}" if name in row.penalties else "" for name in self.penalties]
            shape = "×".join(map(str, row.shape))
            lines.append([row.name, shape, f"{row.l1:.4g}", f"{row.l2:.4g}", f"{row.zeros:.1%}", unit, *values])
        whole = [f"{value:.4g}" for value in self.penalties.values()]
        lines.append(["all", "", "", "", f"{self.zeros:.1%}", "", *whole])
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(_line(line, widths) for line in lines)


@torch.no_grad()
def penalty_report(model: nn.Module, *penalties: Penalty) -> PenaltyReport:
    """Norms, exact zeros and penalties of every parameter tensor of `model`.

    >>> from ravine.regularize import L1
    >>> layer = nn.Linear(2, 1)
    >>> layer.weight.data = torch.tensor([[3.0, 0.0]])
    >>> layer.bias.data = torch.tensor([0.5])
    >>> print(penalty_report(layer, L1(0.1)))
    parameter  shape   L1   L2  zeros  largest unit   l1
    weight       1×2    3    3  50.0%             3  0.3
    bias           1  0.5  0.5   0.0%
    all                         33.3%                0.3

    Args:
        model: Any network.
        penalties: What to compute; each kind once.

    Raises:
        BadValue: A penalty is given twice, is none, or finds no parameters.
    """
    for penalty in penalties:
        if not isinstance(penalty, Penalty):
            raise BadValue(f"penalty_report: {type(penalty).__name__} is no penalty; give L1, L2 or ElasticNet.")
    names = [penalty.name for penalty in penalties]
    if len(set(names)) < len(names):
        raise BadValue(f"penalty_report: a penalty of each kind at most; got {', '.join(names)}.")
    chosen = {penalty.name: dict(penalty.chosen(model)) for penalty in penalties}
    tensors = []
    for name, p in model.named_parameters():
        values = {each.name: float(each.of(p)) for each in penalties if name in chosen[each.name]}
        tensors.append(
            TensorReport(
                name,
                tuple(p.shape),
                float(p.abs().sum()),
                float(torch.linalg.vector_norm(p)),
                float((p == 0).double().mean()) if p.numel() else 0.0,
                float(unit_norms(p).max()) if p.ndim >= 2 and p.numel() else None,
                values,
            )
        )
    totals = {name: sum(row.penalties.get(name, 0.0) for row in tensors) for name in names}
    size = sum(p.numel() for p in model.parameters())
    zeros = sum(int((p == 0).sum()) for p in model.parameters())
    return PenaltyReport(tuple(tensors), totals, zeros / size if size else 0.0)


def _line(cells: list[str], widths: list[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    text = "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)])
    return text.rstrip()
