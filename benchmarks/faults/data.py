"""The data of the benchmark: shipped with scikit-learn, Python or Debian, so that nothing is downloaded."""

from __future__ import annotations

import argparse
import functools
import gzip
import inspect
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

FASHION = Path("/usr/share/datasets/fashion-mnist")
LETTERS = 64  # different characters of the text: the most common ones, the last for all others
WINDOW = 32  # characters of the text in one example


@dataclass
class Part:
    """Some rows: inputs (rows, …) and targets (rows, …)."""

    x: Tensor
    y: Tensor


@dataclass
class Parts:
    """What is trained on, what the program itself evaluates, and what only the benchmark sees."""

    train: Part
    val: Part
    test: Part


@functools.cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return x.astype(np.float32) / 16, y


@functools.cache
def _cancer() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    return ((x - x.mean(0)) / x.std(0)).astype(np.float32), y


@functools.cache
def _diabetes() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True)
    x, y = (x - x.mean(0)) / x.std(0), (y - y.mean()) / y.std()
    return x.astype(np.float32), y.astype(np.float32)[:, None]


@functools.cache
def _fashion() -> tuple[np.ndarray, np.ndarray]:
    def read(name: str, offset: int) -> np.ndarray:
        return np.frombuffer(gzip.decompress((FASHION / name).read_bytes()), np.uint8, offset=offset)

    x = read("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 14, 2, 14, 2).mean((2, 4))  # 14 × 14, for speed
    return ((x / 255 - 0.286) / 0.32).astype(np.float32)[:, None], read("t10k-labels-idx1-ubyte.gz", 8).astype(np.int64)


@functools.cache
def _text() -> tuple[np.ndarray, np.ndarray]:
    """Windows of a module's source, and the same shifted by one."""
    text = inspect.getsource(argparse)
    letters = sorted(set(text), key=lambda one: (-text.count(one), one))[: LETTERS - 1]
    code = {letter: place for place, letter in enumerate(letters)}
    codes = np.array([code.get(letter, LETTERS - 1) for letter in text])
    starts = np.arange(0, len(codes) - WINDOW - 1, WINDOW)
    windows = np.stack([codes[start : start + WINDOW + 1] for start in starts])
    return windows[:, :-1], windows[:, 1:]


ROWS = {
    # rows of training and validation; the test has what is left, at most 1,000
    "digits": (_digits, 1000, 300),
    "cancer": (_cancer, 350, 100),
    "diabetes": (_diabetes, 280, 80),
    "fashion-mnist": (_fashion, 2000, 500),
    "text": (_text, 1500, 300),
}


def parts(name: str, seed: int) -> Parts:
    """Disjoint rows of a data set, drawn by `seed`."""
    load, train, val = ROWS[name]
    x, y = load()
    order = np.random.default_rng(seed).permutation(len(x))
    cuts = (order[:train], order[train : train + val], order[train + val : train + val + 1000])
    return Parts(*(Part(torch.tensor(x[rows]), torch.tensor(y[rows])) for rows in cuts))
