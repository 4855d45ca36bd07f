from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ravine.rules import RULES, Rates, Rule

REFERENCE = Path(__file__).parent.parent / "reference"

STEPS = 1000

NUMBERS = {
    "momentum": [{"momentum": 0.99}, {"dampening": 0.3}],
    "nesterov": [{"momentum": 0.5}],
    "adagrad": [{"lr_decay": 1e-2}, {"eps": 1e-7}],
    "rmsprop": [{"alpha": 0.9}, {"momentum": 0.9}, {"momentum": 0.9, "centered": True}, {"eps": 1e-3}],
    "adam": [{"beta1": 0.5, "beta2": 0.99}, {"eps": 1e-3}, {"beta1": 0.0, "beta2": 0.9}],
    "amsgrad": [{"beta1": 0.5, "beta2": 0.9, "mode": mode} for mode in ("torch", "paper", "keras", "optax")],
    "nadam": [{"momentum_decay": 0.02}, {"beta1": 0.5, "eps": 1e-3}],
    "diffgrad": [{"eps": 1e-3}, {"eps": 1e-3, "mode": "reference"}],
    "radam": [
        {"threshold": 4.0},
        {"beta2": 0.9, "eps": 1e-3},
        {"beta2": 0.5},
        {"threshold": 20.0, "mode": "reference"},
    ],
    "adabelief": [{"eps": 1e-8}, {"eps": 1e-8, "beta2": 0.9, "rectify": True}],
    "angulargrad": [{"eps": 1e-3}, {"beta1": 0.5, "beta2": 0.9, "kind": "tan"}],
    "adainject": [{"k": 1.0}, {"k": 3.0, "base": "diffgrad"}, {"eps": 1e-3, "mode": "reference"}],
    "lion": [{"beta1": 0.5, "beta2": 0.9}],
    "lamb": [{"weight_decay": 0.0}],
    "muon": [{"momentum": 0.5}],
    "schedule_free_sgd": [{"momentum": 1.0}, {"momentum": 0.5, "weight_decay": 0.1}],
    "schedule_free_adamw": [{"beta1": 1.0}, {"beta1": 0.5, "eps": 1e-3, "weight_decay": 0.1}],
}
"""Numeric hyperparameters away from their defaults; options are all combined by themselves."""

LEFT_OUT = {"ns_steps": (1, 5), ("muon", "mode"): ("paper",)}
"""Options too many to combine; and bfloat16, which no float64 twin follows (torch's Muon does)."""


def settings_of(rule: Rule) -> list[dict]:
    """Every combination of the discrete options, and the numbers above."""
    allowed = [
        [(name, one) for one in LEFT_OUT.get((rule.name, name), LEFT_OUT.get(name, values))]
        for name, values in rule.options.items()
    ]
    return [dict(chosen) for chosen in itertools.product(*allowed)] + NUMBERS.get(rule.name, [])


def catalogue_cases() -> list:
    return [
        pytest.param(rule, given, id=f"{rule.name}-{','.join(f'{k}={v}' for k, v in given.items()) or 'defaults'}")
        for rule in RULES.values()
        for given in settings_of(rule)
    ]


def pytest_generate_tests(metafunc):
    if {"rule", "given"} <= set(metafunc.fixturenames):
        metafunc.parametrize(("rule", "given"), catalogue_cases())
    elif "rule" in metafunc.fixturenames:
        metafunc.parametrize("rule", RULES.values(), ids=list(RULES))


def _twins() -> dict[str, type]:
    found = {}
    for path in sorted(REFERENCE.glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"reference_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found |= {one.rule: one for one in vars(module).values() if isinstance(one, type) and hasattr(one, "rule")}
        found |= {one.__name__: one for one in vars(module).values() if isinstance(one, type)}
    return found


_TWINS = _twins()


@pytest.fixture(scope="session")
def twins() -> dict[str, type]:
    """Slow twins by the name of their rule; helpers by the name of their class."""
    return _TWINS


def gradients(steps: int = STEPS) -> dict[str, np.ndarray]:
    """Gradients of each kind, shape (steps, 4, 2)."""
    rng = np.random.default_rng(7)
    shape = (steps, 4, 2)
    normal = rng.standard_normal(shape)
    size = np.linspace(0.1, 3.0, 8).reshape(4, 2)
    alternating = (-1.0) ** np.arange(steps)[:, None, None] * size
    return {
        "random": normal,
        "small": 1e-3 * rng.standard_normal(shape),
        "sparse": np.where(rng.random(shape) < 0.05, rng.standard_normal(shape), 0.0),
        "constant": np.broadcast_to(size * np.array([1.0, -1.0]), shape).copy(),
        "alternating": alternating,
        "huge": 1e80 * rng.standard_normal(shape),
        "tiny": 1e-80 * rng.standard_normal(shape),
    }


@pytest.fixture(scope="session")
def kinds() -> dict[str, np.ndarray]:
    return gradients()


def march(rule, given, grads, p, lr):
    """All displacements of a rule on a list of gradients; `lr` is a function of t."""
    values = rule.values(given)
    state = rule.first_state(p, values)
    rates = None
    for t, g in enumerate(grads, start=1):
        rates = Rates.first(lr(t)) if rates is None else rates.follow(lr(t))
        u, state = rule.direction(g, p, state, rule.tick(t, rates, values), values)
        moved = -lr(t) * u
        p = p + moved
        yield SimpleNamespace(moved=moved, p=p, state=state, u=u)


@pytest.fixture(scope="session")
def walk():
    """`march`, for the tests."""
    return march


@pytest.fixture
def tensor():
    return lambda x: torch.tensor(x, dtype=torch.float64)
