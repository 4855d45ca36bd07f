"""Devices and processes, through Lightning Fabric: which device, how many processes, who speaks.

Fabric launches and joins the processes (torchrun's too), picks the device and wraps the module for
DistributedDataParallel or FSDP. A lone process skips the wrapper: it would cost a small model a tenth
of every step and do nothing.
"""

from __future__ import annotations

import logging
import os
import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ravine.core.errors import BadValue

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Machine:
    """Where this run computes.

    Args:
        accelerator: "auto", "cpu", "gpu", "cuda" or "mps".
        devices: Number of processes, one a device; "auto" takes one (all under torchrun).
        strategy: "auto", "ddp" or "fsdp".
    """

    def __init__(self, accelerator: str = "auto", devices: int | str = "auto", strategy: str = "auto") -> None:
        fabric = _quiet_fabric()
        under_torchrun = "TORCHELASTIC_RUN_ID" in os.environ or "LOCAL_RANK" in os.environ
        if devices == "auto":
            devices = int(os.environ.get("LOCAL_WORLD_SIZE", 1)) if under_torchrun else 1
        several = int(devices) > 1 or under_torchrun
        if strategy == "auto":
            strategy = "ddp" if several else "auto"
        try:
            self.fabric: Fabric = fabric(accelerator=accelerator, devices=devices, strategy=strategy)
        except (RuntimeError, ValueError, TypeError) as error:
            raise BadValue(
                f"machine: accelerator={accelerator!r}, devices={devices!r}, strategy={strategy!r} cannot be had here: "
                f"{str(error).splitlines()[0]}"
            ) from error
        self.sharded = strategy == "fsdp"
        self.several = several

    def launch(self) -> None:
        """Start and join the other processes; returns in each of them."""
        self.fabric.launch()

    @property
    def device(self) -> torch.device:
        """The device of this process."""
        return self.fabric.device

    @property
    def rank(self) -> int:
        """This process among `world`."""
        return self.fabric.global_rank

    @property
    def world(self) -> int:
        """How many processes take part."""
        return self.fabric.world_size

    @property
    def speaks(self) -> bool:
        """Whether this process prints and writes files."""
        return self.rank == 0

    def wrap(self, model: nn.Module) -> nn.Module:
        """`model` on the device, and joined to its copies in the other processes."""
        if self.world > 1:
            wrapped: nn.Module = self.fabric.setup_module(model)
            return wrapped
        return model.to(self.device)

    def any(self, flag: bool) -> bool:
        """Whether any process raised its flag; every process must ask."""
        if self.world == 1:
            return flag
        return bool(self.sum(torch.tensor(float(flag), device=self.device)) > 0)

    def mean(self, value: float) -> float:
        """The mean of a number over the processes."""
        if self.world == 1:
            return value
        return float(self.sum(torch.tensor(value, dtype=torch.float64, device=self.device))) / self.world

    def gather_rows(self, rows: Tensor) -> Tensor:
        """The rows of all processes, one after the other, (all rows, …)."""
        if self.world == 1:
            return rows
        counts = self.gather_objects(len(rows))
        padded = torch.cat([rows, rows.new_zeros((max(counts) - len(rows), *rows.shape[1:]))])
        gathered = self.fabric.all_gather(padded)
        assert isinstance(gathered, Tensor)
        return torch.cat([part[:count] for part, count in zip(gathered, counts, strict=True)])

    def gather_objects(self, value: Any) -> list[Any]:
        """The value of every process, in order of rank."""
        if self.world == 1:
            return [value]
        out: list[Any] = [None] * self.world
        torch.distributed.all_gather_object(out, value)
        return out

    def from_first(self, value: Any) -> Any:
        """The value that the first process holds."""
        return self.fabric.broadcast(value) if self.world > 1 else value

    def barrier(self) -> None:
        """Wait for every process."""
        if self.world > 1:
            self.fabric.barrier()

    def close(self) -> None:
        """Leave the group of processes, if this run made one."""
        if self.world > 1 and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()

    def sum(self, value: Tensor) -> Tensor:
        """The sum of a tensor over the processes; every process must ask."""
        total = self.fabric.all_reduce(value, reduce_op="sum")
        assert isinstance(total, Tensor)
        return total


def _quiet_fabric() -> type[Fabric]:
    """Fabric's class, without the notices it prints and the deprecations it trips over when imported."""
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lightning_fabric import Fabric
    return Fabric
