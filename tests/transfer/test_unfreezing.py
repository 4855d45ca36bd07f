import itertools

import pytest
import torch

from ravine.core.errors import BadValue
from ravine.transfer import Unfreezing, is_frozen, rate_scales, ready


def test_one_part_more_from_the_top_every_so_many_epochs():
    schedule = Unfreezing(every=2)
    assert [schedule.awake(epoch, 3) for epoch in range(8)] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert [Unfreezing(every=0.5).awake(epoch, 3) for epoch in range(3)] == [0, 2, 3]
    with pytest.raises(BadValue, match="every"):
        Unfreezing(every=0)


def test_parts_wake_as_the_training_goes_on(setting_of):
    setting = setting_of(unfreeze=1.0, choices={"epochs": 5, "lr": 0.01, "plan": "safe"})
    made = ready(setting, "fine-tune")
    seen = []

    def look(_):
        seen.append([any(is_frozen(m) for m in part.modules) for part in setting.parts])

    made.trainer.on("epoch_start", look)
    made.trainer.fit(made.train, made.held)
    count = len(setting.parts)
    assert seen == [[place < count - epoch for place in range(count)] for epoch in range(5)]
    assert not any(is_frozen(module) for module in setting.network.modules())


@pytest.mark.parametrize("stop_at", [6, 8])  # in the middle of an epoch, and between two; 4 steps each
def test_resumed_in_the_middle_it_ends_in_the_same_bits(setting_of, tmp_path, stop_at):
    choices = {"epochs": 4, "lr": 0.01, "plan": "safe", "checkpoint_seconds": 1e-6, "average": 0.0}

    def train(folder, *, resume=False, stop=None):
        setting = setting_of(unfreeze=1.0, l2_sp=0.01, layer_decay=0.8, choices=choices)
        made = ready(setting, "fine-tune", run_dir=folder, resume=resume)
        if stop is not None:

            def leave(trainer):
                if trainer.step == stop:
                    trainer._snapshot()
                    raise KeyboardInterrupt

            made.trainer.on("step" if stop % 4 else "epoch_start", leave)
        made.trainer.fit(made.train, made.held)
        return made.trainer, setting.network.state_dict()

    _, whole = train(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "parted", stop=stop_at)
    trainer, parted = train(tmp_path / "parted", resume=True)
    assert trainer.step == 16
    assert whole.keys() == parted.keys()
    assert all(torch.equal(value, parted[name]) for name, value in whole.items())


def test_rates_fall_towards_the_input_and_reach_the_optimizer(setting_of):
    setting = setting_of(body_lr=0.1, layer_decay=0.5)
    made = ready(setting, "fine-tune")
    rates = {}
    made.trainer.on(
        "end",
        lambda t: rates.update({id(p): group["lr"] for group in t.optimizer.param_groups for p in group["params"]}),
    )
    made.trainer.fit(made.train, made.held)
    head = rates[id(setting.head.weight)]
    by_part = [{rates[id(p)] / head for p in part.parameters()} for part in setting.parts]
    assert all(len(shares) == 1 for shares in by_part)
    shares = [shares.pop() for shares in by_part]
    assert shares[-1] == pytest.approx(0.1)
    assert all(low / high == pytest.approx(0.5) for low, high in itertools.pairwise(shares))


def test_bounds_of_rates(setting_of):
    with pytest.raises(BadValue, match="body_lr"):
        rate_scales(setting_of().parts, body=0.0)
    with pytest.raises(BadValue, match="layer_decay"):
        rate_scales(setting_of().parts, layer_decay=1.5)
