"""The networks of the benchmark, as somebody would write them."""

from __future__ import annotations

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn


def perceptron(inputs: int, hidden: int, outputs: int, activation: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    """Two hidden layers: (rows, inputs) → (rows, outputs)."""
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        activation(),
        nn.Linear(hidden, hidden),
        activation(),
        nn.Linear(hidden, outputs),
    )


def normalized_perceptron(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """With batch norm and dropout, which behave differently in training and evaluation."""
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.BatchNorm1d(hidden),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, outputs),
    )


def convolutional(side: int, outputs: int) -> nn.Sequential:
    """Two convolutions with batch norm: (rows, 1, side, side) → (rows, outputs)."""
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(12, 24, 3, padding=1),
        nn.BatchNorm2d(24),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(24 * (side // 4) ** 2, 48),
        nn.ReLU(),
        nn.Linear(48, outputs),
    )


class Reader(nn.Module):
    """A GRU over the rows of a picture: (rows, time, features) → (rows, outputs)."""

    def __init__(self, features: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.gru = nn.GRU(features, hidden, batch_first=True)
        self.head = nn.Linear(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """The class of each picture."""
        _, last = self.gru(x)
        return self.head(last[0])


class Attention(nn.Module):
    """Self-attention with `heads` heads; (rows, time, width) → the same."""

    def __init__(self, width: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.mix = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Each place looks at the others, at earlier ones alone where causal."""
        rows, time, width = x.shape
        parts = self.mix(x).view(rows, time, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        seen = nnf.scaled_dot_product_attention(parts[0], parts[1], parts[2], is_causal=self.causal)
        return self.out(seen.transpose(1, 2).reshape(rows, time, width))


class Block(nn.Module):
    """A transformer block with the normalizations in front."""

    def __init__(self, width: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width), Attention(width, heads, causal)
        self.norm2 = nn.LayerNorm(width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(rows, time, width) → the same."""
        x = x + self.attention(self.norm1(x))
        return x + self.narrow(nnf.gelu(self.wide(self.norm2(x))))


class CharacterModel(nn.Module):
    """What comes next at each place: (rows, time) → (rows, characters, time)."""

    def __init__(self, characters: int, width: int, window: int) -> None:
        super().__init__()
        self.letters, self.places = nn.Embedding(characters, width), nn.Embedding(window, width)
        self.blocks = nn.Sequential(Block(width, 4, causal=True), Block(width, 4, causal=True))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, characters)

    def forward(self, x: Tensor) -> Tensor:
        """Logits over characters on axis 1, as cross_entropy takes them."""
        hidden = self.letters(x) + self.places(torch.arange(x.shape[1]))
        return self.head(self.norm(self.blocks(hidden))).transpose(1, 2)


class PatchModel(nn.Module):
    """A picture as a sequence of patches: (rows, patches, pixels) → (rows, outputs)."""

    def __init__(self, patches: int, pixels: int, width: int, outputs: int) -> None:
        super().__init__()
        self.embed, self.places = nn.Linear(pixels, width), nn.Parameter(0.02 * torch.randn(patches, width))
        self.blocks = nn.Sequential(Block(width, 4, causal=False), Block(width, 4, causal=False))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(patches * width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of all patches together."""
        return self.head(self.norm(self.blocks(self.embed(x) + self.places)).flatten(1))


def smooth_perceptron(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Two hidden layers with SiLU, and a layer norm between them."""
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.SiLU(),
        nn.LayerNorm(hidden),
        nn.Linear(hidden, hidden),
        nn.SiLU(),
        nn.Linear(hidden, outputs),
    )


def series_convolutional(outputs: int) -> nn.Sequential:
    """Three convolutions along time without any norm: (rows, 1, 40) → (rows, outputs)."""
    return nn.Sequential(
        nn.Conv1d(1, 16, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv1d(16, 24, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv1d(24, 24, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(24 * 5, 48),
        nn.ReLU(),
        nn.Linear(48, outputs),
    )


class Around(nn.Module):
    """What it is given, and what `inner` makes of it, added."""

    def __init__(self, *inner: nn.Module) -> None:
        super().__init__()
        self.inner = nn.Sequential(*inner)

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return x + self.inner(x)


def residual_perceptron(inputs: int, width: int) -> nn.Sequential:
    """One number from a row, by two residual blocks with the norms in front."""

    def block() -> Around:
        return Around(nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    return nn.Sequential(nn.Linear(inputs, width), block(), block(), nn.LayerNorm(width), nn.Linear(width, 1))


def residual_convolutional(outputs: int) -> nn.Sequential:
    """Two residual blocks with batch norm and the mean over places: (rows, 1, side, side) → (rows, outputs)."""

    def block(width: int) -> Around:
        return Around(nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU())

    return nn.Sequential(
        nn.Conv2d(1, 12, 3, stride=2, padding=1),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        block(12),
        nn.Conv2d(12, 24, 3, stride=2, padding=1),
        nn.BatchNorm2d(24),
        nn.ReLU(),
        block(24),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.1),
        nn.Linear(24, outputs),
    )


class Mixing(nn.Module):
    """One round of a mixer: between the patches, then between the features of each."""

    def __init__(self, patches: int, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.between = nn.Sequential(nn.Linear(patches, 2 * patches), nn.GELU(), nn.Linear(2 * patches, patches))
        self.within = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """(rows, patches, width) → the same."""
        x = x + self.between(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.within(self.norm2(x))


class MixerModel(nn.Module):
    """A picture as patches, or as its lines, that are mixed: (rows, patches, pixels) → (rows, outputs)."""

    def __init__(self, patches: int, pixels: int, width: int, outputs: int) -> None:
        super().__init__()
        self.embed = nn.Linear(pixels, width)
        self.rounds = nn.Sequential(Mixing(patches, width), Mixing(patches, width))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the mean patch."""
        return self.head(self.norm(self.rounds(self.embed(x))).mean(1))


class RecurrentModel(nn.Module):
    """What comes next at each place, by an LSTM: (rows, time) → (rows, time, characters)."""

    def __init__(self, characters: int, width: int, hidden: int) -> None:
        super().__init__()
        self.letters = nn.Embedding(characters, width)
        self.lstm = nn.LSTM(width, hidden, batch_first=True)
        self.head = nn.Linear(hidden, characters)

    def forward(self, x: Tensor) -> Tensor:
        """Logits over characters on the last axis."""
        hidden, _ = self.lstm(self.letters(x))
        return self.head(hidden)
