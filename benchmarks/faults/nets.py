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
