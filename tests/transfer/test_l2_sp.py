import pytest
import torch

from ravine import optim
from ravine.core.errors import BadValue
from ravine.transfer import L2SP, l2_sp


def test_the_penalty_is_its_formula_and_its_gradient_points_home():
    generator = torch.Generator().manual_seed(0)
    w = [torch.randn(3, 2, generator=generator, dtype=torch.float64, requires_grad=True)]
    start = [torch.randn(3, 2, generator=generator, dtype=torch.float64)]
    value = l2_sp(w, start, 0.3)
    by_hand = 0.15 * sum(
        (a - b) ** 2 for a, b in zip(w[0].flatten().tolist(), start[0].flatten().tolist(), strict=True)
    )
    assert value.item() == pytest.approx(by_hand)
    (gradient,) = torch.autograd.grad(value, w)
    torch.testing.assert_close(gradient, 0.3 * (w[0] - start[0]))


def test_descent_on_a_quadratic_ends_where_the_closed_form_says():
    """½‖w − a‖² + (α/2)‖w − w⁰‖² has its minimum at (a + α·w⁰)/(1 + α)."""
    w = torch.nn.Parameter(torch.tensor([4.0, -2.0]))
    wanted, home, alpha = torch.tensor([0.0, 1.0]), torch.tensor([4.0, -2.0]), 0.5
    optimizer = optim.build("sgd", [w], lr=0.2)
    L2SP([w], alpha).attach(optimizer)
    for _ in range(200):
        optimizer.zero_grad()
        (0.5 * (w - wanted) ** 2).sum().backward()
        optimizer.step()
    torch.testing.assert_close(w.detach(), (wanted + alpha * home) / (1 + alpha), rtol=1e-5, atol=1e-5)


def test_what_has_no_gradient_is_left_alone():
    w, still = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2))
    pull = L2SP([w, still], 1.0)
    optimizer = optim.build("sgd", [w, still], lr=0.1)
    pull.attach(optimizer)
    still.data.fill_(3.0)
    w.sum().backward()
    optimizer.step()
    assert torch.equal(still.detach(), torch.full((2,), 3.0))


def test_faults():
    with pytest.raises(BadValue, match="alpha"):
        l2_sp([torch.ones(1)], [torch.ones(1)], -1.0)
    with pytest.raises(BadValue, match="shapes"):
        l2_sp([torch.ones(1)], [torch.ones(2)], 1.0)
