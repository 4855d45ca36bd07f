"""Ghost batch norm is torch's batch norm on each ghost batch by itself."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ravine.core.errors import BadValue
from ravine.regularize import GhostBatchNorm


def ghosts(rows: int, size: int) -> list[torch.Tensor]:
    """Which rows belong together, as the documentation says."""
    order = torch.arange(rows)
    count = max(1, rows // size)
    if count == 1:
        return [order]
    if rows % size == 0:
        return [order[k::count] for k in range(count)]
    first, rest = order[: (count - 1) * size], order[(count - 1) * size :]
    return [*(first[k :: count - 1] for k in range(count - 1)), rest]


@given(
    rows=st.integers(2, 40), size=st.integers(2, 12), positions=st.sampled_from([(), (3,), (2, 3), (2, 1, 2)]),
    momentum=st.sampled_from([0.1, 0.5, None]),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_each_ghost_batch_is_batch_norm_and_statistics_follow_one_after_another(rows, size, positions, momentum):
    x = torch.randn(rows, 3, *positions, generator=torch.Generator().manual_seed(rows)).double() * 2 + 1
    layer = GhostBatchNorm(3, size, momentum=momentum).double()
    torchs = nn.SyncBatchNorm(3, momentum=momentum).double()  # torch's batch norm of any rank, with one process
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([0.5, 1.0, 2.0]))
        layer.bias.copy_(torch.tensor([-1.0, 0.0, 1.0]))
    torchs.load_state_dict(layer.state_dict())
    out = layer(x)
    seen = torch.cat(ghosts(rows, size))
    assert torch.equal(seen.sort().values, torch.arange(rows))
    for part in ghosts(rows, size):
        assert len(part) >= min(size, rows)
        torch.testing.assert_close(out[part], torchs(x[part]))
    for name, value in torchs.state_dict().items():
        torch.testing.assert_close(layer.state_dict()[name], value)
    torch.testing.assert_close(layer.eval()(x), torchs.eval()(x))


def test_gradients_are_those_of_the_parts():
    x = torch.randn(11, 3, 4).double()
    layer, torchs = GhostBatchNorm(3, 4).double(), nn.BatchNorm1d(3).double()
    slope = torch.randn(11, 3, 4).double()
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    (layer(ours) * slope).sum().backward()
    for part in ghosts(11, 4):
        (torchs(theirs[part]) * slope[part]).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)
    torch.testing.assert_close(layer.weight.grad, torchs.weight.grad)


def test_a_whole_number_of_ghost_batches_copies_no_row(monkeypatch):
    seen = []
    real = torch.nn.functional.batch_norm
    monkeypatch.setattr(torch.nn.functional, "batch_norm", lambda x, *rest: seen.append(x) or real(x, *rest))
    x = torch.randn(12, 3, 2, 2)
    GhostBatchNorm(3, 4)(x)
    assert [part.data_ptr() for part in seen] == [x.data_ptr()]
    assert seen[0].shape == (4, 9, 2, 2)


def test_without_running_statistics_or_affine():
    x = torch.randn(8, 3)
    layer = GhostBatchNorm(3, 4, affine=False, track_running_stats=False)
    torch.testing.assert_close(layer.eval()(x), layer.train()(x))
    assert not layer.state_dict()


def test_it_survives_state_dict_deepcopy_and_export():
    model = nn.Sequential(nn.Linear(4, 6), GhostBatchNorm(6, 4))
    x = torch.randn(10, 4)
    model(x)
    model.eval()
    fresh = nn.Sequential(nn.Linear(4, 6), GhostBatchNorm(6, 4)).eval()
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(fresh(x), model(x))
    assert torch.equal(copy.deepcopy(model)(x), model(x))
    program = torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim("batch", min=2)},))
    torch.testing.assert_close(program.module()(x[:3]), model(x[:3]))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, inside its compiler
@pytest.mark.parametrize(
    ("backend", "batches"), [("aot_eager", [11]), pytest.param("inductor", [8, 11], marks=pytest.mark.slow)]
)
def test_compiled_it_computes_the_same(backend, batches):
    layer = GhostBatchNorm(3, 4)
    plain = copy.deepcopy(layer)
    compiled = torch.compile(layer, fullgraph=True, backend=backend)
    for rows in batches:
        x = torch.randn(rows, 3, 5)
        torch.testing.assert_close(compiled(x), plain(x))
    torch.testing.assert_close(layer.state_dict(), plain.state_dict())


@pytest.mark.parametrize(
    ("size", "shape", "words"),
    [
        (0, (4, 3), "size must be at least 1"),
        (4, (1, 3), "at least 2 values per channel.*swap_norm"),
        (1, (4, 3), "values per channel"),
        (4, (3,), "at least 2 dimensions"),
    ],
)
def test_what_cannot_be_is_refused(size, shape, words):
    with pytest.raises(BadValue, match=words):
        GhostBatchNorm(3, size)(torch.randn(shape))
