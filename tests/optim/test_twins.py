"""Our classes and torch's, a hundred steps side by side."""

from __future__ import annotations

import pytest
import torch

import ravine.optim as ours

SHAPES = [(3, 4), (4,), (), (2, 3, 2), (0,), (40_000,)]

CASES = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.02}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.02}),
    ("Adam", {}),
    ("Adam", {"weight_decay": 0.1, "betas": (0.8, 0.95), "eps": 1e-5}),
    ("Adam", {"amsgrad": True}),
    ("Adagrad", {"lr_decay": 0.01, "weight_decay": 0.1}),
    ("RMSprop", {}),
    ("RMSprop", {"centered": True, "momentum": 0.5, "alpha": 0.9}),
    ("NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"weight_decay": 0.1}),
    ("AdamW", {}),
    ("AdamW", {"lr": 1e-2, "weight_decay": 0.3}),
]


def run(optimizer_class, arguments, *, steps=100, seed=0, dtype=torch.float64, groups=False):
    generator = torch.Generator().manual_seed(seed)
    params = [torch.randn(shape, generator=generator, dtype=dtype).requires_grad_() for shape in SHAPES]
    over = [{"params": params[:2], "lr": 0.03}, {"params": params[2:], "weight_decay": 0.05}] if groups else params
    optimizer = optimizer_class(over, **arguments)
    for _ in range(steps):
        for p in params:
            p.grad = torch.randn(p.shape, generator=generator, dtype=dtype) * 3
        optimizer.step()
    return torch.cat([p.detach().reshape(-1) for p in params])


@pytest.mark.parametrize("groups", [False, True], ids=["one-group", "two-groups"])
@pytest.mark.parametrize("maximize", [False, True], ids=["minimize", "maximize"])
@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_a_class_moves_as_its_torch_twin(name, arguments, engine, maximize, groups):
    arguments = {**arguments, "maximize": maximize}
    twin = run(getattr(torch.optim, name), arguments, groups=groups)
    mine = run(getattr(ours, name), {**arguments, "engine": engine}, groups=groups)
    # torch keeps NAdam's product of momenta in float32, whatever the parameters are
    torch.testing.assert_close(mine, twin, rtol=1e-11, atol=1e-8 if name == "NAdam" else 1e-12)


@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_clip_norm_is_torchs_clip_grad_norm(engine):
    class Clipped(torch.optim.AdamW):
        def step(self, closure=None):
            torch.nn.utils.clip_grad_norm_([p for g in self.param_groups for p in g["params"]], 0.5)
            return super().step(closure)

    twin = run(Clipped, {})
    mine = run(ours.AdamW, {"clip_norm": 0.5, "engine": engine})
    torch.testing.assert_close(mine, twin, rtol=1e-11, atol=1e-12)
