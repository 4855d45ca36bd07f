"""The probe against numbers computed by hand, torch's own backward pass, and networks with planted faults."""

from __future__ import annotations

import copy
import math

import pytest
import torch
import torch.nn.functional as nnf
from PIL import Image
from torch import nn

from ravine.core.errors import BadRun, BadValue
from ravine.initialize import apply, probe


def rows(*shape: int, seed: int = 7) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def by_name(record):
    return {layer.name: layer for layer in record.layers}


def test_mean_and_deviation_are_those_of_every_number():
    model = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.LayerNorm(7), nn.Linear(7, 2))
    x = rows(40, 5)
    record = probe(model, x)
    z = x
    for layer, part in zip(record.layers, model, strict=True):
        z = part(z).detach()
        assert layer.mean == pytest.approx(z.numpy().mean(), rel=1e-4, abs=1e-7)
        assert layer.std == pytest.approx(z.numpy().std(), rel=1e-5)
        assert layer.shape == tuple(z.shape)
    assert record.batch == 40
    assert record.loss is None


def test_gradients_are_those_of_torchs_backward():
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3))
    x, y = rows(6, 2, 8, 8), torch.arange(6) % 3
    record = probe(model, x, nn.CrossEntropyLoss(), y)
    other = copy.deepcopy(model).train()
    loss = nnf.cross_entropy(other(x), y)
    loss.backward()
    assert record.loss == pytest.approx(loss.item())
    for layer in record.layers:
        own = [value.grad for value in other.get_submodule(layer.name).parameters()]
        expected = math.sqrt(sum(grad.square().sum().item() for grad in own)) if own else None
        assert layer.gradient == (None if expected is None else pytest.approx(expected, rel=1e-5))


def test_without_a_loss_gradients_are_of_a_random_direction_and_the_same_each_time():
    model, x = nn.Linear(6, 5), rows(9, 6)
    cotangent = torch.randn(9, 5, generator=torch.Generator().manual_seed(0)) / 9
    expected = math.hypot((cotangent.T @ x).norm().item(), cotangent.sum(0).norm().item())
    assert probe(model, x).layers[0].gradient == pytest.approx(expected, rel=1e-5)
    assert probe(model, x) == probe(model, x)


def test_saturated_units_are_counted_by_the_kind_of_activation():
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tanh, self.sigmoid, self.relu = nn.Tanh(), nn.Sigmoid(), nn.ReLU()

        def forward(self, x):
            return self.tanh(x) + self.sigmoid(x) + self.relu(x)

    # atanh(0.97) = 2.09, logit(0.97) = 3.48
    x = torch.tensor([[0.0, 2.0, 2.2, -2.2], [3.0, 3.6, -3.6, 0.0]])
    layers = by_name(probe(Fixed(), x))
    assert layers["tanh"].saturated == pytest.approx(5 / 8)
    assert layers["sigmoid"].saturated == pytest.approx(2 / 8)
    assert layers["relu"].saturated is None
    assert layers["tanh"].dead is None


def test_dead_is_zero_for_every_row_and_sparse_is_not():
    model = nn.Sequential(nn.Linear(8, 10), nn.ReLU(), nn.Linear(10, 1))
    with torch.no_grad():
        model[0].bias.zero_()
        model[0].bias[:3] = -100.0
    x = rows(64, 8)
    layer = by_name(probe(model, x))["1"]
    assert layer.dead == pytest.approx(0.3)
    assert (model[:2](x) == 0).float().mean() > 0.5  # most numbers are 0, and most units are alive
    with torch.no_grad():
        model[0].bias[:3] = -100.0
        model[0].weight[3] = torch.eye(8)[0] * 1e3
        model[0].bias[3] = -1e3 * x[:, 0].sort().values[-2]
    assert by_name(probe(model, x))["1"].dead == pytest.approx(0.3)  # the fourth lives for one row of 64


def test_a_channel_is_dead_where_every_place_of_every_row_is_zero():
    model = nn.Sequential(nn.Conv1d(2, 4, 3), nn.ReLU())
    with torch.no_grad():
        model[0].bias[:] = torch.tensor([100.0, -100.0, 100.0, 100.0])
    assert by_name(probe(model, rows(8, 2, 9)))["1"].dead == pytest.approx(0.25)
    steps = nn.Sequential(nn.Linear(2, 4), nn.ReLU())  # (batch, steps, units): units come last
    with torch.no_grad():
        steps[0].bias[:] = torch.tensor([100.0, -100.0, -100.0, 100.0])
    assert by_name(probe(steps, rows(8, 9, 2)))["1"].dead == pytest.approx(0.5)


class Functional(nn.Module):
    """Activations as functions, one layer that runs twice, one that never runs."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.never = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 6)

    def forward(self, x):
        return self.b(torch.tanh(self.b(nnf.relu(self.a(x)))))


def test_functions_are_seen_runs_are_told_apart_and_the_unreached_is_named():
    model = Functional()
    with torch.no_grad():
        model.a.bias[:2] = -100.0
    record = probe(model, rows(32, 4))
    assert [layer.name for layer in record.layers] == ["a", "relu()", "b", "tanh()", "b#2"]
    layers = by_name(record)
    assert layers["relu()"].dead == pytest.approx(1 / 3)
    assert layers["tanh()"].saturated == 0
    assert layers["b"].gradient is not None
    assert layers["b#2"].gradient is None
    assert record.never == ("never",)
    assert "Never ran: never." in str(record)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(200, 300), (64, 200)),
        (nn.Linear(200, 300), (8, 9, 200)),
        (nn.Conv2d(16, 64, 3), (8, 16, 12, 12)),
        (nn.Conv1d(16, 64, 5, groups=4), (8, 16, 40)),
        (nn.ConvTranspose2d(32, 48, 4, stride=2), (8, 32, 12, 12)),
        (nn.utils.parametrizations.weight_norm(nn.Linear(200, 300)), (64, 200)),
    ],
)
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_what_the_formula_predicts_is_what_independent_weights_give(layer, shape, shift):
    torch.manual_seed(3)
    with torch.no_grad():
        for value in layer.parameters():
            value.normal_(0.0, 0.1)
    found = probe(nn.Sequential(layer), rows(*shape) + shift).layers
    assert [run.name for run in found] == ["0"]
    assert found[0].predicted == pytest.approx(found[0].std, rel=0.12)
    assert found[0].gradient is not None


def test_the_network_is_left_exactly_as_it_was():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Flatten())
    model.append(nn.Linear(4 * 36, 3))
    x = rows(8, 1, 8, 8)
    model(x).sum().backward()
    model.eval()
    model[3].train()
    model[0].weight.requires_grad_(False)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    identity = {name: id(value) for name, value in model.named_buffers()}
    grads = [None if value.grad is None else (value.grad, value.grad.clone()) for value in model.parameters()]
    random, given = torch.get_rng_state(), x.clone()
    probe(model, x, nn.CrossEntropyLoss(), torch.zeros(8, dtype=torch.int64))
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.equal(x, given)
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert {name: id(value) for name, value in model.named_buffers()} == identity
    for value, before in zip(model.parameters(), grads, strict=True):
        assert value.grad is before[0]
        assert torch.equal(value.grad, before[1])
    assert [part.training for part in model] == [False, False, False, True, False, False]
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())


def test_it_is_left_as_it_was_also_when_it_fails():
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(5, 2)).eval()
    state = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(BadValue, match="probe: the Sequential cannot run on this batch"):
        probe(model, rows(6, 4))
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert not model.training
    assert not any(part._forward_hooks for part in model.modules())


def deep(activation: type[nn.Module], scheme: str) -> nn.Sequential:
    parts: list[nn.Module] = []
    for _ in range(19):
        parts += [nn.Linear(64, 64), activation()]
    model = nn.Sequential(*parts, nn.Linear(64, 10))
    apply(model, scheme, activation=activation.__name__.lower(), generator=torch.Generator().manual_seed(1))
    return model


def test_a_badly_and_a_well_initialized_network_are_told_apart(tmp_path):
    x, y = rows(64, 64), torch.arange(64) % 10
    bad = probe(deep(nn.ReLU, "normal"), x, nn.CrossEntropyLoss(), y)
    good = probe(deep(nn.ReLU, "auto"), x, nn.CrossEntropyLoss(), y)
    gradients = [[layer.gradient for layer in record.weighted] for record in (bad, good)]
    assert gradients[0][0] / gradients[0][-1] < 1e-15
    assert 0.05 < gradients[1][0] / gradients[1][-1] < 20
    assert "goes from 0.08" in bad.words()[0]
    large = deep(nn.Tanh, "auto")
    with torch.no_grad():
        for part in large[::2]:
            part.weight.mul_(20)
    assert any("saturated in 19 layers" in sentence for sentence in probe(large, x).words())
    for record, name in ((bad, "bad.png"), (good, "good.PNG")):
        file = record.picture(tmp_path / name)
        with Image.open(file) as image:
            assert image.width == 1080
            assert len(set(image.get_flattened_data() if hasattr(image, "get_flattened_data") else image.getdata())) > 8


def test_a_picture_of_nothing_much(tmp_path):
    assert probe(nn.Flatten(), rows(3, 4)).picture(str(tmp_path / "flat.png")).is_file()
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    nn.init.zeros_(model[0].weight)
    nn.init.zeros_(model[0].bias)
    record = probe(model, rows(3, 4))
    assert record.layers[1].dead == 1.0
    assert record.picture(tmp_path / "zero.png").is_file()
    assert "most in '1': 100%" in str(record)
    nn.init.constant_(model[0].weight, math.inf)
    assert "not finite" in str(probe(model, rows(3, 4)))
    assert probe(model, rows(3, 4)).picture(tmp_path / "inf.png").is_file()


def test_fields_by_place_and_by_name_and_answers_of_every_form():
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.mix = nn.Embedding(5, 3), nn.Linear(3, 3)

        def forward(self, codes, numbers):
            return {"count": codes, "logits": (self.mix(numbers) + self.embed(codes),)}

    codes, numbers = torch.tensor([0, 1, 2]), rows(3, 3)
    first, second = probe(Two(), (codes, numbers)), probe(Two(), {"numbers": numbers, "codes": codes})
    assert {layer.name for layer in first.layers} == {layer.name for layer in second.layers} == {"embed", "mix"}
    assert all(layer.gradient > 0 for layer in first.layers)
    model = Two()
    found = probe(model, (codes, numbers), lambda output: output["logits"][0].square().mean())
    assert found.loss > 0


def test_layers_of_torch_that_hold_others_are_one_layer():
    encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    layers = by_name(probe(encoder, rows(3, 4, 8)))
    assert layers["self_attn"].gradient > 0
    assert "relu()" in layers
    assert probe(encoder, rows(3, 4, 8)).never == ()
    assert [layer.name for layer in probe(nn.LSTM(3, 4), rows(5, 2, 3)).layers] == ["LSTM"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"target": torch.zeros(3)}, "probe: loss must be given where a target is"),
        ({"loss": lambda output: output}, r"probe: loss must give one number; got \(3, 2\)"),
        ({"loss": lambda output: 1.0}, "probe: loss must give one number; got 'float'"),
        ({"batch": rows(3, 5)}, "cannot run on this batch: mat1 and mat2 shapes cannot be multiplied"),
        ({"batch": (rows(3, 4), rows(3, 4))}, "cannot run on this batch: .* positional arguments"),
        ({"model": nn.Sequential(nn.LazyLinear(2))}, "0.weight has no shape yet"),
    ],
)
def test_what_cannot_be_probed_is_refused(arguments, words):
    given = {"model": nn.Linear(4, 2), "batch": rows(3, 4), **arguments}
    with pytest.raises(BadValue, match=words):
        probe(**given)


def test_places_for_pictures_that_cannot_be():
    record = probe(nn.Linear(4, 2), rows(3, 4))
    with pytest.raises(BadValue, match=r"the picture's file must end in \.png"):
        record.picture("probe.jpg")
    with pytest.raises(BadRun, match="cannot be written"):
        record.picture("/nowhere/probe.png")
