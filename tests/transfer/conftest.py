"""Small pretrained networks and the data they are moved to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from ravine.core.shapes import InputShape
from ravine.data.batches import TensorBatches
from ravine.data.task import Kind
from ravine.fit.network import Network
from ravine.models import build
from ravine.train.losses import loss_of
from ravine.train.machine import Machine
from ravine.transfer import Setting

SHAPE = InputShape(form="image", channels=1, height=8, width=8)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def pictures() -> tuple[torch.Tensor, torch.Tensor]:
    """120 noisy pictures of 3 classes."""
    generator = torch.Generator().manual_seed(3)
    patterns = torch.randn(3, 1, 8, 8, generator=generator)
    labels = torch.arange(120) % 3
    return patterns[labels] + torch.randn(120, 1, 8, 8, generator=generator), labels


@pytest.fixture
def setting_of(pictures) -> Callable[..., Setting]:
    """Makes a setting of a small residual network with batch norm and dropout."""

    def made(**changes: Any) -> Setting:
        x, y = pictures
        body = build("resnet", SHAPE, 3, rows=80, width=4, depth=1, dropout=0.3, seed=1).module
        machine = Machine("cpu", 1)
        machine.launch()
        given: dict[str, Any] = {
            "network": Network(torch.nn.Identity(), body),
            "head_name": "body.head",
            "outputs": 3,
            "loss": loss_of(Kind.CLASSIFY),
            "train": TensorBatches((x,), y, batch_size=20, subset=torch.arange(80)),
            "held": TensorBatches((x,), y, batch_size=40, order="sequential", subset=torch.arange(80, 120)),
            "machine": machine,
            "choices": {"epochs": 2, "lr": 0.01, "plan": "safe"},
        }
        return Setting(**{**given, **changes})

    return made
