"""Loader processes: as many as hide the loading, and none where there is nothing to hide."""

import time

import pytest
import torch
from torch import nn
from torch.utils.data import Dataset

from ravine.train.trainer import Trainer
from ravine.train.workers import measured_workers


class FromDisk(Dataset):
    """Rows from a disk that takes its time over each."""

    def __init__(self, rows: int, seconds: float) -> None:
        self.rows, self.seconds = rows, seconds

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, row):
        time.sleep(self.seconds)
        return torch.full((4,), float(row)), row % 2


class Unsendable(FromDisk):
    """Rows that only their own process can read."""

    def __getitem__(self, row):
        if torch.utils.data.get_worker_info() is not None:
            raise RuntimeError("only here")
        return super().__getitem__(row)


def loader_of(data):
    return lambda count: torch.utils.data.DataLoader(data, batch_size=8, num_workers=count)


def test_a_slow_disk_is_read_by_other_processes():
    # A batch takes 80 ms to load and 80 ms to compute: even one process halves the time, on a busy machine too.
    count, tried = measured_workers(loader_of(FromDisk(800, 0.01)), lambda batch: time.sleep(0.08), steps=10_000)
    assert count >= 1
    (chosen,) = [entry for entry in tried if entry.chosen]
    assert chosen.milliseconds < tried[0].milliseconds


@pytest.mark.parametrize(("rows", "steps"), [(800, 10), (8, 10_000)])
def test_a_short_training_or_a_handful_of_batches_start_no_process(rows, steps):
    assert measured_workers(loader_of(FromDisk(rows, 0.001)), lambda batch: None, steps=steps) == (0, [])


def test_rows_in_memory_start_no_process():
    data = torch.utils.data.TensorDataset(torch.zeros(800, 4), torch.zeros(800))
    assert measured_workers(loader_of(data), lambda batch: time.sleep(0.02), steps=10_000)[0] == 0


def test_rows_that_only_this_process_can_read_stay_here():
    count, tried = measured_workers(loader_of(Unsendable(800, 0.004)), lambda batch: None, steps=10_000)
    assert count == 0
    assert "only here" in tried[-1].note


def test_the_trainer_says_who_loads():
    def slow_loss(outputs, target):
        time.sleep(0.08)
        return nn.functional.cross_entropy(outputs, target)

    trainer = Trainer(nn.Linear(4, 2), slow_loss, epochs=200, batch_size=8, lr=1e-3, minutes=0.02, patience="none")
    outcome = trainer.fit(FromDisk(160, 0.01))
    assert trainer.decision.workers >= 1
    assert "loader process" in trainer.plan.choice
    assert 0 < outcome.steps == trainer.total_steps
