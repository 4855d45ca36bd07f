"""Fixtures of the tests of `ravine.check`."""

import pytest
import torch

import ravine
from ravine.check.reading import read


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    """Fewer steps as a user gets: enough for these models."""
    monkeypatch.setattr("ravine.check.training.MOST_STEPS", 450)


@pytest.fixture
def checked():
    """Checks what a function of nothing returns; its weights are the same each time."""

    def run(made, *, seconds=1000.0, **options):
        torch.manual_seed(0)
        given = read(made(), "the function")
        return ravine.check(given.model, given.loss, given.data, optimizer=given.optimizer, seconds=seconds, **options)

    return run
