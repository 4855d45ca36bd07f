"""Where torch has the rule, the two agree in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ravine.rules import RULES

BETAS = {"beta1": 0.8, "beta2": 0.95}

PAIRS = [
    ("sgd", {}, torch.optim.SGD, {}),
    ("momentum", {"momentum": 0.9}, torch.optim.SGD, {"momentum": 0.9}),
    ("momentum", {"momentum": 0.9, "dampening": 0.4}, torch.optim.SGD, {"momentum": 0.9, "dampening": 0.4}),
    ("nesterov", {"momentum": 0.8}, torch.optim.SGD, {"momentum": 0.8, "nesterov": True}),
    ("adagrad", {}, torch.optim.Adagrad, {}),
    ("adagrad", {"lr_decay": 0.1, "eps": 1e-3}, torch.optim.Adagrad, {"lr_decay": 0.1, "eps": 1e-3}),
    ("rmsprop", {}, torch.optim.RMSprop, {}),
    ("rmsprop", {"centered": True}, torch.optim.RMSprop, {"centered": True}),
    ("rmsprop", {"alpha": 0.9, "momentum": 0.9}, torch.optim.RMSprop, {"alpha": 0.9, "momentum": 0.9}),
    (
        "rmsprop",
        {"momentum": 0.5, "centered": True, "eps": 1e-3},
        torch.optim.RMSprop,
        {"momentum": 0.5, "centered": True, "eps": 1e-3},
    ),
    ("adam", {}, torch.optim.Adam, {}),
    ("adam", {**BETAS, "eps": 1e-3}, torch.optim.Adam, {"betas": (0.8, 0.95), "eps": 1e-3}),
    ("amsgrad", {}, torch.optim.Adam, {"amsgrad": True}),
    ("amsgrad", BETAS, torch.optim.Adam, {"amsgrad": True, "betas": (0.8, 0.95)}),
    ("adamw", {}, torch.optim.AdamW, {"weight_decay": 0.0}),
    ("nadam", {}, torch.optim.NAdam, {}),
    ("nadam", {**BETAS, "momentum_decay": 0.1}, torch.optim.NAdam, {"betas": (0.8, 0.95), "momentum_decay": 0.1}),
    ("radam", {}, torch.optim.RAdam, {}),
    ("radam", {**BETAS, "eps": 1e-3}, torch.optim.RAdam, {"betas": (0.8, 0.95), "eps": 1e-3}),
]


@pytest.fixture
def double():
    """torch's NAdam keeps a product in the default dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(("name", "given", "optimizer", "arguments"), PAIRS)
def test_agrees_with_torch(name, given, optimizer, arguments, kinds, walk, tensor):
    steps = 300
    grads = tensor(np.stack([kinds[kind][:steps] for kind in ("random", "sparse", "alternating", "constant")], axis=1))
    start = tensor(np.random.default_rng(2).standard_normal(grads.shape[1:]))
    theirs = start.clone().requires_grad_()
    stepper = optimizer([theirs], lr=1e-2, **arguments)
    for our, g in zip(walk(RULES[name], given, grads, start, lambda t: 1e-2), grads, strict=True):
        theirs.grad = g.clone()
        stepper.step()
        torch.testing.assert_close(our.p, theirs.detach(), rtol=1e-12, atol=1e-13)


def test_every_named_twin_is_compared():
    assert {rule.name for rule in RULES.values() if rule.twin} == {name for name, *_ in PAIRS} | {"muon"}
    for rule in RULES.values():
        if rule.twin:
            assert issubclass(getattr(torch.optim, rule.twin.removeprefix("torch.optim.")), torch.optim.Optimizer)


def muons_apart(walk, shape, dtype, given, arguments) -> float:
    """The largest relative difference of two Muons' steps."""
    grads = torch.randn(20, *shape, generator=torch.Generator().manual_seed(3), dtype=dtype)
    start = torch.zeros(shape, dtype=dtype)
    theirs = start.clone().requires_grad_()
    stepper = torch.optim.Muon([theirs], lr=1.0, weight_decay=0.0, **arguments)
    apart = 0.0
    for our, g in zip(walk(RULES["muon"], given, grads, start, lambda t: 1.0), grads, strict=True):
        before = theirs.detach().clone()
        theirs.grad = g.clone()
        stepper.step()
        moved = theirs.detach() - before
        apart = max(apart, (torch.linalg.norm(our.moved - moved) / torch.linalg.norm(moved)).item())
    return apart


MUON = pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch before 2.9 has no Muon")


@MUON
@pytest.mark.parametrize("shape", [(12, 5), (5, 12)])
@pytest.mark.parametrize("adjust", ["original", "match_rms_adamw"])
def test_muon_is_torchs_muon(walk, shape, adjust, monkeypatch):
    """In float64, with torch's cast to bfloat16 taken away."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda self: self)
    given = {"adjust_lr_fn": adjust}
    assert muons_apart(walk, shape, torch.float64, given, given) < 1e-11


@MUON
def test_muon_in_bfloat16_is_torchs_muon(walk):
    """To the precision of bfloat16: torch averages where the rule sums before it normalizes."""
    assert muons_apart(walk, (12, 5), torch.float32, {"mode": "reference"}, {}) < 0.06
