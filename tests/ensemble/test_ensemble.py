"""Averages, selection and diversity beside NumPy, SciPy and brute force."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, log_softmax, softmax
from torch import nn

from ravine.core.errors import BadValue
from ravine.data.task import Kind
from ravine.ensemble import Ensemble, ambiguity, averaged, disagreement, error_correlation, greedy_selection

KINDS = ["classify", "multi-label", "regress"]
MEMBERS, ROWS, OUTPUTS = 4, 9, 3


def members(seed: int = 0, scale: float = 3.0) -> list[nn.Module]:
    torch.manual_seed(seed)
    made = [nn.Linear(5, OUTPUTS).double() for _ in range(MEMBERS)]
    for member in made:
        nn.init.normal_(member.weight, std=scale)
    return made


def by_hand(said: np.ndarray, kind: str, combine: str, weights: np.ndarray) -> np.ndarray:
    """What the outputs must turn into: probabilities or values."""
    mean = lambda x: np.einsum("m,mrk->rk", weights, x)  # noqa: E731
    if kind == "regress":
        return mean(said)
    squash = (lambda z: softmax(z, -1)) if kind == "classify" else expit
    return mean(squash(said)) if combine == "probabilities" else squash(mean(said))


@pytest.mark.parametrize("combine", ["probabilities", "logits"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weights", [None, [0.1, 2.0, 0.5, 1.4]])
def test_the_module_answers_with_the_mean(kind, combine, weights):
    x = torch.randn(ROWS, 5, dtype=torch.float64)
    made = members()
    whole = Ensemble(made, kind, combine=combine, weights=weights)
    said = np.stack([member(x).detach().numpy() for member in made])
    shares = whole.weights.double().numpy()
    expected = by_hand(said, kind, combine, shares)
    outputs = whole(x).detach().numpy()
    squash = {"classify": lambda z: softmax(z, -1), "multi-label": expit, "regress": lambda z: z}[kind]
    np.testing.assert_allclose(squash(outputs), expected, rtol=1e-6, atol=1e-9)
    in_numpy = averaged(said, Kind(kind), combine=combine, weights=[] if weights is None else weights)
    np.testing.assert_allclose(squash(in_numpy), by_hand(said, kind, combine, shares), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kind", ["classify", "multi-label"])
def test_sure_members_do_not_overflow(kind):
    said = np.array([[[800.0, -800.0, 0.0]], [[900.0, -900.0, 1.0]]])
    found = averaged(said, Kind(kind))
    assert np.isfinite(found).all()
    fixed = Ensemble([nn.Identity(), nn.Identity()], kind)
    assert torch.isfinite(fixed(torch.tensor(said[0]))).all()


def test_the_mean_probability_is_never_worse_than_the_mean_member():
    """Jensen: −log is convex."""
    x, y = torch.randn(200, 5, dtype=torch.float64), torch.randint(OUTPUTS, (200,))
    made = members()
    whole = nn.functional.cross_entropy(Ensemble(made, "classify")(x), y)
    mean = torch.stack([nn.functional.cross_entropy(member(x), y) for member in made]).mean()
    assert whole < mean


def test_a_member_without_weight_counts_for_nothing():
    said = np.random.default_rng(0).normal(size=(3, ROWS, OUTPUTS))
    np.testing.assert_allclose(
        averaged(said, Kind.CLASSIFY, weights=[1, 0, 1]), averaged(said[[0, 2]], Kind.CLASSIFY), rtol=1e-12
    )


@pytest.mark.parametrize(
    ("made", "more", "words"),
    [
        ([], {}, "at least one member"),
        (members(), {"combine": "votes"}, "combine must be one of probabilities, logits"),
        (members(), {"weights": [1.0, 2.0]}, "weights must be 4, one a member"),
        (members(), {"weights": [1.0, 2.0, 0.0, 1.0]}, "weights must be above 0"),
        (members(), {"weights": [1.0, float("nan"), 1.0, 1.0]}, "weights must be above 0"),
    ],
)
def test_bad_requests(made, more, words):
    with pytest.raises(BadValue, match=words):
        Ensemble(made, "classify", **more)


# --- selection ----------------------------------------------------------------------------------


def losses_of(seed: int, members: int, rows: int = 40):
    """The log loss of averaged probabilities, as a function of counts."""
    rng = np.random.default_rng(seed)
    said, truth = rng.normal(size=(members, rows, 3)), rng.integers(0, 3, rows)
    said[:, np.arange(rows), truth] += rng.uniform(0, 2, (members, 1))
    return lambda counts: float(-averaged(said, Kind.CLASSIFY, weights=counts)[np.arange(rows), truth].mean())


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 6))
@settings(max_examples=30)
def test_each_round_takes_what_brute_force_finds_best(seed, members, rounds):
    loss = losses_of(seed, members)
    counts, best, lowest = np.zeros(members, dtype=int), None, np.inf
    for _ in range(rounds):
        options = [counts + one for one in np.eye(members, dtype=int)]
        counts = min(options, key=loss)
        if loss(counts) < lowest:
            best, lowest = counts.copy(), loss(counts)
    assert greedy_selection(loss, members, rounds=rounds).tolist() == best.tolist()


@pytest.mark.parametrize("seed", range(8))
def test_greedy_comes_close_to_the_best_of_all_multisets(seed):
    """The loss of a mixture is convex in the weights, so greedy steps lead to where brute force ends, but for 1/R."""
    members, rounds = 3, 8
    loss = losses_of(seed, members)
    best_of_all = min(
        loss(np.bincount(taken, minlength=members))
        for size in range(1, rounds + 1)
        for taken in combinations_with_replacement(range(members), size)
    )
    best_alone = min(loss(one) for one in np.eye(members, dtype=int))
    found = loss(greedy_selection(loss, members, rounds=rounds))
    assert best_of_all <= found <= best_alone
    assert found - best_of_all <= 0.05 * (best_alone - best_of_all) + 1e-3


def test_useless_members_are_left_out():
    loss = lambda counts: float(counts[1] / counts.sum())  # noqa: E731
    assert greedy_selection(loss, 2, rounds=5).tolist() == [1, 0]
    with pytest.raises(BadValue, match="a loss that is a number"):
        greedy_selection(lambda counts: float("nan"), 2)
    with pytest.raises(BadValue, match="rounds must be at least 1"):
        greedy_selection(loss, 2, rounds=0)


# --- diversity ----------------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.integers(1, 6), st.booleans())
@settings(max_examples=30)
def test_the_squared_error_comes_apart_exactly(seed, members, weighted):
    rng = np.random.default_rng(seed)
    said, truth = rng.normal(size=(members, 20, 3)), rng.normal(size=(20, 3))
    weights = rng.uniform(0.1, 1, members) if weighted else []
    parts = ambiguity(said, truth, weights)
    np.testing.assert_allclose(parts.ensemble, parts.members - parts.ambiguity, rtol=1e-9, atol=1e-12)
    assert parts.ambiguity >= 0


def test_disagreement_counts_pairs():
    rng = np.random.default_rng(1)
    said = rng.integers(0, 3, (4, 50))
    pairs = [np.mean(said[a] != said[b]) for a in range(4) for b in range(a)]
    assert disagreement(said) == pytest.approx(np.mean(pairs))
    assert disagreement(np.stack([said[0]] * 3)) == 0
    labels = rng.integers(0, 2, (2, 30, 4))
    assert disagreement(labels) == pytest.approx((labels[0] != labels[1]).any(1).mean())


def test_error_correlation_is_pearsons():
    rng = np.random.default_rng(2)
    errors = rng.normal(size=(3, 100)) + rng.normal(size=100)
    pairs = [np.corrcoef(errors[a], errors[b])[0, 1] for a in range(3) for b in range(a)]
    assert error_correlation(errors) == pytest.approx(np.mean(pairs))
    assert error_correlation(np.zeros((3, 5))) is None


def test_gain_over_the_mean_member_is_paired():
    """The value by hand; the interval covers the gain over fresh rows about as often as it says."""
    from ravine.data.task import Task
    from ravine.fit.evaluate.answers import Answers
    from ravine.fit.evaluate.ensemble import gain_over_mean
    from ravine.fit.evaluate.measures import measure
    from ravine.fit.intervals import Bootstrap

    task = Task(kind=Kind.CLASSIFY, classes=("a", "b", "c"))
    rng = np.random.default_rng(3)

    def gain(rows: int):
        truth = rng.integers(0, 3, rows)
        said = rng.normal(size=(5, rows, 3))
        said[:, np.arange(rows), truth] += 1.0
        whole = Answers(task, averaged(said, Kind.CLASSIFY), truth)
        alone = [Answers(task, one, truth) for one in said]
        by_hand = (whole.choice == truth).mean() - np.mean([(one.choice == truth).mean() for one in alone])
        return gain_over_mean(measure(task, "accuracy"), Bootstrap(rows), whole, alone), by_hand

    found, by_hand = gain(400)
    assert found.value == pytest.approx(by_hand)
    real, _ = gain(50_000)
    inside = [(lambda g: g.low <= real.value <= g.high)(gain(300)[0]) for _ in range(60)]
    assert 0.85 <= np.mean(inside) <= 1.0


def test_log_softmax_of_the_ensemble_is_the_log_of_the_mean():
    """The output is normalised already, as `ravine export` describes it at temperature 1."""
    said = np.random.default_rng(0).normal(size=(3, 7, 4))
    found = averaged(said, Kind.CLASSIFY)
    np.testing.assert_allclose(log_softmax(found, -1), found, atol=1e-12)
