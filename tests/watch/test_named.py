"""Models called and answering by names, data made anew for each epoch, losses imported before the watching."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset, TensorDataset

from ravine.watch.watcher import Watcher


@pytest.fixture
def watcher():
    watcher = Watcher(quiet=True, overhead=0.5).start()
    yield watcher
    watcher.stop()


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(64, 6, generator=generator)
    return inputs, (inputs.sum(1) > 0).long()


class Answers(nn.Module):
    """Takes and gives things by name."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 2)

    def forward(self, mask=None, values=None, labels=None):
        logits = self.layer(input=values)
        return {"loss": functional.cross_entropy(logits, labels), "logits": logits}


def test_what_goes_in_by_name_is_measured(watcher, data):
    model = Answers()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(4):
        optimizer.zero_grad()
        model(labels=data[1], values=data[0])["loss"].backward()
        optimizer.step()
    watcher.stop()
    rows = [row for row in watcher.history.of_kind("layer") if row["layer"] == "layer"]
    assert rows[0]["in_mean"] == pytest.approx(data[0].mean().item(), abs=1e-6)
    assert not nn.modules.module._has_any_global_hook()
    assert not nn.modules.module._global_forward_hooks_with_kwargs


def test_inputs_of_a_model_called_by_name_are_the_training_s(watcher, data):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(6, 2)

        def forward(self, values):
            return {"logits": self.layer(values)}

    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(4):
        optimizer.zero_grad()
        functional.cross_entropy(model(values=255 * data[0])["logits"], data[1]).backward()
        optimizer.step()
    watcher.stop()
    first = next(watcher.history.of_kind("input"))
    assert first["part"] == "train"
    assert first["most"] == pytest.approx(255 * data[0].max().item())
    assert first["label_counts"] == torch.bincount(data[1]).tolist()


def test_a_loss_imported_before(watcher, data):
    model = nn.Linear(6, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    assert cross_entropy is functional.cross_entropy
    for _ in range(3):
        cross_entropy(model(data[0]), data[1]).backward()
        optimizer.step()
        with torch.no_grad():
            held_out = cross_entropy(model(data[0][32:] + 1), data[1][32:]).item()
    watcher.stop()
    assert watcher.history.about["loss"] == "cross_entropy"
    assert watcher.history.series("val_loss").values[-1] == pytest.approx(held_out)
    assert "watch" not in cross_entropy.__code__.co_filename


class Fresh(Dataset):
    """Made anew for each epoch, around the same arrays."""

    def __init__(self, inputs, targets):
        self.parts = [{"x": inputs}, {"y": targets}]

    def __len__(self):
        return len(self.parts[0]["x"])

    def __getitem__(self, row):
        return self.parts[0]["x"][row], self.parts[1]["y"][row]


def test_datasets_made_anew_are_the_same_data(watcher, data):
    held_out = data[0][:16] + 1, data[1][:16]
    model = nn.Linear(6, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        for x, y in DataLoader(Fresh(*data), batch_size=16, shuffle=True):
            functional.cross_entropy(model(x), y).backward()
            optimizer.step()
            optimizer.zero_grad()
        with torch.no_grad():
            for x, y in DataLoader(Fresh(*held_out), batch_size=16):
                functional.cross_entropy(model(x), y)
    watcher.stop()
    assert watcher.history.series("val_loss").steps == (4, 8, 12)
    assert watcher.history.names("epoch") == ["train_loss", "train_accuracy", "val_loss", "val_accuracy"]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loader_lives_no_longer_than_its_pass(watcher, data, workers):
    loader = DataLoader(TensorDataset(*data), batch_size=16, num_workers=workers, persistent_workers=workers > 0)
    for _ in loader:
        pass
    gone = weakref.ref(loader)
    del loader, _
    gc.collect()
    assert gone() is None


def test_shapes_without_numbers_are_no_training(watcher, data):
    with torch.device("meta"):
        model = nn.Linear(6, 2)
    functional.cross_entropy(model(data[0].to("meta")), data[1].to("meta"))
    real = nn.Linear(6, 2)
    optimizer = torch.optim.SGD(real.parameters(), lr=0.1)
    loss = functional.cross_entropy(real(data[0]), data[1])
    loss.backward()
    optimizer.step()
    watcher.stop()
    assert watcher.history.series("train_loss", "step").values == pytest.approx([loss.item()])
