"""TensorBoard events beside our own record, for those who look there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ravine.core.errors import missing_package

if TYPE_CHECKING:
    from ravine.train.trainer import Trainer


def log_to_tensorboard(trainer: Trainer, folder: Path) -> None:
    """Write the curves of `trainer` as TensorBoard events into `folder`.

    Scalars are named loss/train, loss/val, accuracy/train …, so that both sets share a chart.

    Raises:
        Missing: The package tensorboard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise missing_package("--log tensorboard", "tensorboard", "tensorboard") from None

    writer = SummaryWriter(str(folder))

    def write(trainer: Trainer) -> None:
        for name, value in trainer.rows[-1].items():
            side, _, metric = name.partition("_")
            if side in ("train", "val"):
                writer.add_scalar(f"{metric}/{side}", value, trainer.step)
            elif name in ("lr", "samples_per_second"):
                writer.add_scalar(name, value, trainer.step)

    trainer.on("epoch_end", write)
    trainer.on("end", lambda _: writer.close())
