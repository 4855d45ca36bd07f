"""Networks with one planted fault in a backward pass each, and where it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.autograd import Function


class Planted(NamedTuple):
    """A model, its loss and a batch; the module at fault, "loss" for the loss; "" for the model itself."""

    model: nn.Module
    loss: Callable[..., Tensor]
    batch: Any
    culprit: str


def leaky(function: type[Function], *shapes: tuple[int, ...]) -> nn.Module:
    """A module that calls `function` with its input and one parameter of each shape."""

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weights = nn.ParameterList([nn.Parameter(0.5 * torch.randn(shape)) for shape in shapes])

        def forward(self, x: Tensor) -> Tensor:
            return function.apply(x, *self.weights)

    return Layer()


def between(wrong: nn.Module, inputs: int = 6, outputs: int = 5) -> nn.Sequential:
    """The fault as module "1", a right layer before and after it."""
    return nn.Sequential(nn.Linear(4, inputs), wrong, nn.Linear(outputs, 3))


def rows(model: nn.Module, culprit: str, loss: Callable[..., Tensor] | None = None) -> Planted:
    return Planted(model, loss or nn.MSELoss(), (torch.randn(7, 4), torch.randn(7, 3)), culprit)


class SignLinear(Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x @ w.T

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        return g @ w, -(g.T @ x)


class FactorLinear(SignLinear):
    """Right for its own weight; what it sends back is twice what it should be."""

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        return 2 * (g @ w), g.T @ x


class TransposedLinear(SignLinear):
    """Square, so that no shape gives it away."""

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        return g @ w, x.T @ g


class BiasOfFirstRow(Function):
    @staticmethod
    def forward(ctx, x, b):
        return x + b

    @staticmethod
    def backward(ctx, g):
        return g, g[0]


class WrongAxisScale(Function):
    """Seven rows and seven columns: the scale's gradient is summed over the columns."""

    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * w

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        return g * w, (g * x).sum(1)


class LayerNormWithoutATerm(Function):
    @staticmethod
    def forward(ctx, x):
        deviation = (x.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
        ctx.save_for_backward(deviation)
        return (x - x.mean(-1, keepdim=True)) / deviation

    @staticmethod
    def backward(ctx, g):
        (deviation,) = ctx.saved_tensors
        return (g - g.mean(-1, keepdim=True)) / deviation


class BatchNormOfConstantVariance(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-5).detach().sqrt()


class WrongSaved(Function):
    """Saves the output where the input is meant."""

    @staticmethod
    def forward(ctx, x):
        y = x.square()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        return 2 * ctx.saved_tensors[0] * g


class Overwritten(Function):
    """Keeps the input's memory, which is overwritten before the backward pass."""

    @staticmethod
    def forward(ctx, x, w):
        held = x.clone()
        ctx.held = held
        ctx.save_for_backward(w)
        y = held @ w.T
        held.clamp_(min=0)
        return y

    @staticmethod
    def backward(ctx, g):
        (w,) = ctx.saved_tensors
        return g @ w, g.T @ ctx.held


class OffByOneEmbedding(Function):
    @staticmethod
    def forward(ctx, index, w):
        ctx.save_for_backward(index, w)
        return w[index]

    @staticmethod
    def backward(ctx, g):
        index, w = ctx.saved_tensors
        shifted = (index + 1) % len(w)
        return None, torch.zeros_like(w).index_put_((shifted,), g, accumulate=True)


class WrongSigmoid(Function):
    @staticmethod
    def forward(ctx, x):
        y = torch.sigmoid(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * y


class WrongTanh(Function):
    @staticmethod
    def forward(ctx, x):
        y = torch.tanh(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * (1 - y)


class SoftmaxWithoutItsSum(Function):
    @staticmethod
    def forward(ctx, x):
        y = x.softmax(-1)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * y


class MaskWithoutScale(Function):
    """Dropout that forgets 1/(1 − p) on the way back."""

    @staticmethod
    def forward(ctx, x):
        mask = (torch.rand_like(x) > 0.4).to(x)
        ctx.save_for_backward(mask)
        return x * mask / 0.6

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0]


class UnflippedConv(Function):
    """What goes back is correlated with the kernel where it should be convolved."""

    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return F.conv2d(x, w, padding=1)

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        return F.conv2d(g, w.transpose(0, 1), padding=1), torch.nn.grad.conv2d_weight(x, w.shape, g, padding=1)


class ConvOfOneImage(UnflippedConv):
    """The kernel's gradient leaves out all images but the first."""

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        kernel = torch.nn.grad.conv2d_weight(x[:1], w.shape, g[:1], padding=1)
        return torch.nn.grad.conv2d_input(x.shape, w, g, padding=1), kernel


class MeanPoolSharesAll(Function):
    """Max-pooling whose gradient is spread over the window."""

    @staticmethod
    def forward(ctx, x):
        return F.max_pool2d(x, 2)

    @staticmethod
    def backward(ctx, g):
        return F.interpolate(g, scale_factor=2) / 4


class MseWithoutMean(Function):
    @staticmethod
    def forward(ctx, output, target):
        ctx.save_for_backward(output, target)
        return (output - target).square().mean()

    @staticmethod
    def backward(ctx, g):
        output, target = ctx.saved_tensors
        return 2 * g * (output - target), None


class HuberUnclipped(Function):
    @staticmethod
    def forward(ctx, output, target):
        ctx.save_for_backward(output, target)
        return F.huber_loss(output, target, delta=0.3)

    @staticmethod
    def backward(ctx, g):
        output, target = ctx.saved_tensors
        return g * (output - target) / output.numel(), None


class DroppedStep(Function):
    """hₜ = tanh(xₜ + W hₜ₋₁); the backward pass through time stops one step early."""

    @staticmethod
    def forward(ctx, x, w):
        states = [torch.zeros_like(x[:, 0])]
        for step in range(x.shape[1]):
            states.append(torch.tanh(x[:, step] + states[-1] @ w.T))
        ctx.save_for_backward(w, *states)
        return states[-1]

    @staticmethod
    def backward(ctx, g):
        w, *states = ctx.saved_tensors
        to_x = [torch.zeros_like(g)]
        to_w = torch.zeros_like(w)
        for step in range(len(states) - 1, 1, -1):
            g = g * (1 - states[step].square())
            to_w += g.T @ states[step - 1]
            to_x.insert(1, g)
            g = g @ w
        return torch.stack(to_x, 1), to_w


class StaleCache(nn.Module):
    """Keeps what its first batch was, and uses it on every way back."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 6))
        self.kept: dict[str, Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        kept = self.kept
        kept.setdefault("x", x.detach())

        class Cached(Function):
            @staticmethod
            def forward(ctx, x, w):
                ctx.save_for_backward(w)
                return x @ w.T

            @staticmethod
            def backward(ctx, g):
                (w,) = ctx.saved_tensors
                return g @ w, g.T @ kept["x"]

        return Cached.apply(x, self.weight)


class DetachedBranch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.tanh(self.inner(x.detach()))


class DetachedAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(4, 4) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        scores = self.q(x) @ self.k(x).transpose(-1, -2) / 2
        return scores.softmax(-1).detach() @ self.v(x)


class UnscaledScores(Function):
    """Attention's scores; the gradient of the keys forgets 1/√d."""

    @staticmethod
    def forward(ctx, q, k):
        ctx.save_for_backward(q, k)
        return q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5

    @staticmethod
    def backward(ctx, g):
        q, k = ctx.saved_tensors
        return g @ k / q.shape[-1] ** 0.5, g.transpose(-1, -2) @ q


class UnscaledAttention(DetachedAttention):
    def forward(self, x: Tensor) -> Tensor:
        return UnscaledScores.apply(self.q(x), self.k(x)).softmax(-1) @ self.v(x)


class TruncatedCell(nn.Module):
    """A recurrent loop that forgets, on the way back, where its state came from."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(4, 6)

    def forward(self, x: Tensor) -> Tensor:
        state = x.new_zeros(len(x), 6)
        for step in range(x.shape[1]):
            state = self.cell(x[:, step], state.detach())
        return state


class SharedState(nn.Module):
    """Keeps its input on itself and not on the call: the second of two calls overwrites the first's."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.5 * torch.randn(6, 6))
        self.held: dict[str, Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        held = self.held

        class Kept(Function):
            @staticmethod
            def forward(ctx, x, w):
                held["x"] = x.detach()
                ctx.save_for_backward(w)
                return torch.tanh(x @ w.T)

            @staticmethod
            def backward(ctx, g):
                (w,) = ctx.saved_tensors
                g = g * (1 - torch.tanh(held["x"] @ w.T).square())
                return g @ w, g.T @ held["x"]

        return Kept.apply(x, self.weight)


class Last(nn.Module):
    """The last step of a sequence."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, -1]


class Twice(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.first, self.inner, self.last = nn.Linear(4, 6), inner, nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.inner(self.inner(self.first(x))))


class Encoder(nn.Module):
    """The fault is in the container: it cuts its first half off."""

    def __init__(self) -> None:
        super().__init__()
        self.low, self.high = nn.Linear(6, 6), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.high(torch.tanh(self.low(x)).data)


def images(wrong: nn.Module) -> Planted:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), wrong, nn.Flatten(), nn.LazyLinear(3))
    x = torch.randn(5, 1, 6, 6)
    model(x)
    return Planted(model, nn.CrossEntropyLoss(), (x, torch.randint(3, (5,))), "1")


def sequences(wrong: nn.Module, outputs: int, culprit: str = "1") -> Planted:
    model = nn.Sequential(nn.Linear(4, 4), wrong, nn.Linear(outputs, 3))
    return Planted(model, nn.MSELoss(), (torch.randn(5, 6, 4), torch.randn(5, 3)), culprit)


def deep() -> Planted:
    """Three containers down."""
    inner = nn.Sequential(nn.Linear(6, 6), nn.Sequential(nn.Tanh(), leaky(WrongTanh)), nn.Linear(6, 5))
    return rows(between(nn.Sequential(inner)), "1.0.1.1")


def tokens() -> Planted:
    model = nn.Sequential(leaky(OffByOneEmbedding, (9, 4)), nn.Flatten(), nn.Linear(12, 3))
    return Planted(model, nn.CrossEntropyLoss(), (torch.randint(9, (6, 3)), torch.randint(3, (6,))), "0")


def plain(loss: Callable[..., Tensor]) -> Planted:
    return rows(nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)), "loss", loss)


def attention(wrong: nn.Module) -> Planted:
    model = nn.Sequential(nn.Linear(4, 4), wrong, Last(), nn.Linear(4, 3))
    return Planted(model, nn.MSELoss(), (torch.randn(5, 6, 4), torch.randn(5, 3)), "1")


WRONG: dict[str, Callable[[], Planted]] = {
    "sign": lambda: rows(between(leaky(SignLinear, (5, 6))), "1"),
    "factor": lambda: rows(between(leaky(FactorLinear, (5, 6))), "1"),
    "transpose": lambda: rows(between(leaky(TransposedLinear, (6, 6)), 6, 6), "1"),
    "missing bias sum": lambda: rows(between(leaky(BiasOfFirstRow, (5,)), 5, 5), "1"),
    "wrong broadcast": lambda: rows(between(leaky(WrongAxisScale, (7,)), 7, 7), "1"),
    "missing term in layer norm": lambda: rows(between(leaky(LayerNormWithoutATerm), 5, 5), "1"),
    "batch norm with constant variance": lambda: rows(between(BatchNormOfConstantVariance(), 5, 5), "1"),
    "wrong saved tensor": lambda: rows(between(leaky(WrongSaved), 5, 5), "1"),
    "overwritten in place": lambda: rows(between(leaky(Overwritten, (5, 6))), "1"),
    "off by one": tokens,
    "wrong sigmoid": lambda: rows(between(leaky(WrongSigmoid), 5, 5), "1"),
    "wrong tanh, deep inside": deep,
    "softmax without its sum": lambda: rows(between(leaky(SoftmaxWithoutItsSum), 5, 5), "1"),
    "mask without scale": lambda: rows(between(leaky(MaskWithoutScale), 5, 5), "1"),
    "conv not flipped": lambda: images(leaky(UnflippedConv, (3, 2, 3, 3))),
    "conv of one image": lambda: images(leaky(ConvOfOneImage, (3, 2, 3, 3))),
    "max-pool that shares": lambda: images(leaky(MeanPoolSharesAll)),
    "loss without 1/n": lambda: plain(MseWithoutMean.apply),
    "huber not clipped": lambda: plain(HuberUnclipped.apply),
    "dropped time step": lambda: sequences(leaky(DroppedStep, (4, 4)), 4),
    "truncated recurrence": lambda: sequences(TruncatedCell(), 6),
    "stale cache": lambda: rows(between(StaleCache()), "1"),
    "state shared by two calls": lambda: rows(Twice(SharedState()), "inner"),
    "detached branch": lambda: rows(between(DetachedBranch(), 6, 6), "1"),
    "detached attention": lambda: attention(DetachedAttention()),
    "attention without its scale": lambda: attention(UnscaledAttention()),
    "cut between right modules": lambda: rows(between(Encoder()), "1"),
}
