import dataclasses
import json

import pytest
import torch

from ravine.core.errors import BadValue
from ravine.core.files import plain
from ravine.transfer import automatic as room
from ravine.transfer import choose_plan, plans, randomized, ready
from ravine.transfer.automatic import rows_per_class

CHOICES = {"epochs": 8, "lr": 0.01, "plan": "safe", "patience": "none"}


@pytest.fixture
def learned(setting_of):
    """A setting whose body has learned these very data."""
    setting = setting_of(choices=CHOICES)
    made = ready(setting, "scratch")
    made.trainer.fit(made.train, made.held)
    return setting


def test_what_is_measured_is_told(learned):
    before = {name: value.clone() for name, value in learned.network.state_dict().items()}
    choice = choose_plan(learned)
    assert choice.similar
    assert choice.per_class == rows_per_class(learned) == 26
    assert choice.trials[0].plan == "linear"
    assert "scratch" not in [trial.plan for trial in choice.trials]  # few rows that are known
    for told in (choice.plan, "26 rows", "LogME", f"{choice.compared.pretrained.linear:.3f}", choice.reason):
        assert told in choice.words
    kept = json.loads(json.dumps(plain(choice.to_json())))
    assert kept["trials"][0]["quality"] == pytest.approx(choice.trials[0].quality)
    assert 0 <= choice.lost <= choice.seconds
    assert all(torch.equal(value, before[name]) for name, value in learned.network.state_dict().items())


def test_random_features_are_no_reason_to_keep_them(setting_of):
    choice = choose_plan(setting_of(network=randomized(setting_of().network, 0)))
    assert not choice.similar
    assert choice.trials[-1].plan == "scratch"


@pytest.mark.parametrize("plan", ["last-block", "fine-tune", "scratch"])
def test_the_chosen_plan_goes_on_from_its_trial_to_the_same_bits(learned, monkeypatch, tmp_path, plan):
    setting = dataclasses.replace(learned, unfreeze=2.0, l2_sp=0.01, layer_decay=0.8)
    whole = setting.copied()
    made = ready(whole, plan)
    made.trainer.fit(made.train, made.held)

    passed = []

    def only_it(setting, name, folder, leader, **more):
        found = begin(setting, name, folder, leader, **more)
        passed.append(found.epochs)
        return dataclasses.replace(found, promises=name == plan)

    begin = room.begin
    monkeypatch.setattr(room, "begin", only_it)
    monkeypatch.setattr(room, "MANY", 1)
    monkeypatch.setattr(room.Judged, "beats", lambda *_: False)
    monkeypatch.setattr(room.Judged, "leaves_room", True)
    choice = choose_plan(setting, folder=tmp_path / "trials")
    assert choice.plan == plan
    assert all(0 < epochs < CHOICES["epochs"] for epochs in passed)
    parted = setting.copied()
    made = choice.ready(parted, run_dir=tmp_path / "run")
    outcome = made.trainer.fit(made.train, made.held)
    assert outcome.epochs == CHOICES["epochs"]
    steps = [step for step, _ in outcome.history.series("train_loss")]
    assert steps == [4 * epoch for epoch in range(1, CHOICES["epochs"] + 1)]  # those of the trial too
    expected = whole.network.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in parted.network.state_dict().items())
    assert not list((tmp_path / "trials").iterdir())


def test_the_features_are_computed_once(learned, monkeypatch):
    passes = []
    real = room.kept_of

    def counted(setting):
        passes.append(setting)
        return real(setting)

    monkeypatch.setattr(room, "kept_of", counted)
    monkeypatch.setattr(plans, "kept_of", counted)
    choose_plan(learned).ready(learned.copied())
    assert len(passes) == 1


def test_a_head_that_gets_all_right_leaves_nothing_to_try(learned, monkeypatch):
    monkeypatch.setattr(room.Judged, "leaves_room", False)
    choice = choose_plan(learned)
    assert (choice.plan, len(choice.trials), choice.begun) == ("linear", 1, None)
    assert "nothing to gain" in choice.reason


def test_very_few_rows_choose_nothing(learned, monkeypatch):
    monkeypatch.setattr(room, "FEW", 27)
    choice = choose_plan(learned)
    assert choice.plan == "linear"
    assert "too few" in choice.reason


def test_fresh_weights_are_new_and_repeat(setting_of):
    network = setting_of().network
    one, same, other = (randomized(network, seed).state_dict() for seed in (0, 0, 1))
    name = next(name for name in one if name.startswith("body.stages.0") and one[name].ndim == 4)
    assert torch.equal(one[name], same[name])
    assert not torch.equal(one[name], other[name])
    assert not torch.equal(one[name], network.state_dict()[name])


def test_without_held_rows_there_is_nothing_to_choose_by(setting_of):
    with pytest.raises(BadValue, match="validation rows"):
        choose_plan(dataclasses.replace(setting_of(), held=None))


def test_trials_leave_time_for_those_that_follow(learned, monkeypatch):
    given = {}
    begin = room.begin

    def noted(setting, name, folder, leader, *, minutes):
        given[name] = minutes
        return begin(setting, name, folder, leader, minutes=minutes)

    monkeypatch.setattr(room, "begin", noted)
    monkeypatch.setattr(room, "MANY", 1)
    monkeypatch.setattr(room.Judged, "leaves_room", True)
    choose_plan(dataclasses.replace(learned, choices={**CHOICES, "epochs": 1, "minutes": 10.0}))
    assert list(given) == ["last-block", "fine-tune", "scratch"]
    assert 7 < given["last-block"] < 8.1
    assert 8 < given["fine-tune"] < 9.1
    assert 9 < given["scratch"] < 10
