"""The compiled engine computes what the eager one does, and goes without a compiler."""

from __future__ import annotations

import logging

import pytest
import torch

from ravine.optim import OPTIMIZERS, compiled
from ravine.optim.compiled import NoCompiler

COMPILED = [name for name in OPTIMIZERS if name != "muon"]  # which multiplies matrices
EVERYTHING = {"weight_decay": 0.1, "clip_norm": 1.0, "clip_value": 0.5}


def agrees(name, make_params, walk, **arguments):
    kernels = dict(compiled._kernels)
    eager = walk(OPTIMIZERS[name](make_params(), engine="eager", **arguments), 10)
    optimizer = OPTIMIZERS[name](make_params(), engine="compiled", **arguments)
    other = walk(optimizer, 4)
    made = len(compiled._kernels) - len(kernels)
    optimizer.param_groups[0]["lr"] *= 0.5
    walk(optimizer, 3, start=4)
    optimizer.param_groups[0]["lr"] *= 2.0
    assert len(compiled._kernels) - len(kernels) == made == 1
    assert other.isfinite().all()
    again = walk(OPTIMIZERS[name](make_params(), engine="compiled", **arguments), 10)
    torch.testing.assert_close(again, eager, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", ["diffgrad", "adainject"])  # one remembers the gradient, one the parameter
def test_a_rule_compiles_once_for_all_shapes_and_rates(name, make_params, walk):
    agrees(name, make_params, walk)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("arguments", [{"l1": 0.01}, {**EVERYTHING, "l1": 0.02, "proximal": True, "maximize": True}])
@pytest.mark.parametrize("name", COMPILED)
def test_every_rule_compiled_is_the_rule_eager(name, arguments, make_params, walk):
    agrees(name, make_params, walk, **arguments)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_float32_agrees_to_its_rounding(make_params, walk):
    eager = walk(OPTIMIZERS["adabelief"](make_params(dtype=torch.float32), engine="eager"), 50)
    other = walk(OPTIMIZERS["adabelief"](make_params(dtype=torch.float32), engine="compiled"), 50)
    torch.testing.assert_close(other, eager, rtol=1e-5, atol=1e-6)


def test_without_a_compiler_auto_is_eager_and_says_so_once(make_params, walk, monkeypatch, caplog):
    monkeypatch.setattr(compiled, "_broken", "")
    monkeypatch.setattr(compiled, "_kernels", {})
    monkeypatch.setattr(compiled, "WORTHWHILE", 1)

    def fails(*args, **kwargs):
        raise RuntimeError("no g++ here")

    monkeypatch.setattr(compiled, "_watching", lambda seen, dtype: fails)
    expected = walk(OPTIMIZERS["lion"](make_params(), engine="eager"), 3)
    with caplog.at_level(logging.INFO, logger="ravine.optim"):
        found = walk(OPTIMIZERS["lion"](make_params()), 3)
    assert torch.equal(found, expected)
    assert len(caplog.records) == 1
    with pytest.raises(NoCompiler, match="engine='compiled' needs a working"):
        walk(OPTIMIZERS["lion"](make_params(), engine="compiled"), 1)


def test_parameters_moved_in_memory_are_stepped_where_they_are(make_params, walk):
    eager = OPTIMIZERS["diffgrad"](make_params(), engine="eager")
    expected = walk(eager, 6)
    params = make_params()
    optimizer = OPTIMIZERS["diffgrad"](params, engine="compiled")
    walk(optimizer, 3)
    for p in params:
        p.data = p.data.clone()
    torch.testing.assert_close(walk(optimizer, 3, start=3), expected, rtol=1e-12, atol=1e-13)
