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


def disagreement(ours: np.ndarray, theirs: np.ndarray, scale: np.ndarray, p: np.ndarray) -> float:
    """The largest difference of two displacements, in units of what is allowed.

    Allowed is 1e-12 of each displacement, and the rounding of the element's largest one so far
    and of the parameters it is made from.
    """
    finite = np.isfinite(theirs)
    np.testing.assert_array_equal(np.isfinite(ours), finite)
    allowed = 1e-12 * np.abs(theirs) + 1e-15 * scale + np.abs(p) + 1e-300
    return float(np.max(np.abs(ours - theirs)[finite] / allowed[finite], initial=0.0))


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
def test_agrees_with_its_twin(rule, given, twins, kinds, walk, tensor):
    rounding = 4e-15 if rule.evaluated else 4e-16  # of p; Schedule-Free's twin adds up three points
    whole = rule.reach_with(rule.values(given)) is not Reach.ELEMENT and not rule.matrices
    groups = kinds if whole else {"all": np.stack(list(kinds.values()), axis=1)}
    for kind, grads in groups.items():
        twin = twins[rule.name](**given)
        p = np.random.default_rng(1).standard_normal(grads.shape[1:])
        scale = np.zeros_like(p)
        ours = walk(rule, given, tensor(grads), tensor(p), falling)
        for t, (g, our) in enumerate(zip(grads, ours, strict=True), start=1):
            moved = twin.step(t, g, p, falling(t))
            scale = np.maximum(scale, np.abs(moved))
            worst = disagreement(our.moved.numpy(), moved, scale, rounding * p)
            assert worst <= 1, f"{kind}, step {t}: {worst:.3g} times what is allowed"
            p = p + moved
