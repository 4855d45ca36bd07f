import dataclasses

import pytest
import torch

from ravine.core.errors import BadValue
from ravine.transfer import PLANS, choose_plan, randomized, ready
from ravine.transfer.automatic import _better, rows_per_class


def test_pretrained_features_tell_more_than_random_ones(setting_of):
    setting = setting_of(choices={"epochs": 8, "lr": 0.01, "plan": "safe"})
    made = ready(setting, "scratch")
    made.trainer.fit(made.train, made.held)  # what is known of these very data
    before = {name: value.clone() for name, value in setting.network.state_dict().items()}
    choice = choose_plan(setting)
    assert choice.similar
    assert choice.per_class == rows_per_class(setting) == 26
    assert [trial.plan for trial in choice.trials] == list(PLANS[:3])  # few rows that are known: scratch is not tried
    for told in (choice.plan, "26 rows", "LogME", f"{choice.pretrained.linear:.3f}"):
        assert told in choice.words
    assert all(torch.equal(value, before[name]) for name, value in setting.network.state_dict().items())


def test_random_features_are_no_reason_to_keep_them(setting_of):
    choice = choose_plan(setting_of(network=randomized(setting_of().network, 0)))
    assert not choice.similar
    assert choice.trials[-1].plan == "scratch"


def test_fresh_weights_are_new_and_repeat(setting_of):
    network = setting_of().network
    one, same, other = (randomized(network, seed).state_dict() for seed in (0, 0, 1))
    name = next(name for name in one if name.startswith("body.stages.0") and one[name].ndim == 4)
    assert torch.equal(one[name], same[name])
    assert not torch.equal(one[name], other[name])
    assert not torch.equal(one[name], network.state_dict()[name])


def test_a_dearer_plan_must_be_better_beyond_noise():
    right = torch.ones(20)
    some = torch.cat([torch.ones(12), torch.zeros(8)])
    one_less = torch.cat([torch.ones(19), torch.zeros(1)])
    loss = torch.full((20,), 0.5)
    assert _better(right, loss, some, loss)
    assert not _better(some, loss, right, loss)
    assert not _better(right, loss, one_less, loss)  # one row is luck
    assert _better(right, loss - 0.3, right, loss)  # as many right, and surer
    assert not _better(right, loss, right, loss)


def test_without_held_rows_there_is_nothing_to_choose_by(setting_of):
    with pytest.raises(BadValue, match="validation rows"):
        choose_plan(dataclasses.replace(setting_of(), held=None))
