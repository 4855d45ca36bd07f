"""The driver's own work, against hand calculation."""

from __future__ import annotations

import pytest
import torch

import ravine.optim as ours
from ravine.optim.around import bound_units, centralized, unit_clipped


def one_step(p, g, **arguments):
    p = torch.tensor(p, dtype=torch.float64, requires_grad=True)
    p.grad = torch.tensor(g, dtype=torch.float64)
    ours.SGD([p], lr=0.1, **arguments).step()
    return p.detach().tolist()


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"weight_decay": 0.5}, [2 - 0.1 * (1 + 0.5 * 2), -3 - 0.1 * (-4 + 0.5 * -3)]),
        ({"weight_decay": 0.5, "decoupled_weight_decay": True}, [2 * 0.95 - 0.1, -3 * 0.95 + 0.4]),
        ({"l1": 0.5}, [2 - 0.1 * 1.5, -3 - 0.1 * -4.5]),
        ({"l1": 0.5, "proximal": True}, [1.9 - 0.05, -2.6 + 0.05]),
        ({"l1": 30.0, "proximal": True}, [0.0, 0.0]),
        ({"l1": 0.5, "weight_decay": 0.5}, [2 - 0.1 * 2.5, -3 - 0.1 * -6.0]),
        ({"maximize": True}, [2.1, -3.4]),
        ({"maximize": True, "weight_decay": 0.5}, [2 - 0.1 * (-1 + 1), -3 - 0.1 * (4 - 1.5)]),
        ({"clip_value": 2.0}, [1.9, -2.8]),
    ],
)
def test_penalties_and_clipping_by_value(arguments, expected, engine):
    assert one_step([2.0, -3.0], [1.0, -4.0], engine=engine, **arguments) == pytest.approx(expected, rel=1e-12)


def test_the_global_norm_spans_groups_and_only_those_that_ask():
    a, b, c = (torch.zeros(1, dtype=torch.float64, requires_grad=True) for _ in range(3))
    optimizer = ours.SGD(
        [{"params": [a]}, {"params": [b], "clip_norm": 2.5}, {"params": [c], "clip_norm": None}], lr=1.0, clip_norm=1.0
    )
    a.grad, b.grad, c.grad = (torch.full((1,), x, dtype=torch.float64) for x in (3.0, 4.0, 100.0))
    optimizer.step()
    assert [x.item() for x in (a, b, c)] == pytest.approx([-0.6, -2.0, -100.0], rel=1e-6)


def test_a_nan_gradient_is_not_hidden_by_clipping():
    p = torch.zeros(2, requires_grad=True)
    p.grad = torch.tensor([1.0, float("nan")])
    ours.SGD([p], lr=1.0, clip_norm=1.0).step()
    assert p.isnan().any()


def test_centralized_gradients_have_no_mean_over_inputs():
    g = torch.randn(4, 3, 2, 2, dtype=torch.float64)
    torch.testing.assert_close(centralized(g).mean(dim=(1, 2, 3)), torch.zeros(4, dtype=torch.float64))
    vector = torch.randn(4)
    assert centralized(vector) is vector


def test_unit_clipping_bounds_the_ratio_of_norms_row_by_row():
    p, g = torch.randn(5, 7, dtype=torch.float64), torch.randn(5, 7, dtype=torch.float64)
    g[0] *= 1e-4
    clipped = unit_clipped(g, p, 0.01)
    ratios = clipped.norm(dim=1) / p.norm(dim=1)
    assert (ratios <= 0.01 * (1 + 1e-12)).all()
    assert torch.equal(clipped[0], g[0])
    torch.testing.assert_close(torch.nn.functional.cosine_similarity(clipped, g), torch.ones(5, dtype=torch.float64))


def test_max_norm_bounds_rows_and_leaves_short_ones():
    p = torch.tensor([[3.0, 4.0], [0.3, 0.4]], dtype=torch.float64)
    bound_units(p, 1.0)
    torch.testing.assert_close(p, torch.tensor([[0.6, 0.8], [0.3, 0.4]], dtype=torch.float64))


def test_unit_work_reaches_the_step(make_params, walk):
    params = make_params(shapes=[(6, 5), (6,)])
    walk(ours.AdaBelief(params, lr=0.5, max_norm=0.7, centralize=True, clip_unit=0.1, clip_norm=1.0), 5)
    assert (params[0].norm(dim=1) <= 0.7 * (1 + 1e-9)).all()
