import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge

from ravine.data.task import Kind
from ravine.train.losses import loss_of
from ravine.transfer import solve_head
from ravine.transfer.probe import _Problem


def standardized(x):
    return (x - x.mean(0)) / x.std(0, unbiased=False)


def test_classes_as_scikit_learn_solves_them():
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(90) % 3
    x = torch.randn(90, 5, generator=generator) * torch.tensor([1.0, 5.0, 0.1, 2.0, 1.0]) + y[:, None]
    found = solve_head(x, y, 3, loss_of(Kind.CLASSIFY))
    known = LogisticRegression(C=1 / (1e-2 * 90), max_iter=5000, tol=1e-8).fit(standardized(x).numpy(), y.numpy())
    ours = torch.softmax(found.outputs(x), 1).numpy()
    np.testing.assert_allclose(ours, known.predict_proba(standardized(x).numpy()), atol=2e-3)


def test_numbers_as_ridge_solves_them():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(60, 4, generator=generator)
    y = x[:, :1] * 2 - 1 + 0.1 * torch.randn(60, 1, generator=generator)
    found = solve_head(x, y, 1, loss_of(Kind.REGRESS))
    known = Ridge(alpha=1e-2 / 2 * 60).fit(standardized(x).numpy(), y.numpy())
    np.testing.assert_allclose(
        found.outputs(x).numpy(), known.predict(standardized(x).numpy()).reshape(-1, 1), atol=2e-3
    )


def test_held_rows_choose_the_penalty_and_flat_features_do_no_harm():
    generator = torch.Generator().manual_seed(2)
    y = torch.randint(0, 2, (40,), generator=generator)
    noise = torch.randn(40, 60, generator=generator)
    noise[:, 0] = 7.0
    held = (torch.randn(40, 60, generator=generator), torch.randint(0, 2, (40,), generator=generator))
    found = solve_head(noise, y, 2, loss_of(Kind.CLASSIFY), held)
    assert found.penalty == 1.0  # nothing can be learned: the strongest is best
    assert torch.isfinite(found.weight).all()
    assert not found.weight[:, 0].any()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("kind", list(Kind))
def test_the_slope_is_that_of_the_loss(kind, smoothing):
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(12, 4, generator=generator, dtype=torch.float64)
    target = {
        Kind.CLASSIFY: torch.arange(12) % 3,
        Kind.MULTI_LABEL: (torch.rand(12, 3, generator=generator) > 0.5).double(),
        Kind.REGRESS: torch.randn(12, 3, generator=generator, dtype=torch.float64),
    }[kind]
    loss = loss_of(kind, 0.0 if kind is Kind.REGRESS else smoothing)
    point = torch.randn(15, generator=generator, dtype=torch.float64, requires_grad=True)
    flat = point.reshape(3, 5)
    value = loss(x @ flat[:, :-1].T + flat[:, -1], target) + 0.5 * 0.3 * (flat[:, :-1] ** 2).sum()
    value.backward()
    found, slope = _Problem(x, target, 3, loss)._value_and_slope(point.detach().numpy(), 0.3)
    assert found == pytest.approx(float(value.detach()))
    np.testing.assert_allclose(slope, point.grad.numpy(), atol=1e-12)
