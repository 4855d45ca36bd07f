"""Short trainings of a real network on real data: good ones are met with silence, bad ones are named."""

from dataclasses import replace

import pytest

from made.small_trainings import BAD, GOOD, train
from ravine.diagnose.doctor import diagnose
from ravine.records.history import History


def curves_alone(rows):
    """What an ordinary CSV holds: no learning rate, no steps, nothing about the training."""
    return [{key: value for key, value in row.items() if key != "lr"} for row in rows if row["kind"] == "epoch"]


@pytest.mark.parametrize("name", GOOD)
def test_a_good_training_is_met_with_silence(name):
    rows = train(GOOD[name])
    assert diagnose(History(rows)).findings == ()
    assert diagnose(History(curves_alone(rows))).findings == ()


@pytest.mark.parametrize("name", BAD)
def test_a_bad_training_is_named_first(name):
    recipe, names = BAD[name]
    found = diagnose(History(train(recipe))).findings
    assert found
    assert found[0].symptom in names, [one.symptom for one in found]


@pytest.mark.slow
@pytest.mark.parametrize("name", GOOD)
def test_other_seeds_of_a_good_training_are_met_with_silence(name):
    for seed in range(1, 6):
        rows = train(replace(GOOD[name], seed=seed))
        assert diagnose(History(rows)).findings == ()
        assert diagnose(History(curves_alone(rows))).findings == ()
