"""BFGS and L-BFGS against SciPy's, and what they do where curvature, loss or arguments are bad."""

from __future__ import annotations

import copy
import io
import math
import pickle

import pytest
import scipy.optimize
import torch
from torch import nn

from made.standard_functions import FUNCTIONS, quadratic, rosenbrock
from ravine.core.errors import RavineError
from ravine.optim import BFGS, LBFGS
from ravine.optim.groups import param_groups
from ravine.optim.wolfe import Point, strong_wolfe

BOTH = pytest.mark.parametrize("made", [BFGS, LBFGS])
PRECISE = {"max_iter": 1000, "tolerance_grad": 1e-5, "tolerance_change": 0.0}


def minimize(optimizer, p, function):
    def closure():
        optimizer.zero_grad()
        loss = function(p)
        loss.backward()
        return loss

    return optimizer.step(closure)


def start(*values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype, requires_grad=True)


@pytest.fixture
def scipys():
    def scipys(function, first, method, **options):
        def both(x):
            p = torch.tensor(x, requires_grad=True)
            loss = function(p)
            loss.backward()
            return loss.item(), p.grad.numpy().copy()

        return scipy.optimize.minimize(both, first.detach().numpy(), jac=True, method=method, options=options)

    return scipys


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.name)
@pytest.mark.parametrize(
    ("made", "method", "options"),
    [(BFGS, "BFGS", {"gtol": 1e-5}), (LBFGS, "L-BFGS-B", {"gtol": 1e-5, "ftol": 0.0})],
)
def test_scipys_minimum_is_reached_in_no_more_evaluations(function, made, method, options, scipys):
    theirs = scipys(function.of, function.first(), method, **options)
    p = function.first()
    optimizer = made([p], **PRECISE)
    minimize(optimizer, p, function.of)
    assert optimizer.converged
    assert function.of(p).item() == pytest.approx(theirs.fun, rel=1e-7, abs=1e-7)
    if function.lowest is not None:
        assert function.of(p).item() == pytest.approx(function.lowest, rel=1e-7, abs=1e-7)
    assert optimizer.evaluations <= 1.2 * theirs.nfev


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("made", "method", "options"),
    [(BFGS, "BFGS", {"gtol": 1e-5}), (LBFGS, "L-BFGS-B", {"gtol": 1e-5, "ftol": 0.0})],
)
def test_other_starts_cost_no_more(seed, made, method, options, scipys):
    """Over all functions with a minimum in every direction; SciPy may give up where rounding hides the last digits."""
    ours = theirs = 0
    for function in FUNCTIONS:
        if function.name == "beale":  # falls forever along a valley
            continue
        generator = torch.Generator().manual_seed(seed)
        p = (function.first() + torch.randn(len(function.start), generator=generator)).detach().requires_grad_()
        found = scipys(function.of, p, method, **options)
        optimizer = made([p], **PRECISE)
        minimize(optimizer, p, function.of)
        assert optimizer.converged, function.name
        assert function.of(p).item() <= found.fun + 1e-6 * (1 + abs(found.fun))
        ours += optimizer.evaluations
        theirs += found.nfev
    assert ours <= 1.1 * theirs


@BOTH
def test_rounding_of_the_loss_at_the_minimum_costs_no_search(made):
    """Around Goldstein and Price's 84 losses are differences of large numbers: their last digits are wrong."""
    function = next(f for f in FUNCTIONS if f.name == "goldstein-price")
    p = start(1.4, 0.1)
    optimizer = made([p], **PRECISE)
    minimize(optimizer, p, function.of)
    assert optimizer.converged
    assert optimizer.restarts == 0
    assert optimizer.evaluations <= 30


@BOTH
def test_groups_and_shapes_do_not_matter(made):
    whole = start(*[-1.2, 1.0] * 3)
    minimize(made([whole], **PRECISE), whole, rosenbrock)
    first, second = start(-1.2, 1.0), start([-1.2, 1.0], [-1.2, 1.0])
    parted = made([{"params": [first]}, {"params": [second]}], **PRECISE)
    minimize(parted, None, lambda _: rosenbrock(torch.cat([first, second.reshape(-1)])))
    assert torch.equal(torch.cat([first, second.reshape(-1)]), whole)


@BOTH
def test_decay_of_a_group_is_a_term_of_the_loss(made):
    first, second = start(-1.2, 1.0), start(0.5, 0.5)

    def loss(_=None):
        return rosenbrock(torch.cat([first, second]))

    minimize(made([{"params": [first], "weight_decay": 0.5}, {"params": [second]}], **PRECISE), None, loss)
    one, two = start(-1.2, 1.0), start(0.5, 0.5)
    explicit = lambda _: rosenbrock(torch.cat([one, two])) + 0.25 * (one**2).sum()  # noqa: E731
    minimize(made([one, two], **PRECISE), None, explicit)
    torch.testing.assert_close(torch.cat([first, second]), torch.cat([one, two]), rtol=1e-6, atol=1e-8)


@BOTH
def test_the_decay_groups_of_a_model_are_taken(made):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    x = torch.randn(30, 3, dtype=torch.float64)
    optimizer = made(param_groups(model, 1e-3), max_iter=300)
    before = minimize(optimizer, None, lambda _: (model(x) - x[:, :1].sin()).square().mean())
    assert (model(x) - x[:, :1].sin()).square().mean().item() < 1e-2 * before.item()


@BOTH
def test_many_short_steps_go_the_way_of_one_long(made):
    """The curvature is kept from one call to the next."""
    long, short = start(-1.2, 1.0), start(-1.2, 1.0)
    minimize(made([long], **{**PRECISE, "max_iter": 20}), long, rosenbrock)
    optimizer = made([short], **{**PRECISE, "max_iter": 1})
    for _ in range(20):
        minimize(optimizer, short, rosenbrock)
    assert torch.equal(short, long)


@BOTH
@pytest.mark.parametrize("way", ["state_dict", "deepcopy", "pickle"])
def test_a_restored_run_goes_on_bit_for_bit(made, way):
    whole = start(-1.2, 1.0)
    optimizer = made([whole], max_iter=4)
    minimize(optimizer, whole, rosenbrock)
    if way == "state_dict":
        buffer = io.BytesIO()
        torch.save(optimizer.state_dict(), buffer)
        buffer.seek(0)
        p = whole.detach().clone().requires_grad_()
        other = made([p])
        other.load_state_dict(torch.load(buffer, weights_only=True))
    else:
        other = copy.deepcopy(optimizer) if way == "deepcopy" else pickle.loads(pickle.dumps(optimizer))
        (p,) = other.param_groups[0]["params"]
    assert other.evaluations == optimizer.evaluations
    for one, x in ((optimizer, whole), (other, p)):
        for _ in range(2):
            minimize(one, x, rosenbrock)
    assert torch.equal(p, whole)
    assert not torch.equal(p, start(-1.2, 1.0))


def test_memory_is_bounded():
    p = start(*[1.0] * 20)
    optimizer = LBFGS([p], max_iter=30, history_size=3)
    minimize(optimizer, p, quadratic)
    memory = optimizer.state_dict()["memory"]
    assert memory["steps"].shape == memory["changes"].shape == (3, 20)


def test_one_pair_of_memory_still_reaches_the_minimum():
    p = start(-1.2, 1.0)
    optimizer = LBFGS([p], history_size=1, **PRECISE)
    minimize(optimizer, p, rosenbrock)
    torch.testing.assert_close(p.detach(), torch.ones(2, dtype=torch.float64), rtol=1e-4, atol=0)


@BOTH
def test_it_comes_back_from_where_the_loss_is_not_a_number(made):
    """x − log x: a first step of length 1 from 0.5 uphill of the wall at 0, and then the minimum at 1."""
    p = start(3.0)
    optimizer = made([p], lr=100.0, **PRECISE)
    minimize(optimizer, p, lambda p: (20 * p - p.log()).sum())
    assert p.item() == pytest.approx(0.05, rel=1e-5)
    assert optimizer.converged


@BOTH
def test_a_wrong_memory_is_forgotten_and_the_search_begins_anew(made):
    p = start(-1.2, 1.0)
    optimizer = made([p], **PRECISE)
    minimize(optimizer, p, quadratic_bowl)
    with torch.no_grad():
        p.copy_(torch.tensor([-1.2, 1.0]))
    state = optimizer.state_dict()
    uphill = -torch.eye(2, dtype=torch.float64)
    if made is BFGS:
        state["memory"]["inverse"] = uphill
    else:
        state["memory"] |= {"steps": uphill, "changes": -uphill}
    optimizer.load_state_dict(state)
    minimize(optimizer, p, rosenbrock)
    assert optimizer.restarts == 1
    torch.testing.assert_close(p.detach(), torch.ones(2, dtype=torch.float64), rtol=1e-4, atol=0)


def quadratic_bowl(p):
    return (p**2).sum()


@BOTH
def test_a_gradient_that_lies_is_said_and_leaves_the_start(made):
    p = start(1.0, 2.0)
    optimizer = made([p])

    def closure():
        optimizer.zero_grad()
        loss = quadratic_bowl(p)
        (-loss).backward()
        return loss

    optimizer.step(closure)
    assert not optimizer.converged
    assert optimizer.note == "no step along the gradient lowers the loss"
    assert torch.equal(p.detach(), torch.tensor([1.0, 2.0], dtype=torch.float64))


@BOTH
def test_a_closure_that_raises_leaves_the_last_accepted_point(made):
    p = start(-1.2, 1.0)
    optimizer = made([p])
    calls = []

    def function(p):
        calls.append(p.detach().clone())
        if len(calls) == 2:
            raise ZeroDivisionError
        return rosenbrock(p)

    with pytest.raises(ZeroDivisionError):
        minimize(optimizer, p, function)
    assert torch.equal(p.detach(), calls[0])
    assert not torch.equal(calls[1], calls[0])


@BOTH
def test_float32_gets_as_far_as_its_digits(made):
    p = start(-1.2, 1.0, dtype=torch.float32)
    optimizer = made([p], max_iter=500)
    minimize(optimizer, p, rosenbrock)
    assert p.dtype == torch.float32
    torch.testing.assert_close(p.detach(), torch.ones(2), rtol=0, atol=2e-3)


@BOTH
def test_complex_parameters_are_pairs_of_real_ones(made):
    z = torch.tensor([1 + 2j, -0.5 + 0.3j], dtype=torch.complex128, requires_grad=True)
    pair = torch.view_as_real(z.detach()).clone().requires_grad_()

    def loss(pair):
        return rosenbrock(pair.reshape(-1))

    minimize(made([z], **PRECISE), z, lambda z: loss(torch.view_as_real(z)))
    minimize(made([pair], **PRECISE), pair, loss)
    torch.testing.assert_close(torch.view_as_real(z), pair, rtol=1e-12, atol=0)


@BOTH
def test_unused_and_empty_parameters_stay(made):
    p, unused, empty = start(3.0), start(7.0), torch.zeros(0, dtype=torch.float64, requires_grad=True)
    minimize(made([p, unused, empty], **PRECISE), p, quadratic_bowl)
    assert abs(p.item()) < 1e-5
    assert unused.item() == 7.0


@BOTH
def test_a_scheduler_can_change_the_first_try(made):
    p = start(-1.2, 1.0)
    optimizer = made([p], lr=1.0, max_iter=1)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    minimize(optimizer, p, rosenbrock)
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == 0.5
    minimize(optimizer, p, rosenbrock)
    assert rosenbrock(p).item() < 24.2


def _sparse():
    table = nn.Embedding(4, 2, sparse=True)
    optimizer = LBFGS(table.parameters())
    minimize(optimizer, None, lambda _: table(torch.tensor([1])).square().sum())


P = [torch.ones(2, requires_grad=True)]
REFUSED = [
    (lambda: LBFGS([]), "lbfgs: the list of parameters is empty."),
    (lambda: BFGS(P[0]), "bfgs: params must be an iterable of parameters or groups; got 'one tensor'."),
    (lambda: BFGS([P[0] * 2]), "bfgs: parameter 0, shape (2,), is not a leaf"),
    (lambda: LBFGS(P, lr=0.0), "lbfgs: lr must be above 0; got 0.0."),
    (lambda: LBFGS(P, lr="1"), "lbfgs: lr must be above 0; got '1'."),
    (lambda: LBFGS(P, history_size=0), "lbfgs: history_size must be a whole number of at least 1; got 0."),
    (lambda: LBFGS(P, max_iter=2.5, tolerance_grad=-1.0), "lbfgs: 2 faults"),
    (lambda: BFGS(P, weight_decay=math.nan), "bfgs: weight_decay must be at least 0; got nan."),
    (lambda: BFGS([torch.ones(2).bfloat16().requires_grad_()]), "bfgs: parameter 0 must be float32 or float64"),
    (lambda: BFGS([torch.ones(20_000, requires_grad=True)]), "at most 10000 parameters, for a matrix of n²; got 20000"),
    (lambda: LBFGS([{"params": P, "lr": 0.1}, {"params": [start(1.0)]}]), "lr must be the same in every group"),
    (lambda: LBFGS([{"params": P, "rate": 0.1}]), "lbfgs: no such argument 'rate' of a group."),
    (lambda: LBFGS(P).step(), "lbfgs: step needs a closure"),
    (lambda: LBFGS(P).step(lambda: 3.0), "lbfgs: the closure must return the loss, a tensor; got 3.0."),
    (lambda: LBFGS(P).step(lambda: torch.ones(2)), "lbfgs: the loss must be one real number; got shape (2,)"),
    (lambda: LBFGS([start(1.0)]).step(lambda: torch.ones(())), "The closure must call loss.backward()."),
    (
        lambda: minimize(LBFGS(P), P[0], lambda p: (p * math.nan).sum()),
        "must be finite at the start; got a loss of nan",
    ),
    (lambda: LBFGS(P).load_state_dict(BFGS(P).state_dict()), "lbfgs: a state_dict has 'param_groups' and a 'memory'"),
    (lambda: LBFGS(P).load_state_dict(torch.optim.LBFGS(P).state_dict()), "Was it saved by another optimizer?"),
    (lambda: LBFGS(P).load_state_dict(LBFGS([*P, start(1.0)]).state_dict()), "the state is for groups of [2]"),
    (_sparse, "lbfgs: gradients must be dense"),
]


@pytest.mark.parametrize(("make", "words"), REFUSED)
def test_bad_requests_are_refused_in_words(make, words):
    with pytest.raises(RavineError) as caught:
        make()
    assert words in str(caught.value)


def test_memory_of_another_shape_is_refused():
    p = start(-1.2, 1.0)
    optimizer = LBFGS([p])
    minimize(optimizer, p, rosenbrock)
    with pytest.raises(RavineError, match="this model has 3 numbers"):
        LBFGS([start(1.0, 1.0, 1.0)]).load_state_dict(optimizer.state_dict())


@pytest.mark.parametrize(
    ("loss", "first"),
    [
        (lambda t: -t / (t * t + 2), 1e-3),
        (lambda t: -t / (t * t + 2), 1e3),
        (lambda t: (t + 0.004) ** 5 - 2 * (t + 0.004) ** 4, 1e-3),
        (lambda t: (t + 0.004) ** 5 - 2 * (t + 0.004) ** 4, 10.0),
        (lambda t: (t - 1) ** 2 if t < 3 else t * math.inf, 100.0),
        (lambda t: t.exp() - 3 * t, 50.0),
    ],
)
@pytest.mark.parametrize("curvature", [0.9, 0.1, 1e-3])
def test_the_line_search_keeps_its_promise(loss, first, curvature):
    """The functions of Moré and Thuente's tables 1 and 2, from starts far too short and far too long."""
    looked = []

    def at(t):
        looked.append(t)
        there = start(t)
        value = loss(there).sum()
        (slope,) = torch.autograd.grad(value, there, allow_unused=True, materialize_grads=True)
        return Point(t, value.item(), slope.item(), slope)

    zero = at(0.0)
    found = strong_wolfe(at, zero, first, curvature=curvature)
    assert found is not None
    assert found.loss <= zero.loss + 1e-4 * found.t * zero.slope
    assert abs(found.slope) <= curvature * abs(zero.slope)
    assert len(looked) <= 20
