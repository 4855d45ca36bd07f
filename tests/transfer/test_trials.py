import types

import pytest
import torch

from ravine.transfer.judged import Judged
from ravine.transfer.trials import _Once, _Rising


def trainer_at(losses, *, epochs=12, steps=30):
    """A training after so many epochs, of `steps` steps each."""
    rows = [{"val_loss": loss} for loss in losses]
    return types.SimpleNamespace(
        rows=rows, epoch=len(rows), epochs=epochs, step=steps * len(rows), total_steps=steps * epochs, stopped_by=""
    )


def leader(loss):
    losses = torch.full((100,), loss)
    losses[::2] += 0.1
    losses[1::2] -= 0.1
    return Judged(torch.ones(100), losses)


@pytest.mark.parametrize(
    ("losses", "steps", "ends"),
    [
        ([0.5], 30, True),  # a tenth of twelve epochs is one
        ([0.5], 6, False),  # with so few steps it goes on
        ([0.5] * 3, 6, True),  # to a quarter at the most
        ([0.6], 6, True),  # clearly behind: three standard errors are 0.03
    ],
)
def test_a_trial_lasts_its_share(losses, steps, ends):
    trainer, look = trainer_at(losses, steps=steps), _Once(leader(0.5))
    look(trainer)
    assert bool(trainer.stopped_by) is ends
    assert look.words == trainer.stopped_by
    assert not look.promises


def test_a_training_that_is_over_ends_by_itself():
    trainer, look = trainer_at([0.5], epochs=1), _Once(leader(0.5))
    look(trainer)
    assert not trainer.stopped_by


@pytest.mark.parametrize(
    ("losses", "ends", "promises"),
    [
        ([1.3], False, False),  # no pace yet
        ([1.3, 0.9], False, False),  # may still pass
        ([1.75, 1.74], True, False),  # not at this pace
        ([1.3, 0.9, 0.6, 0.5], True, True),  # near, and falling: 0.5 − 0.25·0.1·8 is below 0.4
        ([1.3, 0.9, 0.6, 0.55], True, False),  # slowing down: 0.45
        ([4.0, 3.0, 2.0, 1.0], True, False),  # too far off
    ],
)
def test_fresh_weights_are_judged_by_their_pace(losses, ends, promises):
    trainer, look = trainer_at(losses), _Rising(leader(0.4))
    look(trainer)
    assert bool(trainer.stopped_by) is ends
    assert look.promises is promises
