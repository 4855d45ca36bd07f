"""L1, L2, elastic net, max-norm: the three readings, when they coincide, and what the optimizers do."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor, nn

from ravine import optim
from ravine.core.errors import BadValue
from ravine.regularize import L1, L2, ElasticNet, MaxNorm, Penalty, max_norm, penalty_report, soft_threshold

PENALTIES: list[Penalty] = [L1(0.3), L2(0.2), ElasticNet(0.3, 0.1), ElasticNet(0.2)]
IDS = [repr(penalty) for penalty in PENALTIES]


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)).double()


def value(penalty: Penalty, w: float) -> float:
    return float(penalty.of(torch.tensor([w], dtype=torch.float64)))


def test_values_are_those_of_the_formulas():
    w = [0.5, -2.0, 3.0]
    tensor = torch.tensor(w, dtype=torch.float64)
    assert float(L1(0.3).of(tensor)) == pytest.approx(0.3 * 5.5)
    assert float(L2(0.2).of(tensor)) == pytest.approx(0.2 * 13.25)
    beta = 0.25
    net = ElasticNet(0.4, 0.4 * beta)
    assert float(net.of(tensor)) == pytest.approx(0.4 * sum(beta * x * x + abs(x) for x in w))
    assert ElasticNet(0.4).strengths == (0.4, 0.4)


@pytest.mark.parametrize("penalty", PENALTIES, ids=IDS)
def test_the_gradient_is_autograds(penalty):
    w = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    penalty.of(w).backward()
    torch.testing.assert_close(penalty.gradient(w.detach()), w.grad)
    assert penalty.gradient(torch.zeros(2)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("penalty", PENALTIES, ids=IDS)
@pytest.mark.parametrize("start", [-2.0, -0.05, 0.0, 0.02, 0.7])
def test_the_proximal_map_is_the_minimum_it_stands_for(penalty, start):
    lr = 0.5
    found = minimize_scalar(
        lambda w: value(penalty, w) + (w - start) ** 2 / (2 * lr), bounds=(-3, 3), options={"xatol": 1e-10}
    )
    mapped = penalty.proximal(torch.tensor([start], dtype=torch.float64), lr)
    assert float(mapped) == pytest.approx(found.x, abs=1e-6)


def test_soft_threshold_gives_exact_zeros_and_moves_the_rest():
    w = torch.linspace(-1, 1, 41)
    out = soft_threshold(w, 0.3)
    assert torch.equal(out == 0, w.abs() <= 0.3)
    moved = out != 0
    torch.testing.assert_close(out[moved], w[moved] - 0.3 * w[moved].sign())


def test_the_three_forms_on_a_network():
    penalty, model = L2(0.2), network()
    x, twin = torch.randn(5, 4).double(), copy.deepcopy(model)
    (model(x).square().sum() + penalty.penalty(model)).backward()
    twin(x).square().sum().backward()
    penalty.add_gradient(twin)
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad)
    fresh = network()
    penalty.add_gradient(fresh)
    torch.testing.assert_close(fresh[0].weight.grad, 0.4 * fresh[0].weight.detach())
    assert fresh[0].bias.grad is None
    before = fresh[0].weight.detach().clone()
    penalty.proximal_step(fresh, lr=0.5)
    torch.testing.assert_close(fresh[0].weight.detach(), before / 1.2)


def steps(make: Any, penalty: Penalty | None = None, number: int = 5) -> list[Tensor]:
    model = network()
    optimizer = make([model[0].weight, model[2].weight])
    torch.manual_seed(1)
    x = torch.randn(16, 4).double()
    for _ in range(number):
        optimizer.zero_grad()
        loss = (model(x) - 1).square().mean()
        if penalty is not None:
            loss = loss + penalty.penalty(model)
        loss.backward()
        optimizer.step()
    return [model[0].weight.detach(), model[2].weight.detach()]


def same(ours: list[Tensor], theirs: list[Tensor]) -> bool:
    return all(torch.allclose(p, q, rtol=1e-9, atol=1e-12) for p, q in zip(ours, theirs, strict=True))


def test_l2_in_the_loss_is_torchs_weight_decay_of_twice_the_strength():
    penalty = L2(0.05)
    for kind in (torch.optim.SGD, torch.optim.Adam):
        in_loss = steps(lambda p, k=kind: k(p, lr=0.1), penalty)
        assert same(in_loss, steps(lambda p, k=kind: k(p, lr=0.1, weight_decay=0.1)))


def test_coupled_and_decoupled_are_one_for_sgd_and_two_for_adam_and_momentum():
    coupled, decoupled = L2(0.05).for_optimizer(), L2(0.05, decoupled=True).for_optimizer()
    assert coupled["weight_decay"] == 0.1
    sgd = [steps(lambda p, d=d: optim.SGD(p, lr=0.1, **d)) for d in (coupled, decoupled)]
    assert same(*sgd)
    assert same(sgd[0], steps(lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.1)))
    adam = [steps(lambda p, d=d: optim.Adam(p, lr=0.1, **d)) for d in (coupled, decoupled)]
    assert not same(*adam)
    assert same(adam[0], steps(lambda p: torch.optim.Adam(p, lr=0.1, weight_decay=0.1)))
    assert same(adam[1], steps(lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.1)))
    heavy = [steps(lambda p, d=d: optim.SGD(p, lr=0.1, momentum=0.9, **d)) for d in (coupled, decoupled)]
    assert not same(*heavy)


@pytest.mark.parametrize("lr", [1e-1, 1e-2])
def test_l2s_proximal_step_is_decoupled_decay_up_to_the_square_of_the_rate(lr):
    w = torch.randn(100, dtype=torch.float64)
    gap = (L2(0.5).proximal(w, lr) - (1 - lr) * w).abs().max()
    assert 0 < gap <= w.abs().max() * lr**2


def test_l1_in_the_loss_is_the_optimizers_subgradient_and_proximal_gives_zeros():
    penalty = L1(0.05)
    in_loss = steps(lambda p: torch.optim.SGD(p, lr=0.1), penalty)
    asked = L1(0.05, proximal_form=False).for_optimizer()
    assert same(in_loss, steps(lambda p: optim.SGD(p, lr=0.1, **asked)))
    model = network()
    weights = [model[0].weight, model[2].weight]
    torch.manual_seed(1)
    x = torch.randn(16, 4).double()
    optimizer = torch.optim.SGD(weights, lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        (model(x) - 1).square().mean().backward()
        optimizer.step()
        penalty.proximal_step(model, lr=0.1)
    assert same(
        [w.detach() for w in weights], steps(lambda p: optim.SGD(p, lr=0.1, **penalty.for_optimizer()), None, 100)
    )
    assert any((w == 0).any() for w in weights)
    assert not any((w == 0).any() for w in steps(lambda p: torch.optim.SGD(p, lr=0.1), penalty, 100))


def test_the_elastic_net_for_the_optimizer():
    net = ElasticNet(0.05, 0.02)
    ours = steps(lambda p: optim.SGD(p, lr=0.1, **net.for_optimizer()))
    model = network()
    weights = [model[0].weight, model[2].weight]
    torch.manual_seed(1)
    x = torch.randn(16, 4).double()
    optimizer = torch.optim.SGD(weights, lr=0.1, weight_decay=0.04)
    for _ in range(5):
        optimizer.zero_grad()
        (model(x) - 1).square().mean().backward()
        optimizer.step()
        L1(0.05).proximal_step(model, lr=0.1)
    assert same(ours, [w.detach() for w in weights])


def test_which_parameters():
    model = network()
    assert [name for name, _ in L1(1.0).chosen(model)] == ["0.weight", "2.weight"]
    assert [name for name, _ in L1(1.0, where="*").chosen(model)] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert [name for name, _ in L1(1.0, where="2.*, 0.bias").chosen(model)] == ["0.bias", "2.weight", "2.bias"]
    assert [name for name, _ in L1(1.0, where="0.*").chosen(model.named_parameters())] == ["0.weight", "0.bias"]
    assert len(L1(1.0).chosen(model.parameters())) == 4
    tied = nn.Sequential(model[0], model[0])
    assert len(L1(1.0).chosen(tied)) == 1


def test_max_norm_is_the_nearest_point_inside_and_what_the_optimizers_do():
    torch.manual_seed(0)
    weight = torch.randn(20, 6, dtype=torch.float64)
    inside = max_norm(weight, 2.0)
    norms = inside.norm(dim=1)
    small = weight.norm(dim=1) <= 2
    assert (norms <= 2 + 1e-12).all()
    assert torch.equal(inside[small], weight[small])
    torch.testing.assert_close(norms[~small], torch.full_like(norms[~small], 2.0))
    torch.testing.assert_close(max_norm(inside, 2.0), inside)
    p = nn.Parameter(weight.clone())
    p.grad = torch.zeros_like(p)
    optim.SGD([p], lr=0.1, **MaxNorm(2.0).for_optimizer()).step()
    torch.testing.assert_close(p.detach(), inside)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(6, 20).double())
    with torch.no_grad():
        model[1].weight.copy_(weight)
        model[0].weight.fill_(10.0)
    MaxNorm(2.0).project(model)
    torch.testing.assert_close(model[1].weight.detach(), inside)
    torch.testing.assert_close(model[0].weight.flatten(1).norm(dim=1), torch.full((4,), 2.0))


def test_the_report():
    model = network()
    with torch.no_grad():
        model[0].weight[:2] = 0.0
    report = penalty_report(model, L1(0.1), L2(0.2, where="2.*"))
    rows = {row.name: row for row in report.tensors}
    first = rows["0.weight"]
    assert list(rows) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert first.shape == (8, 4)
    assert first.l1 == pytest.approx(float(torch.linalg.vector_norm(model[0].weight.detach(), 1)))
    assert first.l2 == pytest.approx(float(torch.linalg.matrix_norm(model[0].weight.detach())))
    assert first.zeros == 0.25
    assert first.largest_unit == pytest.approx(max(float(row.norm()) for row in model[0].weight.detach()))
    assert rows["0.bias"].largest_unit is None
    assert first.penalties == {"l1": pytest.approx(0.1 * first.l1)}
    assert set(rows["2.bias"].penalties) == {"l2"}
    assert report.penalties["l1"] == pytest.approx(float(L1(0.1).penalty(model).detach()))
    assert report.penalties["l2"] == pytest.approx(float(L2(0.2, where="2.*").penalty(model).detach()))
    assert report.zeros == pytest.approx(8 / 58)
    lines = str(report).splitlines()
    assert lines[0].split() == ["parameter", "shape", "L1", "L2", "zeros", "largest", "unit", "l1", "l2"]
    assert len(lines) == 6
    assert lines[1].startswith("0.weight")
    assert "25.0%" in lines[1]
    assert str(penalty_report(model)).splitlines()[0].endswith("largest unit")


@pytest.mark.parametrize("make", [L1, L2, ElasticNet])
def test_strengths_below_0_are_refused(make):
    with pytest.raises(BadValue, match="must be at least 0; got -1"):
        make(-1)


def test_other_refusals():
    with pytest.raises(BadValue, match="max-norm: c must be above 0; got 0"):
        MaxNorm(0)
    with pytest.raises(BadValue, match=r"l1: parameters must be a network or several tensors; got 'one tensor'"):
        L1(1.0).penalty(torch.ones(2))
    with pytest.raises(BadValue, match=r"l1: no parameter is called 'haed\.\*'"):
        L1(1.0, where="haed.*").penalty(network())
    with pytest.raises(BadValue, match=r"l1: where='\*' needs names"):
        L1(1.0, where="*").penalty(network().parameters())
    with pytest.raises(BadValue, match=r"l1: there are no parameters to act on\. Name them: where='\*'\."):
        L1(1.0).penalty(nn.LayerNorm(3))
    with pytest.raises(BadValue, match="l1: parameters must be tensors; got 'float'"):
        L1(1.0).penalty([0.5])  # type: ignore[list-item]
    with pytest.raises(BadValue, match=r"max-norm: parameter '0.bias' of shape \(8,\) has no units"):
        MaxNorm(1.0, where="*").project(network())
    with pytest.raises(BadValue, match="penalty_report: a penalty of each kind at most; got l1, l1"):
        penalty_report(network(), L1(0.1), L1(0.2))
    with pytest.raises(BadValue, match="penalty_report: MaxNorm is no penalty"):
        penalty_report(network(), MaxNorm(1.0))  # type: ignore[arg-type]
