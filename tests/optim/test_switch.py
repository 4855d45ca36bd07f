"""From one optimizer to another: SWATS against its twin, rates, schedules, states."""

from __future__ import annotations

import copy
import importlib.util
import io
import math
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from ravine.core.errors import RavineError
from ravine.optim import SGD, Adam, Newton, Plateau, Swats, SwitchTo

BIG = [(3, 4), (4,), (), (0,)]


def twin_of_swats():
    path = Path(__file__).parent.parent / "reference" / "switch.py"
    spec = importlib.util.spec_from_file_location("reference_switch", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Swats


Twin = twin_of_swats()


def gradient(w, step, noise=0.1):
    """Of a bowl, with noise that depends on the step alone."""
    rng = np.random.default_rng(step)
    return np.linspace(0.5, 4.0, w.size) * w + noise * rng.standard_normal(w.size)


def set_gradients(params, step, noise=0.1):
    flat = torch.cat([p.detach().reshape(-1) for p in params]).numpy()
    g = torch.from_numpy(gradient(flat, step, noise))
    for p, part in zip(params, g.split([p.numel() for p in params]), strict=True):
        p.grad = part.reshape(p.shape).clone()


def make_params(shapes=BIG):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in shapes]


def walk(optimizer, steps, start=0, scheduler=None, noise=0.1):
    params = [p for group in optimizer.param_groups for p in group["params"]]
    for step in range(start, start + steps):
        set_gradients(params, step, noise)
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
    return torch.cat([p.detach().reshape(-1) for p in params])


@pytest.mark.parametrize("library", ["ours", "torch"])
@pytest.mark.parametrize("tolerance", [1e-4, 1e-5, 1e-9])
@pytest.mark.parametrize("decay", [1.0, 0.999])
def test_swats_is_its_algorithm(library, tolerance, decay):
    adam, sgd = (Adam, SGD) if library == "ours" else (torch.optim.Adam, torch.optim.SGD)
    params = make_params()
    twin = Twin(torch.cat([p.detach().reshape(-1) for p in params]).numpy(), alpha=3e-3, eps=1e-30, tolerance=tolerance)
    optimizer = SwitchTo(
        adam(params, lr=3e-3, eps=1e-30), sgd(params, lr=9.9, momentum=0.9), at=Swats(tolerance=tolerance)
    )
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, decay)
    since = None
    for step in range(1000):
        factor = decay**step
        if twin.phase == "SGD":
            since = step if since is None else since
            factor = decay ** (step - since + 1)
        set_gradients(params, step)
        twin.step(gradient(twin.w, step), factor)
        optimizer.step()
        scheduler.step()
        assert optimizer.switched_at == twin.switched_at
    found = torch.cat([p.detach().reshape(-1) for p in params]).numpy()
    np.testing.assert_allclose(found, twin.w, rtol=1e-11, atol=1e-13)
    assert (twin.phase == "SGD") == (tolerance > 1e-9)


def test_the_switch_is_where_the_twins_is():
    """A sanity check of the test above: the switches lie in the middle of its runs."""
    ends = []
    for tolerance in (1e-4, 1e-5):
        twin = Twin(torch.cat([p.detach().reshape(-1) for p in make_params()]).numpy(), 3e-3, tolerance=tolerance)
        for step in range(1000):
            twin.step(gradient(twin.w, step))
        ends.append(twin.switched_at)
    assert all(1 < end < 900 for end in ends)
    assert ends[0] < ends[1]


def test_after_a_step_it_goes_on_as_the_second_alone():
    params, twins = make_params(), make_params()
    optimizer = SwitchTo(Adam(params, lr=0.01), SGD(params, lr=0.1, momentum=0.9, nesterov=True), at=7)
    walk(optimizer, 20)
    walk(torch.optim.Adam(twins, lr=0.01), 7)
    walk(torch.optim.SGD(twins, lr=0.1, momentum=0.9, nesterov=True), 13, start=7)
    assert optimizer.switched_at == 7
    torch.testing.assert_close(params, twins, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    "schedule",
    [
        lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda t: min(1.0, (t + 1) / 5) / (1 + 0.1 * t)),
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 20),
        lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [5, 12], 0.1),
        lambda o: torch.optim.lr_scheduler.OneCycleLR(o, max_lr=[0.01, 0.02], total_steps=30, cycle_momentum=False),
    ],
)
@pytest.mark.parametrize("way", ["own", "projected"])
def test_a_schedule_carries_over(schedule, way):
    """At every step after the switch the second's rate is in the same proportion to the scheduled one."""
    params = make_params()
    first = Adam([{"params": params[:1], "lr": 0.01}, {"params": params[1:], "lr": 0.02}])
    then = SGD([{"params": params[:1], "lr": 0.5}, {"params": params[1:], "lr": 0.25}], momentum=0.9)
    optimizer = SwitchTo(first, then, at=9, rate=way)
    scheduler = schedule(optimizer)
    walk(optimizer, 8, scheduler=scheduler)
    walk(optimizer, 1, start=8)
    largest = optimizer.param_groups[1]["lr"]
    projected = optimizer.state_dict()["memory"].get("rate", 0.0) * (1 - 0.9) / largest
    proportion = [0.5 / 0.01, 0.25 / 0.02] if way == "own" else [projected, projected]
    scheduler.step()
    for step in range(9, 20):
        walk(optimizer, 1, start=step)
        scheduled = [group["lr"] * factor for group, factor in zip(optimizer.param_groups, proportion, strict=True)]
        assert [group["lr"] for group in then.param_groups] == pytest.approx(scheduled, rel=1e-12)
        scheduler.step()


def test_the_projected_rate_of_sgd_is_found_again():
    """SGD in the place of Adam: what its steps stand for is its own rate, whatever the groups' proportion."""
    params = make_params()
    groups = [{"params": params[:1], "lr": 0.01}, {"params": params[1:], "lr": 0.03}]
    other = [{"params": params[:1]}, {"params": params[1:]}]
    optimizer = SwitchTo(SGD(groups), SGD(other, lr=7.0), rate="projected")
    walk(optimizer, 5)
    assert optimizer.state_dict()["memory"]["rate"] == pytest.approx(0.03)
    optimizer.switch()
    assert [group["lr"] for group in optimizer.then.param_groups] == pytest.approx([0.01, 0.03])


def test_maximizing_is_not_uphill():
    params = make_params()
    optimizer = SwitchTo(Adam(params, maximize=True), SGD(params, maximize=True, momentum=0.9), at=3, rate="projected")
    walk(optimizer, 3)
    assert optimizer.switched_at == 3
    assert optimizer.state_dict()["memory"]["rate"] > 0


def test_a_plateau_is_losses_no_better_than_the_best():
    params = make_params()
    optimizer = SwitchTo(Adam(params), SGD(params, lr=0.1), at=Plateau(patience=2, threshold=0.01))
    seen = []
    for value in (3.0, 2.0, 1.99, 1.5, math.nan, 1.6, 1.499, 1.0):
        walk(optimizer, 1)
        optimizer.observe(torch.tensor(value))
        seen.append(optimizer.switched_at)
    assert seen == [None] * 6 + [7, 7]


def test_losses_below_zero_can_fall_too():
    params = make_params()
    optimizer = SwitchTo(Adam(params), SGD(params, lr=0.1), at=Plateau(patience=0))
    for value in (-1.0, -2.0, -3.0):
        optimizer.observe(value)
    assert optimizer.switched_at is None
    optimizer.observe(-3.0)
    assert optimizer.switched_at == 0


def test_switching_by_hand_and_once():
    params = make_params()
    optimizer = SwitchTo(Adam(params), SGD(params, lr=0.1))
    walk(optimizer, 4)
    assert optimizer.active is optimizer.first
    optimizer.switch()
    walk(optimizer, 2)
    optimizer.switch()
    assert (optimizer.switched_at, optimizer.steps) == (4, 6)
    assert optimizer.active is optimizer.then


def test_the_first_ones_state_is_freed():
    params = make_params()
    for adam in (Adam, torch.optim.Adam):
        optimizer = SwitchTo(adam(params), SGD(params, lr=0.1), at=2)
        walk(optimizer, 3)
        assert not optimizer.first.state_dict()["state"]


KINDS = {
    "step": {"at": 9},
    "swats": {"at": Swats(tolerance=1e-4)},
    "plateau": {"at": Plateau(patience=6), "rate": "projected"},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("saved_after", [4, 9, 300])
@pytest.mark.parametrize("way", ["state_dict", "deepcopy", "pickle"])
def test_a_restored_run_goes_on_bit_for_bit(kind, saved_after, way):
    def build(params):
        return SwitchTo(Adam(params, lr=3e-3), SGD(params, lr=0.01, momentum=0.9), **KINDS[kind])

    def go_on(optimizer, steps, start):
        for step in range(start, start + steps):
            found = walk(optimizer, 1, start=step)
            optimizer.observe(1.0)
        return found

    whole = build(make_params())
    at = go_on(whole, saved_after, 0)
    if way == "state_dict":
        buffer = io.BytesIO()
        torch.save(whole.state_dict(), buffer)
        buffer.seek(0)
        params = make_params()
        with torch.no_grad():
            for p, part in zip(params, at.split([p.numel() for p in params]), strict=True):
                p.copy_(part.view(p.shape))
        other = build(params)
        other.load_state_dict(torch.load(buffer, weights_only=True))
    else:
        other = copy.deepcopy(whole) if way == "deepcopy" else pickle.loads(pickle.dumps(whole))
    assert torch.equal(go_on(whole, 40, saved_after), go_on(other, 40, saved_after))
    assert (other.switched_at, other.steps) == (whole.switched_at, whole.steps)
    assert other.switched_at is not None or kind == "swats"


def test_parameters_can_join():
    params = make_params()
    late = torch.ones(3, dtype=torch.float64, requires_grad=True)
    optimizer = SwitchTo(Adam(params, lr=0.01), SGD(params, lr=0.1), at=3)
    walk(optimizer, 2)
    optimizer.add_param_group({"params": [late], "lr": 0.02})
    walk(optimizer, 3, start=2)
    assert [group["lr"] for group in optimizer.then.param_groups] == pytest.approx([0.1, 0.1])
    assert not torch.equal(late.detach(), torch.ones(3, dtype=torch.float64))


def test_closures_and_the_gradient_scaler_reach_the_active_one():
    p = torch.ones(3, requires_grad=True)
    optimizer = SwitchTo(Adam([p], lr=0.01), SGD([p], lr=0.1), at=2)

    def closure():
        optimizer.zero_grad()
        loss = p.square().sum()
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(4)]
    assert losses == sorted(losses, reverse=True)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    kept = p.detach().clone()
    for factor, moves in ((math.inf, False), (1.0, True)):
        optimizer.zero_grad()
        scaler.scale((p * factor).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        assert torch.equal(p.detach(), kept) is not moves
    assert optimizer.steps == 5


P = [torch.zeros(2, requires_grad=True)]
Q = [torch.zeros(2, requires_grad=True)]


def shared():
    groups = [{"params": P}]
    return SwitchTo(torch.optim.Adam(groups), torch.optim.SGD(groups))


def uphill():
    params = make_params()
    optimizer = SwitchTo(Adam(params), SGD(params, lr=0.1), rate="projected")
    optimizer.switch()


REFUSED = [
    (lambda: SwitchTo(P, SGD(P)), "switch_to: first must be an optimizer; got 'list'."),
    (lambda: SwitchTo(Adam(P), SGD(Q)), "must have the same parameters in the same groups; got groups of [1] and [1]."),
    (lambda: SwitchTo(Adam(P), SGD(P), at=0), "switch_to: at must be a whole number of at least 1; got 0."),
    (lambda: SwitchTo(Adam(P), SGD(P), at=True), "switch_to: at must be a whole number of at least 1; got True."),
    (lambda: SwitchTo(Adam(P), SGD(P), at="soon"), "switch_to: at must be a step, 'plateau', 'swats', Plateau(...)"),
    (lambda: SwitchTo(Adam(P), Adam(P), at="swats"), "switch_to: then must be SGD, for which the rate is projected"),
    (lambda: SwitchTo(Adam(P), SGD(P), rate="same"), "switch_to: rate must be 'own', 'projected' or None"),
    (lambda: SwitchTo(Adam(P, lr=0.0), SGD(P)), "switch_to: lr of first must be above 0; got 0.0."),
    (lambda: SwitchTo(Adam(P), Newton(P)), "switch_to: then, Newton, must have a learning rate to carry over"),
    (lambda: Plateau(patience=-1), "plateau: patience must be a whole number of at least 0; got -1."),
    (lambda: Swats(tolerance=-1.0), "swats: tolerance must be at least 0; got -1.0."),
    (lambda: SwitchTo(Adam(P), SGD(P)).load_state_dict(Adam(P).state_dict()), "switch_to: a state_dict has factors"),
    (shared, "switch_to: first and then share their groups"),
    (uphill, "switch_to: the steps so far do not go down the gradient"),
]


@pytest.mark.parametrize(("make", "words"), REFUSED)
def test_bad_requests_are_refused_in_words(make, words):
    with pytest.raises(RavineError) as caught:
        make()
    assert words in str(caught.value)
