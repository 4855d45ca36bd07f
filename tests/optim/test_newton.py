"""Newton's method: closed forms, its order, saddle points, and what it says."""

from __future__ import annotations

import copy
import io
import itertools
import math
import pickle

import pytest
import scipy.optimize
import torch
from torch import nn

from made.standard_functions import FUNCTIONS, beale, dixon_price, logistic, quadratic, rosenbrock
from ravine.core.errors import RavineError
from ravine.optim import BFGS, Newton
from ravine.optim.newton_cg import Products
from ravine.optim.newton_region import Dense

METHODS = pytest.mark.parametrize("method", ["exact", "cg"])


def start(*values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype, requires_grad=True)


def saddle(p):
    return p[0] ** 2 - p[1] ** 2 + p[1] ** 4


def monkey_saddle(p):
    return p[0] ** 3 - 3 * p[0] * p[1] ** 2 + (p**4).sum()


def descend(optimizer, function, p, most=300):
    """Losses and notes until it has converged."""
    losses, notes = [], []
    for _ in range(most):
        losses.append(optimizer.step(lambda: function(p)).item())
        notes.append(optimizer.note)
        if optimizer.converged:
            break
    return losses, notes


def test_a_quadratic_takes_one_step_to_its_closed_form():
    p = start(*[1.0] * 20)
    optimizer = Newton([p])
    optimizer.step(lambda: quadratic(p))
    hessian = torch.autograd.functional.hessian(quadratic, p.detach())
    torch.testing.assert_close(p.detach(), torch.linalg.solve(hessian, torch.ones(20).double()), rtol=1e-10, atol=0)
    assert optimizer.note == "positive definite"


def test_least_squares_takes_one_step_also_without_full_rank():
    """Among all solutions the one nearest to the start, as the pseudo-inverse gives it from 0."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(5, 8, dtype=torch.float64, generator=generator)
    y = torch.randn(5, dtype=torch.float64, generator=generator)
    w = torch.zeros(8, dtype=torch.float64, requires_grad=True)
    optimizer = Newton([w])
    optimizer.step(lambda: (x @ w - y).square().sum())
    torch.testing.assert_close(w.detach(), torch.linalg.pinv(x) @ y, rtol=1e-9, atol=1e-12)
    assert optimizer.note.startswith("singular: smallest eigenvalue")


@METHODS
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.name)
def test_minima_are_reached(function, method):
    p = function.first()
    optimizer = Newton([p], method=method)
    losses, _ = descend(optimizer, function.of, p)
    assert optimizer.converged
    assert all(b <= a + 1e-12 * abs(a) for a, b in itertools.pairwise(losses))
    found = scipy.optimize.minimize(lambda x: function.of(torch.tensor(x)).item(), p.detach().numpy(), method="BFGS")
    assert function.of(p).item() <= found.fun + 1e-8
    if function.lowest is not None:
        assert function.of(p).item() == pytest.approx(function.lowest, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("function", "first", "minimum"),
    [
        (lambda p: (p.exp() - 2 * p).sum(), (1.2,), (math.log(2.0),)),
        (lambda p: rosenbrock(p) + (p[0] - 1) ** 4, (0.95, 0.9), (1.0, 1.0)),
        (beale, (2.9, 0.48), (3.0, 0.5)),
    ],
)
def test_the_order_of_convergence_is_two(function, first, minimum):
    """From the distances of the iterates to the minimum: log e₃/e₂ over log e₂/e₁."""
    p = start(*first)
    optimizer = Newton([p], tolerance_grad=1e-14)
    away = []
    for _ in range(8):
        away.append(math.dist(p.tolist(), minimum))
        optimizer.step(lambda: function(p))
    assert orders(away)[-1] >= 1.9


@pytest.mark.parametrize(
    ("method", "function", "first", "least"),
    [
        ("exact", logistic, (0.0,) * 31, 1.9),
        ("exact", dixon_price, (-1.0,) * 20, 1.9),
        # residuals of √|g|·|g| allow 1½
        ("cg", logistic, (0.0,) * 31, 1.4),
        ("cg", dixon_price, (-1.0,) * 20, 1.4),
    ],
)
def test_the_order_in_many_dimensions(method, function, first, least):
    p = start(*first)
    optimizer = Newton([p], method=method, tolerance_grad=0.0)
    steep = []
    for _ in range(16):
        (g,) = torch.autograd.grad(function(p), p)
        steep.append(g.norm().item())
        optimizer.step(lambda: function(p))
    assert orders(steep)[-1] >= least


def orders(errors):
    telling = [e for e in errors if 1e-13 < e < 0.3]
    return [
        math.log(c / b) / math.log(b / a) for a, b, c in zip(telling, telling[1:], telling[2:], strict=False) if c < b
    ]


@METHODS
@pytest.mark.parametrize("first", [(0.0, 0.0), (1e-3, 0.0), (1.0, 0.0), (0.0, 1e-9)])
@pytest.mark.parametrize(("function", "lowest"), [(saddle, (-1 / 4,)), (monkey_saddle, (-135 / 256, -27 / 256))])
def test_saddles_are_escaped(function, lowest, first, method):
    """From the very point, and along x, where the gradient has no part that leads away and plain Newton walks in."""
    p = start(*first)
    optimizer = Newton([p], method=method)
    losses, notes = descend(optimizer, function, p)
    assert optimizer.converged
    assert losses[-1] in [pytest.approx(value, rel=1e-9) for value in lowest]
    smallest = torch.linalg.eigvalsh(torch.autograd.functional.hessian(function, p.detach()))[0]
    assert smallest > 0
    if method == "exact" and first[0] >= 0 and any(first):
        assert "indefinite: smallest eigenvalue -" in notes[0]


def test_what_is_met_is_said():
    p = start(0.0, 0.0)
    optimizer = Newton([p])
    assert optimizer.note == "no step yet"
    optimizer.step(lambda: saddle(p))
    assert optimizer.note == "stationary, indefinite: smallest eigenvalue -2; left downhill"
    assert optimizer.curvature == pytest.approx(-2.0)
    flat = start(0.0, 0.0)
    optimizer = Newton([flat])
    optimizer.step(lambda: (flat**4).sum())
    assert optimizer.converged
    assert optimizer.note.startswith("stationary, singular: smallest eigenvalue 0;")


@pytest.mark.parametrize("kind", ["positive", "indefinite", "hard", "singular"])
@pytest.mark.parametrize("radius", [0.1, 1.0, 30.0])
def test_the_step_within_a_radius_is_the_lowest(kind, radius):
    """By the theorem of Moré and Sorensen: (H + σI)s = −g, H + σI ≥ 0, σ(Δ − |s|) = 0."""
    generator = torch.Generator().manual_seed(3)
    q, _ = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64, generator=generator))
    values = torch.tensor([0.5, 1, 2, 3, 4, 9]).double() - {"positive": 0.0, "singular": 0.5}.get(kind, 2.5)
    slopes = torch.randn(6, dtype=torch.float64, generator=generator)
    if kind in ("hard", "singular"):
        slopes[0] = 0.0
    hessian, gradient = q * values @ q.T, q @ slopes
    step = Dense(gradient, 0.5 * (hessian + hessian.T), 1.0).within(radius)
    s = step.by
    length = float(s.norm())
    assert length <= radius * (1 + 1e-9)
    left = -(gradient + hessian @ s)
    shift = float(left @ s) / length**2
    torch.testing.assert_close(left, shift * s, rtol=1e-6, atol=1e-6)
    assert shift >= max(0.0, -float(values[0])) - 1e-6
    assert length == pytest.approx(radius) or abs(shift) < 1e-9
    assert step.limited == (length == pytest.approx(radius))
    assert step.fall == pytest.approx(-float(gradient @ s + 0.5 * s @ hessian @ s))


def test_conjugate_gradients_see_the_end_of_the_spectrum_and_stay_within_the_radius():
    generator = torch.Generator().manual_seed(0)
    half = torch.randn(30, 30, dtype=torch.float64, generator=generator)
    hessian = half + half.T
    gradient = torch.randn(30, dtype=torch.float64, generator=generator)
    model = Products(gradient, lambda v: hessian @ v, 1.0)
    exact = Dense(gradient, hessian, 1.0)
    assert model.lowest().value == pytest.approx(exact.lowest().value)
    torch.testing.assert_close(hessian @ model.lowest().vector, model.lowest().value * model.lowest().vector)
    for radius in (0.1, 1.0, 10.0):
        step, best = model.within(radius), exact.within(radius)
        assert float(step.by.norm()) == pytest.approx(radius)
        assert 0 < step.fall <= best.fall
        cauchy = Dense(gradient, gradient @ hessian @ gradient / gradient.dot(gradient) * torch.eye(30).double(), 1.0)
        assert step.fall >= 0.999 * cauchy.within(radius).fall


@pytest.fixture
def network():
    def network(width, dtype=torch.float64):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Linear(width, 1)).to(dtype)
        x = torch.randn(50, 4, dtype=dtype)
        return model, lambda: (model(x) - x[:, :1] * x[:, 1:2]).square().mean()

    return network


@pytest.mark.parametrize("width", [5, 500])
def test_a_network_is_trained_exactly_or_by_products(width, network):
    model, loss = network(width)
    optimizer = Newton(model.parameters(), damping=1e-6)
    size = sum(p.numel() for p in model.parameters())
    assert (size > 2000) == (width == 500)
    steps = 40 if width == 5 else 6
    losses = [optimizer.step(loss).item() for _ in range(steps)]
    assert all(b <= a for a, b in itertools.pairwise(losses))
    assert losses[-1] < 0.2 * losses[0]
    assert all(p.grad is None for p in model.parameters())


def test_groups_decay_and_complex_parameters():
    first, second = start(-1.2, 1.0), start(0.5, 0.5)
    optimizer = Newton([{"params": [first], "weight_decay": 0.5}, {"params": [second]}])
    descend(optimizer, lambda _: rosenbrock(torch.cat([first, second])), None)
    one, two = start(-1.2, 1.0), start(0.5, 0.5)
    twin = Newton([one, two])
    descend(twin, lambda _: rosenbrock(torch.cat([one, two])) + 0.25 * one.square().sum(), None)
    torch.testing.assert_close(torch.cat([first, second]), torch.cat([one, two]), rtol=1e-9, atol=1e-12)
    z = torch.tensor([-1.2 + 1.0j, 0.5 + 0.5j], dtype=torch.complex128, requires_grad=True)
    descend(Newton([z]), lambda z: rosenbrock(torch.view_as_real(z).reshape(-1)), z)
    pair = start(-1.2, 1.0, 0.5, 0.5)
    descend(Newton([pair]), rosenbrock, pair)
    torch.testing.assert_close(torch.view_as_real(z.detach()).reshape(-1), pair.detach())


@METHODS
def test_float32_ends_at_its_digits(method):
    p = start(-1.2, 1.0, dtype=torch.float32)
    optimizer = Newton([p], method=method)
    descend(optimizer, lambda p: rosenbrock(p) + 1, p, most=60)
    assert optimizer.converged
    torch.testing.assert_close(p.detach(), torch.ones(2), rtol=0, atol=1e-3)


@METHODS
def test_walls_of_the_loss_shorten_the_step(method):
    """20x − log x from 0.2: the full step leads to −0.4, where there is no loss."""
    p = start(0.2)
    optimizer = Newton([p], method=method)
    losses, _ = descend(optimizer, lambda p: (20 * p - p.log()).sum(), p)
    assert p.item() == pytest.approx(0.05)
    assert all(map(math.isfinite, losses))


def test_damping_goes_towards_gradient_descent():
    p = start(3.0, -2.0)
    Newton([p], damping=1e6).step(lambda: (p * p * torch.tensor([1.0, 10.0])).sum())
    moved = p.detach() - torch.tensor([3.0, -2.0]).double()
    torch.testing.assert_close(moved, -torch.tensor([6.0, -40.0]).double() / 1e6, rtol=1e-4, atol=0)


@pytest.mark.parametrize("way", ["state_dict", "deepcopy", "pickle"])
def test_a_restored_run_goes_on_bit_for_bit(way):
    whole = start(-1.2, 1.0)
    optimizer = Newton([whole], radius=0.1, method="cg")
    descend(optimizer, beale, whole, most=3)
    if way == "state_dict":
        buffer = io.BytesIO()
        torch.save(optimizer.state_dict(), buffer)
        buffer.seek(0)
        p = whole.detach().clone().requires_grad_()
        other = Newton([p], method="cg")
        other.load_state_dict(torch.load(buffer, weights_only=True))
    else:
        other = copy.deepcopy(optimizer) if way == "deepcopy" else pickle.loads(pickle.dumps(optimizer))
        (p,) = other.param_groups[0]["params"]
    for one, x in ((optimizer, whole), (other, p)):
        descend(one, beale, x, most=4)
    assert torch.equal(p, whole)
    assert (other.evaluations, other.note) == (optimizer.evaluations, optimizer.note)


def test_a_closure_that_raises_leaves_the_parameters():
    p = start(-1.2, 1.0)
    calls = []

    def closure():
        calls.append(p.detach().clone())
        if len(calls) == 2:
            raise ZeroDivisionError
        return rosenbrock(p)

    with pytest.raises(ZeroDivisionError):
        Newton([p]).step(closure)
    assert not torch.equal(calls[1], calls[0])
    assert torch.equal(p.detach(), calls[0])


def with_backward(p):
    loss = (p**3).sum()
    loss.backward()
    return loss


P = [start(1.0, 2.0)]
REFUSED = [
    (lambda: Newton([]), "newton: the list of parameters is empty."),
    (lambda: Newton(P, radius=0.0, damping=-1.0), "newton: 2 faults"),
    (lambda: Newton(P, method="fast"), "newton: method must be one of 'auto', 'exact', 'cg'; got 'fast'."),
    (lambda: Newton([{"params": P, "lr": 0.1}]), "newton: no such argument 'lr' of a group."),
    (lambda: Newton(P).step(), "newton: step needs a closure that returns the loss without calling backward"),
    (lambda: Newton(P).step(lambda: with_backward(P[0])), "must return the loss without calling backward on it."),
    (lambda: Newton(P).step(lambda: P[0].detach().sum()), "newton: the loss has no graph"),
    (lambda: Newton(P).step(lambda: P[0].sum().item()), "newton: the closure must return the loss, a tensor; got 3.0."),
    (lambda: Newton(P).step(lambda: start(1.0).sum()), "newton: the loss does not depend on any of the parameters."),
    (lambda: Newton(P).step(lambda: (P[0] * math.nan).sum()), "newton: loss and gradient must be finite"),
    (lambda: Newton([start(0.0)]).step(lambda: 0 * 1), "newton: the closure must return the loss"),
    (lambda: Newton(P).load_state_dict(BFGS(P).state_dict()), "newton: a state_dict has 'param_groups' and a 'memory'"),
]


@pytest.mark.parametrize(("make", "words"), REFUSED)
def test_bad_requests_are_refused_in_words(make, words):
    with pytest.raises(RavineError) as caught:
        make()
    assert words in str(caught.value)


def test_a_hessian_that_is_not_finite_is_refused():
    p = start(0.0)
    with pytest.raises(RavineError, match="the Hessian must be finite"):
        Newton([p]).step(lambda: (p.abs() ** 1.5).sum() + p.sum())


@METHODS
def test_attention_is_differentiated_twice_by_its_plain_kernel(method):
    torch.manual_seed(0)
    model = nn.MultiheadAttention(4, 2, batch_first=True)
    x = torch.randn(3, 5, 4)
    optimizer = Newton(model.parameters(), method=method)

    def loss():
        return model(x, x, x, need_weights=False)[0].square().mean()

    with pytest.raises(RavineError, match=r"has no second derivative.*SDPBackend.MATH"):
        optimizer.step(loss)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        assert optimizer.step(loss) > optimizer.step(loss)
