"""Networks whose gradients are right, though many a check stumbles over them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint


class Sound(NamedTuple):
    """A model, its loss and a batch."""

    model: nn.Module
    loss: Callable[..., Tensor] | None
    batch: Any


def rows(*layers: nn.Module, outputs: int = 3) -> Sound:
    """Layers from 4 to `outputs` numbers, on seven rows."""
    return Sound(nn.Sequential(*layers), nn.MSELoss(), (torch.randn(7, 4), torch.randn(7, outputs)))


def pictures(*layers: nn.Module, constant: bool = False) -> Sound:
    x = torch.ones(4, 1, 8, 8) if constant else torch.randn(4, 1, 8, 8)
    model = nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(3))
    model(x)
    return Sound(model, nn.CrossEntropyLoss(), (x, torch.randint(3, (4,))))


class Reader(nn.Module):
    """A recurrent layer and a head on its last output."""

    def __init__(self, layer: nn.Module, width: int) -> None:
        super().__init__()
        self.layer, self.head = layer, nn.Linear(width, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(x)[0][:, -1])


def reader(kind: type[nn.RNNBase], **more: Any) -> Sound:
    layer = kind(3, 4, batch_first=True, **more)
    width = 8 if layer.bidirectional else 4
    return Sound(Reader(layer, width), nn.CrossEntropyLoss(), (torch.randn(4, 5, 3), torch.randint(2, (4,))))


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.decoder = nn.Embedding(11, 5), nn.Linear(5, 11, bias=False)
        self.decoder.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        return self.decoder(torch.tanh(self.embedding(tokens)).mean(1))


class Fourier(nn.Module):
    """Filters in frequency, with a real parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.filter = nn.Parameter(torch.randn(5))

    def forward(self, x: Tensor) -> Tensor:
        return torch.fft.irfft(torch.fft.rfft(x) * self.filter, n=x.shape[-1])


class ComplexLinear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 4, dtype=torch.complex64))

    def forward(self, x: Tensor) -> Tensor:
        return (x.to(self.weight.dtype) @ self.weight.T).abs()


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * g


class Custom(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return Cube.apply(x)


class Checkpointed(nn.Module):
    def __init__(self, *, reentrant: bool) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(5, 5), nn.Dropout(0.3), nn.Tanh())
        self.reentrant = reentrant

    def forward(self, x: Tensor) -> Tensor:
        return checkpoint(self.inner, x, use_reentrant=self.reentrant)


class Branching(nn.Module):
    """Which layer is used depends on the data."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.one(x) if float(x.sum()) > 0 else self.other(x).tanh()


class Inner(nn.Module):
    """Differentiates inside its forward pass, as a physics-informed network does."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 1))

    def forward(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            (slope,) = torch.autograd.grad(self.net(x).sum(), x, create_graph=True)
        return slope


class Counting(nn.Module):
    """Remembers how often it was called and what it last saw; neither touches the number."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.calls, self.seen = nn.Linear(4, 3), 0, None

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.seen = self.linear(x)
        return self.seen


class OwnGenerator(nn.Module):
    """Noise from a generator of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.generator = nn.Linear(4, 3), torch.Generator().manual_seed(5)

    def forward(self, x: Tensor) -> Tensor:
        noise = torch.randn(x.shape, generator=self.generator, dtype=x.dtype)
        return self.linear(x * (1 + noise))


class Named(nn.Module):
    """Takes its inputs by name and gives a dict with the loss in it."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, *, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        scores = self.linear(x)
        return {"scores": scores, "loss": F.cross_entropy(scores, labels)}


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.MultiheadAttention(4, 2, batch_first=True, dropout=0.2)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x, x, x)[0].mean(1)


def at_zero() -> Sound:
    """Every unit exactly at its kink: no bias, rows of zeros among the inputs."""
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    nn.init.zeros_(model[0].bias)
    x = torch.randn(7, 4)
    x[:3] = 0.0
    return Sound(model, nn.MSELoss(), (x, torch.randn(7, 3)))


def sequence(model: nn.Module, outputs: int = 4) -> Sound:
    return Sound(model, nn.MSELoss(), (torch.randn(3, 5, 4), torch.randn(3, outputs)))


def tokens(model: nn.Module, classes: int) -> Sound:
    return Sound(model, nn.CrossEntropyLoss(), (torch.randint(11, (6, 3)), torch.randint(classes, (6,))))


def encoder(*, training: bool) -> Sound:
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    model = nn.Sequential(layer, nn.Flatten(), nn.Linear(20, 4)).train(training)
    return sequence(model)


def frozen_half() -> Sound:
    sound = rows(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))
    sound.model[0].requires_grad_(requires_grad=False)
    return sound


RIGHT: dict[str, Callable[[], Sound]] = {
    "relu": lambda: rows(nn.Linear(4, 30), nn.ReLU(), nn.Linear(30, 30), nn.ReLU(), nn.Linear(30, 3)),
    "relu at zero": at_zero,
    "relu in place": lambda: rows(nn.ReLU(inplace=True), nn.Linear(4, 6), nn.ReLU(inplace=True), nn.Linear(6, 3)),
    "leaky relu, hardtanh": lambda: rows(nn.Linear(4, 9), nn.LeakyReLU(), nn.Linear(9, 3), nn.Hardtanh()),
    "max-pool": lambda: pictures(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2)),
    "max-pool with ties": lambda: pictures(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), constant=True),
    "dropout": lambda: rows(nn.Linear(4, 9), nn.Dropout(0.5), nn.Tanh(), nn.Dropout(0.2), nn.Linear(9, 3)),
    "spatial dropout": lambda: pictures(nn.Conv2d(1, 4, 3), nn.Dropout2d(0.5), nn.Tanh()),
    "batch norm in training": lambda: rows(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3)),
    "batch norm in evaluation": lambda: Sound(
        nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 3)).eval(),
        nn.L1Loss(),
        (torch.randn(7, 4), torch.randn(7, 3)),
    ),
    "group norm": lambda: pictures(nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4), nn.SiLU()),
    "weight norm": lambda: rows(parametrizations.weight_norm(nn.Linear(4, 6)), nn.Tanh(), nn.Linear(6, 3)),
    "gru": lambda: reader(nn.GRU),
    "lstm, two layers with dropout": lambda: reader(nn.LSTM, num_layers=2, dropout=0.3),
    "lstm, both ways": lambda: reader(nn.LSTM, bidirectional=True),
    "attention": lambda: sequence(Attention()),
    "transformer in training": lambda: encoder(training=True),
    "transformer in evaluation": lambda: encoder(training=False),
    "embedding": lambda: tokens(nn.Sequential(nn.Embedding(11, 4), nn.Flatten(), nn.Linear(12, 3)), 3),
    "sparse embedding": lambda: tokens(nn.Sequential(nn.EmbeddingBag(11, 4, sparse=True), nn.Linear(4, 3)), 3),
    "tied weights": lambda: tokens(Tied(), 11),
    "fourier": lambda: rows(nn.Linear(4, 8), Fourier(), nn.Linear(8, 3)),
    "complex weights": lambda: rows(ComplexLinear()),
    "custom function": lambda: rows(nn.Linear(4, 6), Custom(), nn.Linear(6, 3)),
    "checkpointing": lambda: rows(nn.Linear(4, 5), Checkpointed(reentrant=False), nn.Linear(5, 3)),
    "checkpointing, reentrant": lambda: rows(nn.Linear(4, 5), Checkpointed(reentrant=True), nn.Linear(5, 3)),
    "control flow": lambda: rows(nn.Linear(4, 4), Branching()),
    "gradient inside": lambda: Sound(Inner(), nn.MSELoss(), (torch.randn(7, 4), torch.randn(7, 4))),
    "counting": lambda: rows(Counting()),
    "own generator": lambda: rows(OwnGenerator()),
    "loss by name": lambda: Sound(Named(), None, {"x": torch.randn(7, 4), "labels": torch.randint(3, (7,))}),
    "frozen half": frozen_half,
    "tiny gradients": lambda: rows(nn.Linear(4, 6), nn.Sigmoid(), Scaled(1e-9), nn.Linear(6, 3)),
    "huge numbers": lambda: rows(nn.Linear(4, 6), nn.Sigmoid(), Scaled(1e9), nn.Linear(6, 3)),
}


class Scaled(nn.Module):
    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = by

    def forward(self, x: Tensor) -> Tensor:
        return self.by * x
