"""A stack of members moves as each of them would alone."""

from __future__ import annotations

import pytest
import torch

from ravine.core.errors import RavineError
from ravine.optim import Stacked
from ravine.rules import RULES, Rates, Reach

ELEMENTWISE = [name for name, rule in RULES.items() if rule.reach is Reach.ELEMENT]
MEMBERS = 4


def differing(rule):
    """Each hyperparameter spread over the members, inside its bounds."""
    spread = torch.linspace(0.9, 1.0, MEMBERS, dtype=torch.float64)
    return {
        name: (default * spread).tolist()
        for name, default in rule.hyperparameters.items()
        if name in rule.bounds and isinstance(default, float) and default
    }


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_a_member_moves_as_it_would_alone(name, dtype):
    rule = RULES[name]
    generator = torch.Generator().manual_seed(3)
    start = [torch.randn(MEMBERS, *shape, generator=generator, dtype=dtype) for shape in ((3, 2), (5,), ())]
    rates, values = [0.01, 0.02, 0.05, 0.1], differing(rule)
    stack = Stacked(rule, [p.clone() for p in start], lr=rates, **values)
    grads = [[torch.randn(p.shape, generator=generator, dtype=dtype) for p in start] for _ in range(12)]
    for step in grads:
        stack.step(step)
    for member, lr in enumerate(rates):
        mine = {**rule.hyperparameters, **{n: v[member] for n, v in values.items()}}
        for place, p in enumerate(start):
            alone, state, past = p[member].clone(), rule.first_state(p[member], mine), Rates.first(lr)
            for t, step in enumerate(grads, start=1):
                past = past if t == 1 else past.follow(lr)
                u, state = rule.direction(step[place][member], alone, state, rule.tick(t, past, mine), mine)
                alone = alone - lr * u
            tolerance = {"rtol": 1e-11, "atol": 1e-12} if dtype is torch.float64 else {"rtol": 2e-5, "atol": 2e-6}
            torch.testing.assert_close(stack.params[place][member], alone, **tolerance)


@pytest.mark.parametrize("decay", [0.1, [0.0, 0.1, 0.2, 0.3]])
@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_decay_is_each_members_own(name, decay):
    from ravine.optim import OPTIMIZERS

    start = torch.randn(MEMBERS, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    stack = Stacked(RULES[name], [start.clone()], lr=0.1, weight_decay=decay)
    for _ in range(5):
        stack.step([start])
    for member in range(MEMBERS):
        p = start[member].clone().requires_grad_()
        own = decay if isinstance(decay, float) else decay[member]
        optimizer = OPTIMIZERS[name]([p], lr=0.1, weight_decay=own)
        for _ in range(5):
            p.grad = start[member].clone()
            optimizer.step()
        torch.testing.assert_close(stack.params[0][member], p.detach(), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", ["schedule_free_adamw", "schedule_free_sgd"])
def test_a_rule_with_its_own_decay_gets_it(name):
    rule, decays = RULES[name], [0.0, 0.1, 0.2, 0.3]
    start = torch.randn(MEMBERS, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    stack = Stacked(rule, [start.clone()], lr=0.1, weight_decay=decays)
    for _ in range(5):
        stack.step([start])
    for member, decay in enumerate(decays):
        values = {**rule.hyperparameters, "weight_decay": decay}
        alone, past = start[member].clone(), Rates.first(0.1)
        state = rule.first_state(alone, values)
        for t in range(1, 6):
            past = past if t == 1 else past.follow(0.1)
            u, state = rule.direction(start[member], alone, state, rule.tick(t, past, values), values)
            state = type(state)(*(x.clone() if x is alone else x for x in state))
            alone = alone - 0.1 * u
        torch.testing.assert_close(stack.params[0][member], alone, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("adam", {"lr": [0.1, -0.1]}, "lr must be at least 0; got -0.1."),
        ("adam", {"lr": [0.1, 0.1, 0.1]}, "lr must be one number, or 2, one a member"),
        ("adam", {"lr": 0.1, "beta1": [0.9, 1.0]}, "beta1 must be in [0, 1); got 1.0."),
        ("lamb", {"lr": 0.1}, "sees whole tensors"),
    ],
)
def test_bad_requests(name, arguments, words):
    with pytest.raises(RavineError) as caught:
        Stacked(RULES[name], [torch.zeros(2, 3)], **arguments)
    assert words in str(caught.value)


def test_members_must_agree_in_number():
    with pytest.raises(RavineError, match="one number of members"):
        Stacked(RULES["sgd"], [torch.zeros(2, 3), torch.zeros(3)], lr=0.1)


def gradients(steps, dtype=torch.float64):
    generator = torch.Generator().manual_seed(7)
    return [[torch.randn(MEMBERS, *shape, generator=generator, dtype=dtype) for shape in ((3, 2), (5,))]
            for _ in range(steps)]  # fmt: skip


def some_stack(name, **more):
    generator = torch.Generator().manual_seed(5)
    return Stacked(
        RULES[name],
        [torch.randn(MEMBERS, *shape, generator=generator, dtype=torch.float64) for shape in ((3, 2), (5,))],
        **more,
    )


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "momentum", "nesterov"])
def test_members_that_agree_take_torchs_kernel_and_move_the_same(name, decay):
    fused, eager = (some_stack(name, lr=0.1, weight_decay=decay, fused=fused) for fused in (True, False))
    for step, grads in enumerate(gradients(8)):
        rate = 0.1 / (step + 1)
        fused.set_lr(rate)
        eager.set_lr(rate)
        fused.step(grads)
        eager.step(grads)
    for mine, theirs in zip(fused.params, eager.params, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("rates", [0.1, [0.1, 0.2, 0.3, 0.4]])
@pytest.mark.parametrize("name", ["adamw", "momentum", "amsgrad"])
def test_those_that_are_kept_go_on_as_they_were(name, rates):
    whole, part = (some_stack(name, lr=rates, weight_decay=0.1, fused=True) for _ in range(2))
    for number, grads in enumerate(gradients(8)):
        whole.step(grads)
        if number == 4:
            part.keep([3, 1])
        part.step(grads if number < 4 else [g[[3, 1]] for g in grads])
    for all_of_them, those in zip(whole.params, part.params, strict=True):
        torch.testing.assert_close(those, all_of_them[[3, 1]], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("rates", [0.1, [0.1, 0.2, 0.3, 0.4]])
@pytest.mark.parametrize("name", ["adamw", "nesterov", "radam"])
def test_a_state_goes_on_bit_for_bit(name, rates):
    whole, first = (some_stack(name, lr=rates, fused=True) for _ in range(2))
    steps = gradients(8)
    for grads in steps:
        whole.step(grads)
    for grads in steps[:5]:
        first.step(grads)
    second = Stacked(RULES[name], first.params, lr=rates, fused=True)
    second.load_state_dict(first.state_dict())
    for grads in steps[5:]:
        second.step(grads)
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(second.params, whole.params, strict=True))
