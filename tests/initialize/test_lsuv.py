"""LSUV against variances measured by hooks of the test's own; what stays as it was."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from ravine.core.errors import BadValue
from ravine.initialize import apply, lsuv


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rows(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(7))


def variances(model: nn.Module, batch: torch.Tensor) -> dict[str, float]:
    """Output variance of each weighted layer in training mode, by numpy."""
    found: dict[str, float] = {}

    def note(name: str, output: torch.Tensor) -> None:
        found.setdefault(name, float(output.detach().numpy().var()))

    handles = [
        part.register_forward_hook(lambda _, __, output, name=name: note(name, output))
        for name, part in model.named_modules()
        if isinstance(part, nn.Linear | nn.Conv2d)
    ]
    with torch.no_grad():
        model.train()(batch)
    for handle in handles:
        handle.remove()
    return found


def deep_tanh() -> nn.Sequential:
    parts: list[nn.Module] = []
    for _ in range(12):
        parts += [nn.Linear(48, 48), nn.Tanh()]
    return nn.Sequential(*parts, nn.Linear(48, 5))


def convolutions() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False),
        nn.ELU(),
        nn.Conv2d(8, 8, 3, groups=2, padding=1),
        nn.BatchNorm2d(8),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(8 * 7 * 7, 10),
    )


@pytest.mark.parametrize(("make", "shape"), [(deep_tanh, (256, 48)), (convolutions, (32, 3, 16, 16))])
def test_every_layer_gives_variance_one(make, shape):
    model, batch = make(), rows(*shape)
    record = lsuv(model, batch, tolerance=0.01, generator=generator())
    measured = variances(model, batch)
    assert [layer.name for layer in record.layers] == list(measured)
    assert record.never == ()
    for layer in record.layers:
        assert measured[layer.name] == pytest.approx(1, abs=0.011)
        assert layer.after == pytest.approx(measured[layer.name], rel=1e-4)
        assert layer.before * layer.factor**2 == pytest.approx(layer.after, rel=1e-3)  # linear in the weight
        assert layer.passes <= 1


def test_the_weights_are_orthogonal_up_to_their_factor():
    model = deep_tanh()
    record = lsuv(model, rows(256, 48), generator=generator())
    for layer in record.layers[:-1]:
        weight = model.get_submodule(layer.name).weight.detach() / layer.factor
        assert torch.allclose(weight @ weight.T, torch.eye(48), atol=1e-4)


def test_dropout_runs_with_the_same_mask_at_each_pass():
    model = nn.Sequential(nn.Linear(64, 64), nn.Dropout(0.5), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))
    record = lsuv(model, rows(64, 64), tolerance=1e-4, generator=generator())
    assert all(layer.passes <= 1 and abs(layer.after - 1) < 1e-4 for layer in record.layers)


class Twice(nn.Module):
    """A layer that runs twice, one that never runs, and two that share a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.never = nn.Linear(16, 16)
        self.twice = nn.Linear(16, 16)
        self.tied = nn.Linear(16, 16)
        self.tied.weight = self.twice.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.tied(torch.tanh(self.twice(torch.tanh(self.twice(x)))))


def test_shared_layers_are_scaled_once_and_those_never_reached_are_told():
    model, batch = Twice(), rows(200, 16) * 3
    record = lsuv(model, batch, generator=generator())
    assert [layer.name for layer in record.layers] == ["twice"]
    assert record.never == ("never", "tied")
    assert model.twice(batch).var().item() == pytest.approx(1, abs=0.06)
    assert "never run on this batch: never, tied" in str(record)


def test_buffers_modes_and_random_state_stay_and_one_seed_gives_one_network():
    model = convolutions().eval()
    model[3].train()
    buffers = {name: value.clone() for name, value in model.named_buffers()}
    state = torch.get_rng_state()
    lsuv(model, rows(8, 3, 16, 16), generator=generator(3))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, buffers[name]) for name, value in model.named_buffers())
    assert [part.training for part in model] == [False] * 3 + [True] + [False] * 3
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())
    other = convolutions()
    lsuv(other, rows(8, 3, 16, 16), generator=generator(3))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


def test_a_weight_that_is_computed_is_set_through_what_computes_it():
    model = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(32, 32)), nn.Tanh(), nn.Linear(32, 2))
    batch = rows(128, 32) * 4
    lsuv(model, batch, generator=generator())
    assert model[0](batch).var().item() == pytest.approx(1, abs=0.06)


def test_it_trains_where_small_gaussians_do_not():
    batch, target = rows(128, 48), torch.arange(128) % 5
    falls = {}
    for name in ("lsuv", "normal"):
        model = deep_tanh()
        lsuv(model, batch, generator=generator()) if name == "lsuv" else apply(model, "normal", generator=generator())
        step = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        losses = []
        for _ in range(40):
            loss = nn.functional.cross_entropy(model(batch), target)
            losses.append(loss.item())
            step.zero_grad()
            loss.backward()
            step.step()
        falls[name] = losses[-1] / losses[0]
    assert falls["normal"] > 0.99
    assert falls["lsuv"] < 0.5


@pytest.mark.parametrize(
    ("model", "batch", "settings", "words"),
    [
        (nn.ReLU(), rows(4, 4), {}, "the ReLU has no linear or convolution layer"),
        (nn.Linear(4, 4), rows(4, 5), {}, "lsuv: the Linear cannot run on this batch: mat1 and mat2"),
        (nn.Linear(4, 4), torch.zeros(4, 4), {}, "layer 'Linear' gives variance 0 on this batch"),
        (nn.Linear(4, 4), torch.full((4, 4), math.nan), {}, "layer 'Linear' gives variance nan"),
        (nn.Linear(4, 4), rows(4, 4), {"tolerance": 0.0}, "lsuv: tolerance must be above 0; got 0.0"),
        (nn.Linear(4, 4), rows(4, 4), {"most": 0}, "lsuv: most must be at least 1; got 0"),
        (nn.Linear(4, 4), rows(4, 4), {"scheme": "ortho"}, "unknown initialization scheme 'ortho'"),
        (nn.LazyLinear(4), rows(4, 4), {}, "weight has no shape yet"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(model, batch, settings, words):
    before = [value.clone() for value in model.parameters() if not nn.parameter.is_lazy(value)]
    with pytest.raises(BadValue, match=words):
        lsuv(model, batch, **settings)
    now = [value for value in model.parameters() if not nn.parameter.is_lazy(value)]
    assert all(torch.equal(a, b) for a, b in zip(before, now, strict=True))
