"""One function at a time: what torch's own check says of it, this one says too."""

import pytest
import torch
from torch.autograd import Function

from made import wrong_gradients as wrong
from ravine.core.errors import BadValue, UserCodeError
from ravine.optim.gradcheck import gradcheck_function


def numbers(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


FUNCTIONS = {
    "matmul": (torch.matmul, lambda: (numbers(3, 4), numbers(4, 2))),
    "softmax": (lambda x: x.softmax(-1), lambda: (numbers(3, 5),)),
    "inverse": (torch.linalg.inv, lambda: (numbers(4, 4),)),
    "fft": (torch.fft.fft, lambda: (torch.randn(6, dtype=torch.complex128, requires_grad=True),)),
    "cumulative product": (lambda x: x.cumprod(0), lambda: (numbers(6),)),
    "several outputs": (lambda x: (x.sin(), (x**2).sum()), lambda: (numbers(5),)),
    "no input gradient": (lambda x, y: x * y.detach(), lambda: (numbers(4), numbers(4).detach())),
    "sign": (wrong.SignLinear.apply, lambda: (numbers(3, 4), numbers(5, 4))),
    "transpose": (wrong.TransposedLinear.apply, lambda: (numbers(3, 4), numbers(4, 4))),
    "layer norm": (wrong.LayerNormWithoutATerm.apply, lambda: (numbers(3, 4),)),
    "tanh": (wrong.WrongTanh.apply, lambda: (numbers(7),)),
    "softmax sum": (wrong.SoftmaxWithoutItsSum.apply, lambda: (numbers(2, 4),)),
    "conv": (wrong.UnflippedConv.apply, lambda: (numbers(2, 2, 4, 4), numbers(2, 2, 3, 3))),
    "time": (wrong.DroppedStep.apply, lambda: (numbers(2, 4, 3), numbers(3, 3))),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_agrees_with_torch(name):
    torch.manual_seed(3)
    function, make = FUNCTIONS[name]
    inputs = make()
    expected = torch.autograd.gradcheck(function, inputs, raise_exception=False)
    assert gradcheck_function(function, inputs).passed == expected


def test_a_function_class_is_called_through_apply_and_named():
    found = gradcheck_function(wrong.WrongTanh, torch.randn(7))
    assert not found.passed
    assert (found.culprit.name, found.culprit.kind) == ("WrongTanh", "function")
    assert "wrong_gradients.py:" in found.culprit.where


def test_inputs_are_left_alone():
    x = torch.randn(5)
    before = x.clone()
    assert gradcheck_function(lambda t: t.mul_(2.0).sin(), x).passed
    assert torch.equal(x, before)
    assert x.dtype == torch.float32


def test_kinks_are_set_aside_and_said():
    found = gradcheck_function(torch.relu, torch.tensor([0.0, 1.0, -1.0]))
    assert found.passed
    assert found.rows[0].kinks == 1
    assert gradcheck_function(torch.relu, torch.zeros(2)).notes


def test_a_function_that_draws_is_held_fast():
    class Noisy(Function):
        @staticmethod
        def forward(ctx, x):
            noise = torch.randn_like(x)
            ctx.save_for_backward(noise)
            return x * noise

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    assert gradcheck_function(Noisy, torch.randn(6)).passed


@pytest.mark.parametrize(
    ("function", "inputs", "text"),
    [
        (torch.sin, torch.arange(3), "sin must get a tensor in floating point; there is none in its inputs."),
        (torch.isfinite, torch.ones(3), "isfinite must return tensors in floating point; it returned none."),
        (torch.log, -torch.ones(3), "what log returns must be finite; it is not. Give it other inputs."),
    ],
)
def test_what_cannot_be_checked_is_refused(function, inputs, text):
    with pytest.raises(BadValue) as refused:
        gradcheck_function(function, inputs)
    assert text in str(refused.value)


def test_what_it_raises_is_told():
    with pytest.raises(UserCodeError, match="matmul raised RuntimeError"):
        gradcheck_function(torch.matmul, (torch.ones(2, 3), torch.ones(2, 3)))
