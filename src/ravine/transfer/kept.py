"""What a frozen body makes of the rows, and the head solved on it: computed once, used by everything that follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ravine.data.batches import TensorBatches
from ravine.transfer.features import cached
from ravine.transfer.probe import Solved, solve_head

if TYPE_CHECKING:
    from ravine.transfer.setting import Setting


@dataclass(frozen=True, slots=True)
class Kept:
    """Features of the rows as they are, and the best linear head on them.

    Attributes:
        train: Features of the training rows.
        held: Of the held rows.
        solved: The head.
    """

    train: TensorBatches
    held: TensorBatches | None
    solved: Solved


def kept_of(setting: Setting) -> Kept:
    """Run the body over all rows once, and solve the head; `setting.network` is left as it is."""
    setting.network.to(setting.machine.device)
    train = cached(setting.network, setting.head, setting.train)
    held = cached(setting.network, setting.head, setting.held) if setting.held is not None else None
    return Kept(train, held, solved_on(setting, train, held))


def solved_on(setting: Setting, train: TensorBatches, held: TensorBatches | None) -> Solved:
    """The head solved on kept features; the held rows choose the penalty."""
    judged = rows_of(held) if held is not None else None
    return solve_head(*rows_of(train), setting.outputs, setting.loss, judged)


def rows_of(kept: TensorBatches, rows: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Features and targets, of `rows` alone where they are given."""
    if rows is None:
        return kept.fields[0], kept.target
    return kept.fields[0][rows.to(kept.fields[0].device)], kept.target[rows.to(kept.target.device)]


def some_rows(count: int, most: int, seed: int) -> Tensor:
    """Numbers of at most `most` of `count` rows, drawn once for all, in their order."""
    if count <= most:
        return torch.arange(count)
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))[:most].sort().values
