"""A member of a stack trains as it would alone."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from ravine.core.errors import BadData, BadValue, RavineError
from ravine.data.batches import row_order
from ravine.optim import build, param_groups
from ravine.optim.stacked import Stacked
from ravine.population import Population
from ravine.population.capture import capture, may_be_captured

MEMBERS, ROWS, EPOCHS, BATCH = 3, 50, 3, 16


def mlp(seed: int = 0, dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 3)
    )
    return net.double()


def convnet(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, groups=2), nn.GroupNorm(2, 6), nn.Tanh(), nn.Flatten(), nn.Linear(6, 3),
    )  # fmt: skip
    return net.double()


def rows_for(make):
    generator = torch.Generator().manual_seed(1)
    shape = (1, 6, 6) if make is convnet else (5,)
    return torch.randn(ROWS, *shape, generator=generator, dtype=torch.float64), torch.randint(
        3, (ROWS,), generator=generator
    )


def alone(net, x, y, seed, *, lr, weight_decay, clip=None, schedule=lambda step: 1.0, momentum=0.9, order_seed=None):
    """The same training by torch's own optimizer and a bare loop."""
    decayed = [p for p in net.parameters() if p.ndim > 1]
    spared = [p for p in net.parameters() if p.ndim == 1]
    optimizer = torch.optim.SGD(
        [{"params": decayed, "weight_decay": weight_decay}, {"params": spared, "weight_decay": 0.0}],
        lr=lr, momentum=momentum,
    )  # fmt: skip
    net.train()
    step = 0
    for epoch in range(EPOCHS):
        order = row_order(len(y), "shuffle", seed if order_seed is None else order_seed, epoch)
        for first in range(0, len(y), BATCH):
            places = order[first : first + BATCH]
            for group in optimizer.param_groups:
                group["lr"] = lr * schedule(step)
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[places]), y[places]).backward()
            if clip is not None:
                nn.utils.clip_grad_norm_(net.parameters(), clip)
            optimizer.step()
            step += 1
    return net.state_dict()


def agree(found, expected, rtol=1e-9, atol=1e-11):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=rtol, atol=atol, msg=lambda text, n=name: f"{n}: {text}")


@pytest.mark.parametrize("make", [mlp, convnet])
@pytest.mark.parametrize("rows", ["own", "shared"])
@pytest.mark.parametrize("together", [True, False])
def test_members_train_as_they_would_alone(make, rows, together):
    x, y = rows_for(make)
    rates, decays = [0.02, 0.05, 0.1], [0.0, 0.01, 0.1]
    shared = {"clip": 0.5, "schedule": lambda step: 1 / (1 + 0.1 * step)}
    crowd = Population(
        [make(seed) for seed in range(MEMBERS)],
        optimizer="sgd",
        momentum=0.9,
        lr=rates,
        weight_decay=decays,
        schedule=shared["schedule"],
        clip_norm=shared["clip"],
        epochs=EPOCHS,
        batch_size=BATCH,
        rows=rows,
        together=together,
    )
    crowd.fit((x, y))
    assert crowd.together is together
    for member in range(MEMBERS):
        expected = alone(
            make(member), x, y, member, lr=rates[member], weight_decay=decays[member],
            order_seed=None if rows == "own" else 0, **shared,
        )  # fmt: skip
        agree(crowd.stack.member(member, crowd.stack.tensors), expected)


def test_members_that_agree_take_torchs_fused_step_and_train_the_same(monkeypatch):
    x, y = rows_for(mlp)
    own = Stacked._step_fused
    taken = []
    monkeypatch.setattr(Stacked, "_step_fused", lambda *given: taken.append(own(*given)) or taken[-1])
    crowd = Population([mlp(s) for s in range(MEMBERS)], optimizer="sgd", momentum=0.8, lr=0.05, weight_decay=0.02,
                       epochs=EPOCHS, batch_size=BATCH)  # fmt: skip
    crowd.fit((x, y))
    assert taken
    assert all(taken)
    for member in range(MEMBERS):
        expected = alone(mlp(member), x, y, member, lr=0.05, weight_decay=0.02, momentum=0.8)
        agree(crowd.stack.member(member, crowd.stack.tensors), expected)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop", "lion", "nadam"])
@pytest.mark.parametrize("lr", [0.01, [0.01, 0.02]])
def test_an_optimizer_means_what_its_name_means(name, lr):
    """Decay in the form of the optimizer, on weights and not on biases and norms; the values its class has."""
    x, y = torch.randn(64, 5, dtype=torch.float64), torch.randint(3, (64,))

    def make(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.LayerNorm(8), nn.Linear(8, 3)).double()

    crowd = Population(make, number=2, optimizer=name, lr=lr, weight_decay=0.1, epochs=12, batch_size=64,
                       order="sequential")  # fmt: skip
    crowd.fit((x, y))
    for member, rate in enumerate([lr, lr] if isinstance(lr, float) else lr):
        net = make(member)
        optimizer = build(name, param_groups(net, weight_decay=0.1), lr=rate)
        for _ in range(12):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x), y).backward()
            optimizer.step()
        agree(crowd.stack.member(member, crowd.stack.tensors), net.state_dict(), rtol=1e-6, atol=1e-8)


def test_a_recorded_step_is_the_step_bit_for_bit(monkeypatch):
    """Dropout and batch norm included; recording draws nothing and writes nothing."""
    from ravine.population import engine

    x, y = rows_for(mlp)
    recorded_steps = []

    def counted(*given):
        recorded_steps.append(capture(*given))
        return recorded_steps[-1]

    monkeypatch.setattr(engine, "capture", counted)

    def train(after: int):
        monkeypatch.setattr(engine, "CAPTURED_AFTER", after)
        crowd = Population([mlp(s, 0.3) for s in range(MEMBERS)], epochs=4, batch_size=BATCH, lr=0.01)
        crowd.fit((x, y))
        return [crowd.weights(member) for member in range(MEMBERS)]

    plain = train(10**9)
    assert not recorded_steps
    for one, other in zip(plain, train(0), strict=True):
        agree(other, one, rtol=0, atol=0)
    assert recorded_steps
    assert None not in recorded_steps


def test_recording_leaves_generators_and_tensors_alone():
    weights = torch.ones(4)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    step = capture(lambda w, b: [w.bernoulli(0.5), b.add_(1)], [weights, torch.zeros(2)])
    assert step is not None
    assert torch.equal(torch.get_rng_state(), before)
    draws = {tuple(step(torch.full((8,), 0.5), torch.zeros(2))[0].tolist()) for _ in range(20)}
    assert len(draws) > 10  # drawn anew at each call
    counter = torch.zeros(2)
    step(weights, counter)
    assert counter.tolist() == [1, 1]


def test_somebody_elses_forward_is_not_recorded():
    class Own(nn.Module):
        def forward(self, x):
            return x

    assert may_be_captured(mlp())
    assert not may_be_captured(nn.Sequential(mlp(), Own()))
    hooked = mlp()
    hooked[0].register_forward_hook(lambda *_: None)
    assert not may_be_captured(hooked)


def test_dropout_differs_between_members():
    net = nn.Sequential(nn.Dropout(0.5), nn.Linear(200, 2))
    crowd = Population([net, net], epochs=1, batch_size=4, rows="shared", lr=0.1, optimizer="sgd", weight_decay=0.0)
    crowd.fit((torch.ones(4, 200), torch.tensor([0, 1, 0, 1])))
    first, second = (crowd.weights(member)["1.weight"] for member in range(2))
    assert not torch.equal(first, second)


def test_each_member_stops_and_keeps_its_best_by_itself():
    x, y = rows_for(mlp)
    val = rows_for(mlp)[0][:20], y[:20].roll(1)  # labels that fit nothing: every member soon gets worse
    rates = [1e-6, 0.05, 0.3]
    crowd = Population([mlp(s) for s in range(3)], lr=rates, epochs=40, batch_size=BATCH, patience=3, optimizer="sgd",
                       momentum=0.9)  # fmt: skip
    outcomes = crowd.fit((x, y), val)
    assert len({outcome.epochs for outcome in outcomes}) > 1
    for member, outcome in enumerate(outcomes):
        losses = [row["val_loss"][member] for row in crowd.rows_seen]
        seen = losses[: outcome.epochs]
        assert outcome.best == min(seen)
        assert outcome.best_epoch == seen.index(min(seen)) + 1
        assert all(loss != loss for loss in losses[outcome.epochs :])
        if "patience" in outcome.stopped_by:
            assert outcome.epochs == outcome.best_epoch + 3
        again = nn.functional.cross_entropy(crowd.outputs(val[0])[member], val[1])
        torch.testing.assert_close(float(again), outcome.best, rtol=1e-6, atol=0)  # judged in float32


def test_those_that_stay_are_not_disturbed_by_those_that_leave():
    """A member whose loss breaks goes; the others end as if it had never been."""
    x, y = rows_for(mlp)
    # not Adam: a bias before batch norm has no gradient but rounding, which Adam would make large
    make = {"optimizer": "sgd", "momentum": 0.9, "epochs": 5, "batch_size": BATCH, "average": 0.9}
    bad = mlp(9)
    with torch.no_grad():
        bad[0].weight.fill_(float("nan"))
    crowd = Population([mlp(0), bad, mlp(2)], seeds=[0, 1, 2], lr=[0.01, 0.1, 0.02], **make)
    outcomes = crowd.fit((x, y))
    assert "nan" in outcomes[1].stopped_by
    assert outcomes[1].epochs == 1
    pair = Population([mlp(0), mlp(2)], seeds=[0, 2], lr=[0.01, 0.02], **make)
    pair.fit((x, y))
    for member, other in ((0, 0), (2, 1)):
        agree(crowd.weights(member), pair.weights(other))


def test_the_average_is_that_of_the_closed_form():
    x, y = rows_for(mlp)
    seen = []
    crowd = Population([nn.Linear(5, 3).double() for _ in range(2)], epochs=2, batch_size=ROWS, average=0.9, lr=0.1)
    start = {name: value.clone() for name, value in crowd.stack.parameters.items()}
    crowd.fit((x, y), look=lambda c: seen.append({n: v.clone() for n, v in c.stack.parameters.items()}) and None)
    expected = start
    for step, now in enumerate(seen, start=1):
        decay = min(0.9, (1 + step) / (10 + step))
        expected = {name: decay * expected[name] + (1 - decay) * now[name] for name in now}
    for name, value in expected.items():
        torch.testing.assert_close(crowd.average.values[name], value, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("stop_at", [1, 3, 6, 9])
def test_resumed_at_any_step_it_ends_the_same(stop_at, monkeypatch):
    from ravine.population import population as module

    monkeypatch.setattr(module, "LOOK_SECONDS", 0.0)
    x, y = rows_for(mlp)

    def make() -> Population:
        return Population([mlp(s, 0.2) for s in range(3)], lr=[0.01, 0.02, 1.0], epochs=3, batch_size=BATCH,
                          average=0.9, patience=1, optimizer="adamw")  # fmt: skip

    whole = make()
    whole.fit((x, y), (x, y))
    first = make()
    first.fit((x, y), (x, y), look=lambda crowd: crowd.step >= stop_at)
    state = copy.deepcopy(first.state_dict())
    second = make()
    second.load_state_dict(state)
    torch.manual_seed(99)
    second.fit((x, y), (x, y))
    assert second.step == whole.step
    for member in range(3):
        agree(second.weights(member), whole.weights(member), rtol=0, atol=0)
    assert str(second.rows_seen) == str(whole.rows_seen)


def test_training_leaves_torchs_generator_where_it_was():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    crowd = Population(lambda seed: nn.Linear(5, 3).double(), number=2, epochs=1)
    crowd.fit(rows_for(mlp))
    assert torch.equal(torch.get_rng_state(), before)


def test_networks_that_vmap_cannot_run_go_one_by_one_and_say_so():
    class Branching(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(5, 3)

        def forward(self, x):
            out = self.layer(x)
            return out if out.sum().item() > 0 else -out

    crowd = Population([Branching().double() for _ in range(2)], epochs=1)
    crowd.fit(rows_for(mlp))
    assert crowd.together is False
    assert "item" in crowd.reason


def test_processors_run_convolutions_one_by_one():
    crowd = Population([convnet(s) for s in range(2)], epochs=1)
    crowd.fit(rows_for(convnet))
    assert crowd.together is False
    assert "convolutions" in crowd.reason


def test_frozen_and_tied_parameters():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.head = nn.Linear(5, 5), nn.Linear(5, 5), nn.Linear(5, 3)
            self.second.weight = self.first.weight
            self.head.weight.requires_grad_(False)

        def forward(self, x):
            return self.head(self.second(self.first(x).relu()))

    members = [Tied().double() for _ in range(2)]
    crowd = Population(members, epochs=2, batch_size=BATCH, lr=0.1)
    crowd.fit(rows_for(mlp))
    for number, member in enumerate(members):
        weights = crowd.weights(number)
        assert torch.equal(weights["head.weight"], member.head.weight)
        assert torch.equal(weights["first.weight"], weights["second.weight"])
        assert not torch.equal(weights["first.weight"], member.first.weight)
        member.load_state_dict(weights)


@pytest.mark.parametrize(
    ("members", "more", "words"),
    [
        ([], {}, "at least one member"),
        ([nn.Linear(2, 2), nn.Linear(3, 2)], {}, "of one architecture; member 2 differs"),
        ([nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2))], {}, "of one architecture"),
        (nn.Linear(2, 2), {}, "be networks"),
        (lambda seed: nn.Linear(2, 2), {}, "number must say how many"),
        ([nn.Linear(2, 2)] * 2, {"lr": [0.1, 0.2, 0.3]}, "lr must be one number, or 2"),
        ([nn.Linear(2, 2)] * 2, {"optimizer": "lamb"}, "sees whole tensors"),
        ([nn.Linear(2, 2)] * 2, {"optimizer": "schedule_free"}, "answers at another point"),
        ([nn.Linear(2, 2)] * 2, {"seeds": [1]}, "seeds must be 2"),
        ([nn.Linear(2, 2)] * 2, {"momentun": 0.9}, "no hyperparameter 'momentun'"),
        ([nn.Linear(2, 2)] * 2, {"epochs": 0}, "epochs must be above 0"),
    ],
)
def test_bad_requests(members, more, words):
    with pytest.raises(BadValue, match=words):
        Population(members, **more)


def test_data_must_be_in_memory():
    with pytest.raises(BadData, match="tensors in memory"):
        Population([nn.Linear(2, 2)]).fit([1, 2, 3])
    with pytest.raises(RavineError, match="own, shared"):
        Population([nn.Linear(2, 2)], rows="none").fit((torch.ones(2, 2), torch.zeros(2, dtype=torch.int64)))
