"""What the check leaves alone, says, samples and refuses."""

import copy
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.autograd import Function

import ravine
from ravine.core.errors import BadValue, UserCodeError
from ravine.optim.gradcheck import gradcheck


class RowsOff(Function):
    """An embedding whose gradient is wrong in one row of many."""

    @staticmethod
    def forward(ctx, index, w):
        ctx.save_for_backward(index, w)
        return w[index]

    @staticmethod
    def backward(ctx, g):
        index, w = ctx.saved_tensors
        found = torch.zeros_like(w).index_put_((index,), g, accumulate=True)
        found[7] *= 1.5
        return None, found


class Table(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3000, 4))

    def forward(self, index):
        return RowsOff.apply(index, self.weight).sum(1)


def test_it_is_at_the_front_of_the_package():
    assert ravine.gradcheck is gradcheck


def test_nothing_of_the_callers_is_changed():
    model = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.5), nn.ReLU(inplace=True), nn.Linear(6, 3))
    model[0].weight.grad = torch.ones(6, 4)
    x, y = torch.randn(8, 4), torch.randn(8, 3)
    state, batch = copy.deepcopy(model.state_dict()), (x.clone(), y.clone())
    random_before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    modes = torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()
    assert gradcheck(model, nn.MSELoss(), (x, y), inputs=True).passed
    torch.testing.assert_close(model.state_dict(), state, rtol=0, atol=0)
    assert torch.equal(x, batch[0])
    assert torch.equal(y, batch[1])
    assert not x.requires_grad
    assert torch.equal(model[0].weight.grad, torch.ones(6, 4))
    assert model[4].weight.grad is None
    assert all(p.dtype == torch.float32 for p in model.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert torch.equal(torch.get_rng_state(), random_before[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == random_before[1:]
    assert (torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()) == modes


def test_the_same_seed_gives_the_same_rows(small):
    model, loss, batch = small
    model.insert(1, nn.Dropout(0.5))
    one, two, other = (gradcheck(model, loss, batch, samples=4, seed=seed) for seed in (0, 0, 1))
    assert one.rows == two.rows
    assert one.rows != other.rows


def test_samples_bound_what_is_checked_and_none_means_all(small):
    few, every = (gradcheck(*small, samples=samples) for samples in (5, None))
    assert [row.checked for row in few.rows] == [5, 3, 5, 3, 5]
    assert [row.checked for row in every.rows] == [12, 3, 9, 3, 15]
    assert few.passed
    assert every.passed


def test_a_fault_in_coordinates_that_were_not_sampled_is_found():
    model = Table()
    index = torch.randint(3000, (400, 2))
    index[0, 0] = 7
    found = gradcheck(model, lambda out, y: F.mse_loss(out, y), (index, torch.randn(400, 4)), samples=20)
    (row,) = found.wrong
    assert row.worst.index[0] == 7
    assert row.worst.analytic == pytest.approx(1.5 * row.worst.numeric, rel=1e-6)


def test_the_worst_coordinate_is_where_and_what_it_says():
    model = nn.Sequential(Table())
    found = gradcheck(model, lambda o: o.square().sum(), torch.tensor([[7, 9], [3, 4]]), samples=None)
    (row,) = found.wrong
    assert row.wrong == 4
    expected = 2 * model[0].weight.detach()[[7, 9]].double().sum(0)
    assert row.worst.numeric == pytest.approx(float(expected[row.worst.index[1]]), rel=1e-7)
    assert f"[7, {row.worst.index[1]}]" in str(found)
    assert "wrong at 4" in str(found)
    assert found.culprit.name == "0"
    assert "through RowsOff (" in str(found.culprit)
    assert "test_check.py:" in found.culprit.where


def test_the_record_as_json(small):
    told = gradcheck(*small).to_json()
    assert told["passed"] is True
    assert told["rows"][0]["name"] == "0.weight"
    assert told["rows"][0]["worst"]["index"]


def test_parameters_of_the_loss_are_checked_too():
    class Weighted(nn.Module):
        def __init__(self):
            super().__init__()
            self.log_scale = nn.Parameter(torch.tensor(0.3))

        def forward(self, output, target):
            return F.mse_loss(output, target) * self.log_scale.detach().exp() + self.log_scale.tanh()

    found = gradcheck(nn.Linear(4, 3), Weighted(), (torch.randn(5, 4), torch.randn(5, 3)))
    assert [row.name for row in found.wrong] == ["loss: log_scale"]


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        (lambda: [nn.BatchNorm1d(4)], "Batch norm in training mode (0)"),
        (lambda: [nn.BatchNorm1d(4).eval()], "Batch norm in evaluation mode (0)"),
        (lambda: [nn.Dropout(0.3)], "The model draws random numbers"),
    ],
)
def test_what_is_said_of_layers(layers, said):
    found = gradcheck(nn.Sequential(*layers(), nn.Linear(4, 3)), nn.MSELoss(), (torch.randn(6, 4), torch.randn(6, 3)))
    assert found.passed
    assert sum(note.startswith(said) for note in found.notes) == 1


def test_frozen_unused_tied_and_kinked_are_said():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
            self.d = nn.Parameter(torch.zeros(4))
            self.b.weight = self.a.weight
            self.a.bias.requires_grad_(requires_grad=False)

        def forward(self, x):
            return self.b(torch.tanh(self.a(x))) + torch.relu(self.d)

    found = gradcheck(Odd(), nn.MSELoss(), (torch.randn(6, 4), torch.randn(6, 4)))
    verdicts = {row.name: row.verdict for row in found.rows}
    assert found.passed
    assert (verdicts["a.bias"], verdicts["c.weight"], verdicts["d"]) == ("frozen", "unused", "not judged")
    assert next(row for row in found.rows if row.name == "d").kinks == 4
    text = "\n".join(found.notes)
    assert "4 coordinates of d were set aside" in text
    assert "b.weight is tied to a.weight" in text
    assert "does not depend on c.weight, c.bias" in text


def test_a_gradient_that_is_not_finite_is_said_with_its_module():
    class Root(nn.Module):
        def forward(self, x):
            return (x - x).abs().sqrt() + x

    found = gradcheck(nn.Sequential(nn.Linear(4, 3), Root()), nn.MSELoss(), (torch.randn(5, 4), torch.randn(5, 3)))
    assert {row.verdict for row in found.wrong} == {"not finite"}
    assert found.culprit.name == "1"


def test_half_precision_is_checked_in_float64_and_said(small):
    model, loss, (x, y) = small
    found = gradcheck(model.half(), loss, (x.half(), y.half()))
    assert found.passed
    assert "The model is in torch.float16" in found.notes[-1]


def test_a_compiled_model_is_checked_as_what_it_compiles(small):
    model, loss, batch = small
    assert gradcheck(torch.compile(model, backend="eager"), loss, batch).rows[0].name == "0.weight"


class Casting(nn.Linear):
    def forward(self, x):
        return super().forward(x).half().double()


class Broken(Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        raise ValueError("not written yet.")


X, Y = torch.randn(5, 4), torch.randn(5, 3)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (lambda m: (nn.ReLU(), nn.MSELoss(), (X, X)), "must have a parameter to train; it has no parameters."),
        (lambda m: (m.requires_grad_(False), nn.MSELoss(), (X, Y)), "all 2 parameters are frozen"),
        (lambda m: (m, nn.MSELoss(reduction="none"), (X, Y)), "the loss must be one number; got shape (5, 3)."),
        (lambda m: (m, lambda o, t: 1.0, (X, Y)), "the loss must be a tensor of one number; got float."),
        (lambda m: (m, nn.MSELoss(), 3), "batch must be (inputs, target): tensors, or tuples or dicts"),
        (lambda m: (m, nn.MSELoss(), (X,)), "batch must be (inputs, target); got 1 of them."),
        (lambda m: (m, nn.MSELoss(), (X[:0], Y[:0])), "batch must not be empty; got inputs of shape (0, 4)."),
        (lambda m: (m, nn.MSELoss(), ([1.0], Y)), "batch must hold tensors"),
        (lambda m: (m, nn.MSELoss(), (X * float("nan"), Y)), "the loss must be finite; it is nan."),
        (lambda m: (m, lambda o, t: o.mean() * np.random.default_rng().random(), (X, Y)), "another number each time"),
        (lambda m: (nn.LazyLinear(3), nn.MSELoss(), (X, Y)), "LazyLinear has no shapes yet. Run the model"),
        (lambda m: (print, nn.MSELoss(), (X, Y)), "model must be a torch.nn.Module; got 'builtin_function"),
        (lambda m: (m, 3, (X, Y)), "loss must be a function or a module; got 'int'."),
        (lambda m: (Casting(4, 3), nn.MSELoss(), (X, Y)), "(torch.float16) makes float64 numbers coarser"),
    ],
)
def test_what_cannot_be_checked_is_refused(given, text):
    model, loss, batch = given(nn.Linear(4, 3))
    with pytest.raises(BadValue) as refused:
        gradcheck(model, loss, batch)
    assert text in str(refused.value)


@pytest.mark.parametrize(
    ("word", "value", "text"),
    [
        ("samples", 0, "samples must be a whole number of at least 4, or None for all coordinates; got 0."),
        ("tolerance", 0.0, "tolerance must be in [1e-10, 0.1]; got 0.0."),
        ("seed", -1, "seed must be a whole number of at least 0; got -1."),
    ],
)
def test_arguments_out_of_bounds_are_refused(small, word, value, text):
    with pytest.raises(BadValue) as refused:
        gradcheck(*small, **{word: value})
    assert str(refused.value) == f"gradcheck: {text}"


def test_what_the_model_raises_is_told_with_its_place(small):
    _, loss, (x, y) = small
    with pytest.raises(UserCodeError, match=r"the forward pass raised RuntimeError: mat1 and mat2"):
        gradcheck(nn.Linear(7, 3), loss, (x, y))

    class Layer(nn.Linear):
        def forward(self, x):
            return Broken.apply(super().forward(x))

    with pytest.raises(
        UserCodeError, match=r"test_check.py:\d+: the backward pass raised ValueError: not written yet.$"
    ):
        gradcheck(Layer(4, 3), loss, (x, y))
