"""Small models and the classes with arguments that exercise them."""

from __future__ import annotations

import pytest
import torch

SHAPES = [(3, 4), (4,), (), (2, 3, 2), (0,), (40_000,)]


@pytest.fixture
def make_params():
    def make(seed=0, dtype=torch.float64, shapes=SHAPES):
        generator = torch.Generator().manual_seed(seed)
        return [torch.randn(shape, generator=generator, dtype=dtype).requires_grad_() for shape in shapes]

    return make


@pytest.fixture
def walk():
    """Steps with the same random gradients each time; the parameters at the end, as one vector."""

    def walk(optimizer, steps, start=0):
        params = [p for group in optimizer.param_groups for p in group["params"]]
        for step in range(start, start + steps):
            generator = torch.Generator().manual_seed(step)
            for p in params:
                p.grad = torch.randn(p.shape, generator=generator, dtype=p.dtype)
            optimizer.step()
        return torch.cat(
            [torch.view_as_real(p).reshape(-1) if p.is_complex() else p.reshape(-1) for p in params]
        ).detach()

    return walk
