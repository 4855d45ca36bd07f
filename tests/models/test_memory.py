"""What is kept for the backward pass, by closed form and by torch's profiler; blocks computed again."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch
from torch import nn

from ravine.core.errors import BadValue
from ravine.core.shapes import InputShape
from ravine.models import build, checkpoint_blocks, example, memory
from ravine.models.memory import bytes_in_words

IMAGE = InputShape(form="image", channels=3, height=16, width=16)
FAMILIES = ["mlp", "convnet", "resnet", "gru", "transformer"]


def kept(model: nn.Module, batch: torch.Tensor) -> dict[str, int]:
    record = memory(model, batch)
    assert record.predicted == record.kept, record.why_not_predicted
    assert all(layer.predicted == layer.kept for layer in record.layers)
    return {layer.name: layer.kept for layer in record.layers}


def test_a_perceptron_in_closed_form():
    """A rectifier keeps its output, which the next layer needs too; the first layer's input is the batch."""
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 128), nn.GELU(), nn.Linear(128, 10))
    rows, number = 100, 4
    assert kept(model, torch.randn(rows, 64)) == {
        "0": 0,
        "1": rows * 256 * number,
        "2": 0,
        "3": rows * 128 * number,  # GELU needs its input, the layer after it its output
        "4": rows * 128 * number,
    }


def test_convolution_normalization_pooling_and_dropout_in_closed_form():
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.MaxPool2d(2), nn.Dropout(0.5))
    model.extend([nn.Flatten(), nn.Linear(8 * 64, 5)])
    places, number = 4 * 8 * 256, 4
    assert kept(model, torch.randn(4, 3, 16, 16)) == {
        "0": 0,
        "1": places * number + 2 * 8 * number,  # its input; mean and scale of each channel
        "2": places * number + places // 4 * 8,  # its input; where each maximum was, in int64
        "3": places // 4 * number,  # the mask
        "5": places // 4 * number,
    }


def test_one_storage_counts_once_however_often_it_is_needed():
    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(8, 8)
            self.a, self.b, self.c = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(4, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.first(x)
            return self.a(x) + self.b(x) + self.c(x[:, :4])  # the last sees a part of the same storage

    assert kept(Branches(), torch.randn(10, 8)) == {"first": 0, "a": 320, "b": 0, "c": 0}
    tied = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8))
    tied[2].weight = tied[0].weight
    record = memory(tied, torch.randn(10, 8))
    assert record.parameters == (64 + 8 + 8) * 4
    assert record.fields == 320
    frozen = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 2)).requires_grad_(False)
    assert memory(frozen, torch.randn(10, 8)).kept == 0


@pytest.mark.parametrize("name", FAMILIES)
def test_predicted_is_measured_and_the_allocator_agrees(name):
    model = build(name, IMAGE, 10, rows=1_000).module
    record = memory(model, torch.randn(32, 3, 16, 16), ask_allocator=True)
    assert record.predicted == pytest.approx(record.kept, rel=0.02)
    answer = 32 * 10 * 4
    assert record.kept <= record.allocated + record.fields
    assert record.allocated == pytest.approx(record.kept + answer, rel=0.05)


def test_twice_the_rows_keep_twice_as_much():
    model = build("resnet", IMAGE, 10, rows=1_000).module
    one, two = (memory(model, torch.randn(rows, 3, 16, 16)).kept for rows in (16, 32))
    assert two / one == pytest.approx(2, rel=0.02)


def test_the_network_is_left_as_it_was():
    model = build("convnet", IMAGE, 10, rows=1_000).module.eval()
    state = {key: value.clone() for key, value in model.state_dict().items()}
    random = torch.get_rng_state()
    memory(model, torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)), ask_allocator=True)
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert not any(part.training or part._forward_hooks for part in model.modules())
    assert all(value.grad is None for value in model.parameters())


def test_what_cannot_run_on_shapes_is_measured_all_the_same():
    class Looks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.tanh(self.layer(x)) if x.sum().item() > -1e9 else x

    record = memory(Looks(), torch.randn(10, 4))
    assert record.kept == 160
    assert record.predicted is None
    assert record.why_not_predicted in str(record)
    with pytest.raises(BadValue, match="memory: the Looks cannot run on this batch: mat1"):
        memory(Looks(), torch.randn(10, 5))


def test_a_table_for_people():
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))
    lines = str(memory(model, torch.randn(100, 64))).splitlines()
    assert lines[0].split() == ["layer", "kind", "gives", "kept", "predicted", "parameters"]
    assert lines[2].split() == ["1", "ReLU", "(100,", "256)", "100.0", "KiB", "100.0", "KiB", "0"]
    assert lines[-2] == "100 rows on cpu: 100.0 KiB kept for the backward pass, predicted 100.0 KiB."
    assert lines[-1] == "Parameters 75.0 KiB, buffers 0, batch 25.0 KiB."
    assert bytes_in_words(5 * 2**40) == "5.0 TiB"


def trained(model: nn.Module, batch: torch.Tensor, steps: int = 2) -> tuple[list, dict]:
    """Gradients of each step, and the state after the last, dropout included."""
    torch.manual_seed(3)
    stepper = torch.optim.SGD(model.parameters(), lr=0.05)
    seen = []
    for _ in range(steps):
        stepper.zero_grad()
        model.train()(batch).square().mean().backward()
        seen.append([None if p.grad is None else p.grad.clone() for p in model.parameters()])
        stepper.step()
    return seen, model.state_dict()


@pytest.mark.parametrize(("name", "rows"), [("resnet", "stages"), ("transformer", "blocks")])
def test_checkpointed_blocks_give_the_same_gradients_and_state_for_less_memory(name, rows):
    plain = build(name, IMAGE, 10, rows=1_000, dropout=0.3, depth=3).module
    model = copy.deepcopy(plain)
    assert checkpoint_blocks(model) == [f"{rows}.{k}" for k in range(len(getattr(model, rows)))]
    assert list(model.state_dict()) == list(plain.state_dict())
    batch = torch.randn(16, 3, 16, 16)
    less, more = memory(model, batch, ask_allocator=True), memory(plain, batch, ask_allocator=True)
    assert less.kept < 0.4 * more.kept
    assert less.allocated < 0.4 * more.allocated
    (grads, state), (expected, reference) = trained(model, batch), trained(plain, batch)
    for mine, theirs in zip(grads, expected, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))
    for key, value in reference.items():  # running statistics are moved once a step, not twice
        assert torch.equal(state[key], value), key


def test_off_again_leaves_the_classes_as_they_were():
    model = build("resnet", IMAGE, 10, rows=1_000).module
    kinds = [type(part) for part in model.modules()]
    on = checkpoint_blocks(model)
    assert "Residual" in repr(model)
    assert checkpoint_blocks(model, None) == on
    assert [type(part) for part in model.modules()] == kinds
    assert checkpoint_blocks(model, None) == []


def test_copies_and_pickles_are_checkpointed_too():
    model = build("transformer", IMAGE, 10, rows=1_000).module
    on = checkpoint_blocks(model)
    batch = example(IMAGE, 3)[0]
    buffer = io.BytesIO()
    torch.save(model, buffer)
    buffer.seek(0)
    for other in (
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
        torch.load(buffer, weights_only=False),
    ):
        assert torch.equal(other.eval()(batch), model.eval()(batch))
        assert checkpoint_blocks(other, None) == on


def test_blocks_by_name_the_outer_of_nested_ones():
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.Tanh()), nn.Sequential(nn.Linear(4, 4), nn.Tanh()))
    assert checkpoint_blocks(copy.deepcopy(model), "1") == ["1"]
    assert checkpoint_blocks(copy.deepcopy(model), "*") == ["0", "1"]
    assert checkpoint_blocks(copy.deepcopy(model), ["0.0", "1"]) == ["0.0", "1"]
    assert checkpoint_blocks(model) == ["0", "1"]
    assert memory(model, torch.randn(5, 4)).kept == 5 * 4 * 4  # what goes into the second; the first has the batch


def test_without_gradients_nothing_is_computed_twice():
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 4)), nn.Sequential(nn.Linear(4, 4)))
    checkpoint_blocks(model)
    runs = []
    model[0][0].register_forward_pre_hook(lambda *_: runs.append(1))
    with torch.no_grad():
        model(torch.randn(2, 4))
    assert len(runs) == 1
    model(torch.randn(2, 4)).sum().backward()
    assert len(runs) == 3


@pytest.mark.parametrize(
    ("model", "blocks", "words"),
    [
        (nn.Sequential(nn.Linear(2, 2), nn.ReLU()), "auto", "no row of blocks of one class. Name what .*: 0, 1"),
        (nn.Sequential(nn.Linear(2, 2)), "first", r"no part 'first'\..* It has: 0"),
        (nn.Sequential(nn.Linear(2, 2)), [], r"must name at least one part; got \[\]"),
        (nn.ModuleDict({"list": nn.ModuleList([nn.Linear(2, 2)])}), "list", "'list' is a ModuleList, which has no"),
    ],
)
def test_what_cannot_be_checkpointed_is_refused(model, blocks, words):
    with pytest.raises(BadValue, match=words):
        checkpoint_blocks(model, blocks)


def test_twice_is_refused():
    model = build("resnet", IMAGE, 10, rows=1_000).module
    checkpoint_blocks(model, "stages.0")
    with pytest.raises(BadValue, match=r"'stages\.0' is checkpointed already"):
        checkpoint_blocks(model)
    assert checkpoint_blocks(model, None) == ["stages.0"]


@pytest.mark.slow
def test_compiled_blocks_give_the_same_gradients_and_statistics():
    plain = build("resnet", IMAGE, 10, rows=1_000, dropout=0.0).module
    model = copy.deepcopy(plain)
    checkpoint_blocks(model)
    batch = torch.randn(8, 3, 16, 16)
    compiled = torch.compile(model, backend="aot_eager")
    for run in (plain, compiled):
        run(batch).square().sum().backward()
    for mine, theirs in zip(model.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(mine.grad, theirs.grad, atol=1e-5)
    for mine, theirs in zip(model.buffers(), plain.buffers(), strict=True):
        assert torch.allclose(mine, theirs)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", ["resnet", "transformer"])
def test_on_a_gpu_prediction_measure_and_allocator_agree(name):
    model = build(name, IMAGE, 10, rows=1_000).module.cuda()
    batch = torch.randn(256, 3, 16, 16, device="cuda")
    record = memory(model, batch, ask_allocator=True)
    assert record.predicted == pytest.approx(record.kept, rel=0.02)
    assert record.allocated == pytest.approx(record.kept, rel=0.05)
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    model(batch).sum().backward()
    plain = torch.cuda.max_memory_allocated() - before
    model.zero_grad(set_to_none=True)
    checkpoint_blocks(model)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    model(batch).sum().backward()
    assert torch.cuda.max_memory_allocated() - before < 0.6 * plain
