"""Every family on every form and size it takes: shapes, seeds, gradients, and what others do with a module."""

from __future__ import annotations

import copy
import io
import warnings

import pytest
import torch
from torch import nn

from ravine.core.errors import BadValue
from ravine.core.shapes import InputShape
from ravine.initialize import find_head
from ravine.initialize.activations import activation_module
from ravine.models import FAMILIES, advise, build, describe, example
from ravine.models.blocks import Fold, Residual, fold_side
from ravine.models.fields import embedding_width


def image(channels: int, height: int, width: int) -> InputShape:
    return InputShape(form="image", channels=channels, height=height, width=width)


IMAGES = [image(1, 8, 8), image(1, 28, 28), image(3, 32, 32), image(3, 64, 48), image(3, 5, 31), image(1, 1, 1)]
SEQUENCES = [InputShape(form="sequence", length=n, features=f) for n, f in ((1, 1), (20, 3), (200, 1))]
TABLES = [
    InputShape(form="table", numeric=5),
    InputShape(form="table", cardinalities=(3, 200, 2)),
    InputShape(form="table", numeric=2, cardinalities=(4,)),
]
SMALL = {"table": TABLES[2], "image": image(2, 9, 8), "sequence": SEQUENCES[1]}
PAIRS = [(name, SMALL[form]) for name, family in FAMILIES.items() for form in family.forms]
IDS = [f"{name}-{shape.form}" for name, shape in PAIRS]


def fields(shape: InputShape, batch: int = 6) -> tuple[torch.Tensor, ...]:
    chance = torch.Generator().manual_seed(0)
    drawn = []
    for field in example(shape, batch):
        if field.is_floating_point():
            drawn.append(torch.randn(field.shape, generator=chance))
        else:
            columns = [torch.randint(n, (batch, 1), generator=chance) for n in shape.cardinalities]
            drawn.append(torch.cat([torch.zeros(batch, 0, dtype=torch.int64), *columns], dim=1))
    return tuple(drawn)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("rows", [50, 30_000])
@pytest.mark.parametrize("shape", [*IMAGES, *SEQUENCES, *TABLES], ids=str)
def test_every_family_answers_rows_of_every_form_it_takes(name, shape, rows):
    if shape.form not in FAMILIES[name].forms:
        with pytest.raises(
            BadValue, match=rf"{name}: the data must be made of .*; got 'a {shape.form}'\. .* or auto\."
        ):
            build(name, shape, 3, rows=rows)
        return
    built = build(name, shape, 3, rows=rows)
    assert built.module.training
    out = built.module(*fields(shape))
    assert out.shape == (6, 3)
    assert torch.isfinite(out).all()
    assert find_head(built.module, 3) is built.module.head


@pytest.mark.parametrize("name", ["convnet", "resnet", "transformer"])
def test_photographs_too(name):
    shape = image(3, 224, 224)
    with torch.no_grad():
        assert build(name, shape, 7, rows=500).module.eval()(*fields(shape, 1)).shape == (1, 7)


@pytest.mark.parametrize(("name", "shape"), PAIRS, ids=IDS)
def test_one_seed_one_network_and_the_global_state_is_left_alone(name, shape):
    before = torch.get_rng_state()
    first, same, other = (build(name, shape, 2, rows=100, seed=seed).module for seed in (7, 7, 8))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), same.parameters(), strict=True))
    assert not torch.equal(first.head.weight, other.head.weight)


@pytest.mark.parametrize(("name", "shape"), PAIRS, ids=IDS)
def test_every_parameter_is_used_as_data_parallel_training_asks(name, shape):
    module = build(name, shape, 2, rows=30_000).module
    module(*fields(shape)).square().sum().backward()
    assert [n for n, p in module.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize(("name", "shape"), PAIRS, ids=IDS)
def test_a_network_learns_a_handful_of_rows_by_heart(name, shape):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = build(name, shape, 2, rows=100, width=32, dropout=0.0).module
        x, y = fields(shape, 8), torch.tensor([0, 1] * 4)
        optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
        for _ in range(50):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(module(*x), y)
            loss.backward()
            optimizer.step()
    assert loss.item() < 0.1


@pytest.mark.parametrize(("name", "shape"), PAIRS, ids=IDS)
def test_copies_and_weights_on_disk_answer_the_same(name, shape):
    module = build(name, shape, 2, rows=100).module.eval()
    x = fields(shape)
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    other = build(name, shape, 2, rows=100, seed=5).module.eval()
    other.load_state_dict(torch.load(file, weights_only=True))
    for again in (copy.deepcopy(module), other):
        assert torch.equal(again(*x), module(*x))


@pytest.mark.parametrize(("name", "shape"), PAIRS, ids=IDS)
def test_a_network_can_be_exported_with_any_number_of_rows(name, shape):
    module = build(name, shape, 2, rows=100).module.eval()
    batch = torch.export.Dim("batch", min=1, max=1024)
    inputs = fields(shape)
    with warnings.catch_warnings():
        # torch's own GRU keeps a list of its weights, about which torch.export warns without need.
        warnings.filterwarnings("ignore", message="The tensor attributes self.gru._flat_weights")
        exported = torch.export.export(
            module, inputs, dynamic_shapes=(tuple({0: batch} for _ in inputs),) if name == "mlp" else ({0: batch},)
        )
    for rows in (1, 3, 9):
        x = fields(shape, rows)
        assert torch.allclose(exported.module()(*x), module(*x), atol=1e-5)


@pytest.mark.parametrize(("name", "shape"), PAIRS, ids=IDS)
def test_a_network_runs_under_autocast(name, shape):
    module = build(name, shape, 2, rows=100).module.eval()
    x = fields(shape)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        low = module(*x).float()
    assert torch.allclose(low, module(*x), atol=0.15)


@pytest.mark.parametrize("name", ["convnet", "resnet"])
def test_memory_format_changes_nothing(name):
    shape = image(3, 32, 32)
    module = build(name, shape, 4, rows=100).module.eval()
    (x,) = fields(shape)
    plain = module(x)
    last = copy.deepcopy(module).to(memory_format=torch.channels_last)(x.contiguous(memory_format=torch.channels_last))
    assert torch.allclose(plain, last, atol=1e-4)


def test_an_mlp_begins_without_its_skip_and_contains_the_linear_model():
    shape = TABLES[2]
    module = build("mlp", shape, 1, rows=100, task_kind="regress").module
    assert module.skip.weight.abs().sum() == 0
    with torch.no_grad():
        module.head.weight.zero_()
        module.skip.weight.copy_(torch.arange(float(module.skip.in_features)))
    x = fields(shape)
    flat = torch.cat([x[0], module.fields.embeddings[0](x[1][:, 0])], dim=1)
    assert torch.allclose(module(*x)[:, 0], flat @ torch.arange(float(flat.shape[1])), atol=1e-5)


def test_residual_blocks_begin_as_their_straight_way():
    module = build("resnet", image(3, 16, 16), 2, rows=100).module.eval()
    blocks = [part for part in module.modules() if isinstance(part, Residual)]
    x = torch.randn(2, blocks[0].first[0].in_channels, 8, 8).abs()
    assert torch.equal(blocks[0](x), x)


def test_folding_keeps_every_pixel():
    x = torch.arange(2 * 3 * 5 * 7.0).view(2, 3, 5, 7) + 1
    out = Fold(2, 5, 7)(x)
    assert out.shape == (2, 12, 3, 4)
    assert sorted(out[out > 0].tolist()) == x.flatten().tolist()
    assert [fold_side(s, s, 12) for s in (8, 23, 24, 28, 47, 48, 224)] == [1, 1, 2, 2, 2, 4, 16]


@pytest.mark.parametrize(
    ("shape", "rows", "name"),
    [
        (TABLES[0], 100, "mlp"),
        (image(1, 28, 28), 50_000, "convnet"),
        (image(3, 224, 224), 1_000, "convnet"),
        (image(3, 224, 224), 20_000, "resnet"),
        (image(1, 2, 50), 100, "mlp"),
        (SEQUENCES[1], 100, "gru"),
        (SEQUENCES[2], 100, "gru"),
        (SEQUENCES[2], 20_000, "transformer"),
    ],
)
def test_auto_chooses_by_form_and_size_and_says_why(shape, rows, name):
    built = build("auto", shape, 2, rows=rows)
    assert built.name == name
    assert f"for {rows:,} rows" in built.reason
    assert "width" in built.reason


def test_sizes_are_as_asked():
    module = build("mlp", TABLES[0], 2, rows=100, width=17, depth=3, dropout=0.3, activation="tanh").module
    assert [layer.out_features for layer in module.hidden if isinstance(layer, nn.Linear)] == [17, 17, 17]
    assert sum(isinstance(layer, nn.Tanh) for layer in module.hidden) == 3
    assert {layer.p for layer in module.hidden if isinstance(layer, nn.Dropout)} == {0.3}


def test_few_rows_are_met_with_dropout_and_many_with_width():
    few, many = (build("mlp", TABLES[0], 1, rows=rows, task_kind="regress").module for rows in (300, 30_000))
    assert {layer.p for layer in few.modules() if isinstance(layer, nn.Dropout)} == {0.5}
    assert not any(isinstance(layer, nn.Dropout) for layer in many.modules())
    assert many.head.in_features > few.head.in_features


def test_embeddings_grow_slowly():
    widths = [embedding_width(n) for n in range(1, 5000)]
    assert widths == sorted(widths)
    assert widths[0] == 2
    assert widths[-1] == 50


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "convnt"}, r"unknown model 'convnt'\. Did you mean 'convnet'\?"),
        ({"width": 0}, "convnet: width must be at least 1; got 0"),
        ({"depth": 0}, "convnet: depth must be at least 1; got 0"),
        ({"dropout": 1.0}, r"convnet: dropout must be in \[0, 1\); got 1.0"),
        ({"outputs": 0}, "convnet: outputs must be at least 1; got 0"),
        ({"activation": "rulu"}, r"unknown activation 'rulu'\. Did you mean 'relu'\?"),
        ({"name": "transformer", "width": 100}, "transformer: width must be a multiple of"),
    ],
)
def test_what_no_network_can_be_is_refused(arguments, words):
    given = {"name": "convnet", "shape": SMALL["image"], "outputs": 2, "rows": 100, **arguments}
    with pytest.raises(BadValue, match=words):
        build(given.pop("name"), given.pop("shape"), given.pop("outputs"), **given)


def test_every_activation_that_weights_know_can_be_built():
    from ravine.initialize import ACTIVATIONS

    for name in ACTIVATIONS:
        assert activation_module(name)(torch.zeros(2)).shape == (2,)


@pytest.mark.parametrize(("name", "shape"), PAIRS, ids=IDS)
def test_a_description_counts_every_parameter_once(name, shape):
    module = build(name, shape, 2, rows=100).module
    module.train()
    layers = describe(module, *example(shape))
    assert sum(layer.parameters for layer in layers) == sum(p.numel() for p in module.parameters())
    assert layers[-1].output == "(batch, 2)"
    assert module.training
    assert all(not part._forward_hooks for part in module.modules())


def test_a_description_in_full():
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Sequential(nn.Linear(4, 1)))
    assert describe(module, torch.zeros(2, 3)) == [
        ("0", "Linear", "(batch, 4)", 16),
        ("1", "ReLU", "(batch, 4)", 0),
        ("2.0", "Linear", "(batch, 1)", 5),
    ]


@pytest.mark.parametrize("kind", ["classify", "regress", "multi-label"])
@pytest.mark.parametrize("form", ["table", "image", "sequence"])
def test_advice_is_sound_at_any_size_and_rows_cost_epochs(form, kind):
    advice = [advise("auto", form, rows, 10, kind) for rows in (1, 20, 300, 2_000, 50_000, 10**7)]
    for each in advice:
        assert each.epochs >= 1
        assert 0 < each.lr < 1
        assert each.batch_size >= 1
        assert 0 <= each.average < 1
        assert each.patience is None or 0 < each.patience <= each.epochs
        assert (each.label_smoothing > 0) <= (kind == "classify")
    assert [each.epochs for each in advice] == sorted((each.epochs for each in advice), reverse=True)
    assert [each.batch_size for each in advice] == sorted(each.batch_size for each in advice)
