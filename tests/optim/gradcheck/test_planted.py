"""Every planted fault is found and its module named; nothing right is called wrong."""

import pytest
import torch

from made.right_gradients import RIGHT
from made.wrong_gradients import WRONG
from ravine.optim.gradcheck import gradcheck


def test_there_are_twenty_of_each():
    assert len(WRONG) >= 20
    assert len(RIGHT) >= 20


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_backward_is_found_and_its_module_named(name):
    model, loss, batch, culprit = WRONG[name]()
    found = gradcheck(model, loss, batch, samples=40)
    assert not found.passed
    assert [one.name for one in found.culprits] == [culprit]
    assert found.culprit.where.partition(":")[0].endswith("wrong_gradients.py")
    assert found.culprit.kind in str(found)
    assert max(row.error for row in found.wrong) > 1e-4


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_backward_passes(name):
    model, loss, batch = RIGHT[name]()
    found = gradcheck(model, loss, batch, samples=40)
    assert found.passed, str(found)
    assert found.culprits == ()
    judged = [row for row in found.rows if row.verdict == "right"]
    assert judged
    assert all(row.error <= 1e-5 and row.kinks <= row.checked for row in judged)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 9))
def test_whatever_the_weights_are(seed):
    for name, make in (*RIGHT.items(), *WRONG.items()):
        torch.manual_seed(seed)
        model, loss, batch, *culprit = make()
        found = gradcheck(model, loss, batch, seed=seed)
        assert found.passed == (name in RIGHT), f"{name}\n{found}"
        assert [one.name for one in found.culprits] == culprit, name
