"""Every rule in every mode against its slow twin, over a thousand steps."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from ravine.rules import RULES, WRAPPERS, Reach


def falling(t: int) -> float:
    """A learning rate that rises, falls and stays: a rule that mishandles a change shows."""
    return 1e-3 * min(t / 10, 1.0) / (1 + t // 200)


def test_every_member_has_a_twin(twins):
    assert {*RULES, *WRAPPERS} <= set(twins)


def test_defaults_are_the_twins(rule, twins):
    parameters = inspect.signature(twins[rule.name]).parameters.values()
    assert {one.name: one.default for one in parameters} == rule.hyperparameters


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
def test_agrees_with_its_twin(rule, given, twins, kinds, walk, tensor):
    """Each displacement to 1e-12 of itself, or to the rounding of what it is the difference of.

    That is the largest displacement of the element so far (means that cancel), and the
    parameter (AdaInject reads its change; Schedule-Free's twin adds up three points).
    """
    rounding = 4e-15 if rule.evaluated else 4e-16
    steps = 1000 if set(given) <= set(rule.options) else 300
    whole = rule.reach_with(rule.values(given)) is not Reach.ELEMENT and not rule.matrices
    for kind, grads in (kinds if whole else {"all": np.stack(list(kinds.values()), axis=1)}).items():
        twin = twins[rule.name](**given)
        p = np.random.default_rng(1).standard_normal(grads.shape[1:])
        ours = [one.moved.numpy() for one in walk(rule, given, tensor(grads[:steps]), tensor(p), falling)]
        theirs, points = [], []
        for t, g in enumerate(grads[:steps], start=1):
            theirs.append(twin.step(t, g, p, falling(t)))
            points.append(p)
            p = p + theirs[-1]
        largest = np.maximum.accumulate(np.abs(theirs))
        allowed = 1e-12 * np.abs(theirs) + 1e-15 * largest + rounding * np.abs(points) + 1e-300
        finite = np.isfinite(theirs)
        np.testing.assert_array_equal(np.isfinite(ours), finite, err_msg=kind)
        apart = np.abs(np.array(ours) - theirs)[finite] / allowed[finite]
        assert apart.max() <= 1, f"{kind}: {apart.max():.3g} times what is allowed"
