"""One small training, in any number of pieces and processes: it must come out the same.

Run as a program it is one of several processes: `python large_batch.py FOLDER`, with torchrun's variables set.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ravine import Trainer
from ravine.train.machine import Machine

CASES = [(kind, pieces) for kind in ("rows", "weighted") for pieces in (1, 3)]


def weighted_error(outputs: Tensor, target: Tensor) -> Tensor:
    """Σ w·e² / Σ w; the target holds the value and its weight."""
    return ((outputs[:, 0] - target[:, 0]).square() * target[:, 1]).sum() / target[:, 1].sum()


def no_metrics(_outputs: Tensor, _target: Tensor) -> dict[str, float]:
    return {}


def weight_of(target: Tensor) -> Tensor:
    return target[:, 1].sum()


def trained(kind: str, pieces: int, machine: Machine | None = None) -> tuple[list[float], float | None]:
    """Weights after 4 epochs of 53 rows in steps of 20, the last of them short; and the noise scale."""
    torch.manual_seed(7)
    x = torch.randn(53, 6).double()
    y = torch.stack([torch.randn(53), torch.rand(53) * 9], dim=1).double()
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 1)).double()
    weighted: dict[str, Any] = {"loss": weighted_error, "weigh": weight_of}
    trainer = Trainer(
        model, metrics=no_metrics, epochs=4, batch_size=20, accumulate=pieces, optimizer="sgd", lr=0.1, momentum=0.9,
        plan="safe", threads=1, seed=3, machine=machine, **(weighted if kind == "weighted" else {"loss": nn.MSELoss()}),
    )  # fmt: skip
    outcome = trainer.fit((x, y if kind == "weighted" else y[:, :1].contiguous()))
    flat = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    return flat.tolist(), outcome.noise_scale


def main(folder: Path) -> None:
    machine = Machine("cpu", 2, "ddp")
    machine.launch()
    found = {f"{kind} {pieces}": trained(kind, pieces, machine) for kind, pieces in CASES}
    (folder / f"{machine.rank}.json").write_text(json.dumps(found))
    machine.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
