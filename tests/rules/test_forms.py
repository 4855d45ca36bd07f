"""One text for floats, tensors, stacks of members and compiled kernels; inputs stay as they were."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

import ravine.rules
from ravine.rules import RULES, WRAPPERS, Rates, Reach

STEPS = 25


def lr(t):
    return 1e-2 / t


def test_floats_are_tensors(rule, given, kinds, walk, tensor):
    if rule.matrices:
        with pytest.raises(AttributeError):
            next(walk(rule, given, [1.0], 1.0, lr))
        return
    for kind in ("random", "sparse", "alternating", "tiny"):
        for column in ((0, 0), (2, 1)):
            numbers = [float(g[column]) for g in kinds[kind][:STEPS]]
            ours = walk(rule, given, numbers, 0.7, lr)
            theirs = walk(rule, given, tensor(numbers).reshape(-1, 1), tensor([0.7]), lr)
            for one, other in zip(ours, theirs, strict=True):
                assert isinstance(one.u, float)
                np.testing.assert_allclose(one.u, other.u.item(), rtol=1e-12, atol=1e-300)


def test_inputs_are_left_alone(rule, given, kinds, tensor):
    values = rule.values(given)
    g, p = tensor(kinds["random"][0]), tensor(kinds["random"][1])
    state, rates = rule.first_state(p, values), Rates.first(0.1)
    for t in (1, 2, 3):
        before = copy.deepcopy((g, p, state))
        _, after = rule.direction(g, p, state, rule.tick(t, rates, values), values)
        torch.testing.assert_close((g, p, state), before, rtol=0, atol=0)
        state, rates = copy.deepcopy(after), rates.follow(0.2)


def test_state_has_the_shape_and_dtype_of_the_parameter(rule, given):
    values = rule.values(given)
    for dtype in (torch.float32, torch.bfloat16, torch.float64):
        p = torch.randn(3, 2, generator=torch.Generator().manual_seed(0)).to(dtype)
        state = rule.first_state(p, values)
        u, state = rule.direction(p / 2, p, state, rule.tick(1, Rates.first(0.1), values), values)
        assert (u.shape, u.dtype) == (p.shape, dtype)
        held = {name: slot for name, slot in state._asdict().items() if slot is not None}
        assert tuple(held) == rule.slots(values)
        assert all((slot.shape, slot.dtype) == (p.shape, dtype) for slot in held.values())


@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 0, 3)])
def test_scalars_and_empty_tensors(rule, given, shape):
    if rule.matrices:
        pytest.skip("matrices only")
    values = rule.values(given)
    p = torch.ones(shape)
    u, _ = rule.direction(p, p, rule.first_state(p, values), rule.tick(1, Rates.first(0.1), values), values)
    assert u.shape == p.shape
    assert torch.isfinite(u).all()


def members(rule, given):
    """Three sets of hyperparameters: as given, and each number a little smaller."""
    values = rule.values(given)
    numbers = set(rule.bounds) - {"threshold"}  # 4 is its bound
    return [{n: v * (1 - 0.1 * i) if n in numbers else v for n, v in values.items()} for i in range(3)]


def test_a_stack_is_its_members(rule, given, kinds, walk, tensor):
    """Hyperparameters, clock and rate a member, in one call: shapes (members, 1, 1), or vmap where norms are taken."""
    each = members(rule, given)
    rate = [lambda t: 1e-2 / t, lambda t: 3e-3, lambda t: 2e-3 * t]
    grads = tensor(np.stack([kinds["random"], kinds["sparse"], kinds["alternating"]], axis=1)[:STEPS])
    p = tensor(np.random.default_rng(0).standard_normal((3, 4, 2)))
    alone = [list(walk(rule, one, grads[:, i], p[i], rate[i])) for i, one in enumerate(each)]

    column = (-1, 1, 1)
    values = {n: tensor([one[n] for one in each]).reshape(column) if n in rule.bounds else each[0][n] for n in each[0]}
    state = rule.first_state(p, each[0])
    rates = None
    for t, g in enumerate(grads, start=1):
        now = [r(t) for r in rate]
        rates = (
            [Rates.first(a) for a in now] if rates is None else [r.follow(a) for r, a in zip(rates, now, strict=True)]
        )
        ticks = [rule.tick(t, r, one) for r, one in zip(rates, each, strict=True)]
        clock = type(ticks[0])(*(tensor(field).reshape(column) for field in zip(*ticks, strict=True)))
        if rule.reach_with(values) is Reach.ELEMENT:
            u, state = rule.direction(g, p, state, clock, values)
        else:
            numbers = {n: values[n] for n in rule.bounds if n in values}
            chosen = {n: v for n, v in values.items() if n not in numbers}
            step = torch.func.vmap(lambda g, p, s, c, numbers: rule.direction(g, p, s, c, {**numbers, **chosen}))  # noqa: B023
            u, state = step(g, p, state, clock, numbers)
        p = p - tensor(now).reshape(column) * u
        for i in range(3):
            torch.testing.assert_close(p[i], alone[i][t - 1].p, rtol=1e-12, atol=1e-14)


def test_a_flat_buffer_is_its_parts(rule, given, kinds, walk, tensor):
    if rule.reach_with(rule.values(given)) is not Reach.ELEMENT:
        pytest.skip("needs the whole tensor")
    grads = tensor(kinds["random"][:STEPS])
    p = torch.ones(4, 2, dtype=torch.float64)
    flat = list(walk(rule, given, grads.reshape(STEPS, 8), p.reshape(8), lr))[-1].p
    parts = [list(walk(rule, given, grads[:, i], p[i], lr))[-1].p for i in range(4)]
    torch.testing.assert_close(flat, torch.cat(parts), rtol=1e-14, atol=0)


def test_records_can_be_pickled_and_copied(rule):
    again = pickle.loads(pickle.dumps(rule))
    assert again == rule
    assert copy.deepcopy(rule).update is rule.update


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, inside its compiler
def test_compiled_is_eager(rule, given, kinds, tensor):
    """One kernel, no graph break, clock and numbers as zero-dimensional tensors."""
    values = rule.values(given)
    taken = rule.arguments(values)
    numbers = {n: tensor(v) for n, v in taken.items() if n in rule.bounds}
    chosen = {n: v for n, v in taken.items() if n not in numbers}
    update = rule.update
    torch._dynamo.reset()
    step = torch.compile(lambda g, p, s, c, n: update(g, p, s, c, **n, **chosen), fullgraph=True)
    p = torch.ones(4, 2, dtype=torch.float64)
    eager = compiled = rule.first_state(p, values)
    rates = Rates.first(0.1)
    for t in range(1, 9):
        g = tensor(kinds["random"][t])
        tick = rule.tick(t, rates, values)
        clock = type(tick)(*(tensor(field) for field in tick))
        u, eager = rule.direction(g, p, eager, tick, values)
        fast, compiled = step(g, p, compiled, clock, numbers)
        torch.testing.assert_close(fast, u, rtol=1e-11, atol=1e-13)
        p, rates = p - 0.1 * u, rates.follow(0.1)


def test_the_catalogue_is_the_only_list():
    """A rule's file, its name in the catalogue and the name of its function are one word."""
    folder = Path(ravine.rules.__file__).parent
    helpers = {"__init__", "rule", "wrapper", "arithmetic", "checking"}
    files = {path.stem for path in folder.glob("*.py")} - helpers
    assert files == {*RULES, *WRAPPERS}
    assert all(rule.update.__name__ in (name, "adam") for name, rule in RULES.items())
