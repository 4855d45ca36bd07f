import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from ravine.core.errors import BadValue
from ravine.transfer import log_evidence


def by_brute_force(f, y):
    """The evidence as the density of y under its marginal normal, maximized over log α and log β by search."""

    def lost(logs):
        alpha, beta = np.exp(logs)
        covariance = np.eye(len(y)) / beta + f @ f.T / alpha
        return -multivariate_normal(np.zeros(len(y)), covariance, allow_singular=False).logpdf(y)

    found = [
        minimize(lost, start, method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10, "maxiter": 2000})
        for start in ([0.0, 0.0], [2.0, 2.0])
    ]
    return -min(one.fun for one in found) / len(y)


@pytest.mark.parametrize(("rows", "features"), [(30, 4), (12, 20), (25, 25)])
def test_the_evidence_is_the_largest_there_is(rows, features):
    draws = np.random.default_rng(rows)
    f = draws.normal(size=(rows, features))
    y = f @ draws.normal(size=features) * 0.5 + draws.normal(size=rows) * 0.7
    assert log_evidence(f, y) == pytest.approx(by_brute_force(f, y), abs=2e-4)


def test_columns_are_averaged_and_telling_features_score_higher():
    draws = np.random.default_rng(0)
    f = draws.normal(size=(80, 5))
    y = (f[:, :2] > 0).astype(float)
    apart = [log_evidence(f, y[:, column]) for column in range(2)]
    assert log_evidence(f, y) == pytest.approx(np.mean(apart))
    assert log_evidence(f, y) > log_evidence(draws.normal(size=(80, 5)), y)


def test_faults():
    with pytest.raises(BadValue, match="same rows"):
        log_evidence(np.ones((3, 2)), np.ones(4))
    with pytest.raises(BadValue, match="finite"):
        log_evidence(np.full((3, 2), np.nan), np.ones(3))
