"""Every bound of every hyperparameter is refused in the promised words."""

from __future__ import annotations

import math

import pytest
import torch

from ravine.core.errors import BadValue
from ravine.rules import RULES, WRAPPERS
from ravine.rules.checking import check_hyperparameters

BOTH = [*RULES.values(), *WRAPPERS.values()]


def refused(rule, **values) -> str:
    with pytest.raises(BadValue) as caught:
        check_hyperparameters(rule, **values)
    return str(caught.value)


@pytest.mark.parametrize("record", BOTH, ids=lambda record: record.name)
def test_numbers_outside_are_refused(record):
    for name, bound in record.bounds.items():
        outside = [-1.0, math.nan, math.inf, -math.inf, "0.5", None, True]
        outside += [bound.low] if bound.left_open else []
        outside += [bound.high] if bound.right_open else []
        for value in outside:
            assert refused(record, **{name: value}) == f"{record.name}: {name} must {bound.must}; got {value!r}."


@pytest.mark.parametrize("record", BOTH, ids=lambda record: record.name)
def test_choices_outside_are_refused(record):
    for name in record.options:
        for value in ("nonsense", None, 1.5, -1):
            said = refused(record, **{name: value})
            assert said.startswith(f"{record.name}: {name} must be ")
            assert said.endswith(f"; got {value!r}.")


def test_defaults_and_listed_choices_are_allowed(rule):
    check_hyperparameters(rule, **rule.hyperparameters)
    assert set(rule.hyperparameters) == {*rule.bounds, *rule.options}
    for name, allowed in rule.options.items():
        for value in allowed:
            check_hyperparameters(rule, **{name: value})


def test_wrappers_defaults_are_allowed():
    for wrapper in WRAPPERS.values():
        check_hyperparameters(wrapper, **wrapper.defaults)
        assert set(wrapper.defaults) == {*wrapper.bounds, *wrapper.options}


def test_the_promised_words():
    assert refused(RULES["adam"], beta1=1.0) == "adam: beta1 must be in [0, 1); got 1.0."
    assert refused(RULES["adam"], eps=-1e-8) == "adam: eps must be at least 0; got -1e-08."
    assert refused(RULES["angulargrad"], kind="sin") == "angulargrad: kind must be one of 'cos', 'tan'; got 'sin'."
    assert refused(RULES["muon"], ns_steps=0) == "muon: ns_steps must be a whole number in [1, 20]; got 0."


def test_an_unknown_name_suggests_the_nearest():
    assert "no hyperparameter 'beta_1'. Did you mean 'beta1'?" in refused(RULES["adam"], beta_1=0.9)
    assert refused(RULES["sgd"], momentum=0.9) == "sgd: no hyperparameter 'momentum'. It takes none."


def test_all_faults_at_once():
    said = refused(RULES["adam"], beta1=1.0, beta2=-0.1, eps=0.0)
    assert "adam: 2 faults" in said
    assert "beta1 must be in [0, 1); got 1.0." in said
    assert "beta2 must be in [0, 1); got -0.1." in said


def test_one_member_outside_is_refused():
    check_hyperparameters(RULES["adam"], beta1=torch.tensor([0.5, 0.9]))
    assert refused(RULES["adam"], beta1=torch.tensor([0.5, 1.5])) == "adam: beta1 must be in [0, 1); got 1.5."
    assert "got nan." in refused(RULES["adam"], beta1=torch.tensor([0.5, math.nan]))
