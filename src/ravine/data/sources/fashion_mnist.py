"""Fashion-MNIST: 70,000 grey pictures of clothes, 28 × 28 pixels, 10 classes.

Source: Xiao, Rasul & Vollgraf 2017, "Fashion-MNIST: a Novel Image Dataset for Benchmarking
Machine Learning Algorithms", arXiv:1708.07747.
"""

from __future__ import annotations

import os
from pathlib import Path

from ravine.core.errors import BadData
from ravine.data.raw import Raw
from ravine.data.sources.builtin import Builtin
from ravine.data.sources.idx_folder import open_idx_folder
from ravine.data.sources.options import Options

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts the files."""

VARIABLE = "RAVINE_FASHION_MNIST"
"""Environment variable that names another folder."""


def open_fashion_mnist(options: Options) -> Raw:
    """Pictures (70000, 28, 28, 1) and class names; parts "train" (60,000) and "test" (10,000) as published.

    Raises:
        BadData: The files are not on this machine; the text says how to get them.
    """
    named = os.environ.get(VARIABLE)
    folder = Path(named) if named else DEBIAN
    if not folder.is_dir():
        where = f"{VARIABLE} names {str(folder)!r}, which is" if named else f"{folder} is"
        raise BadData(
            f"fashion-mnist: {where} not a folder. Get the files with: apt-get install dataset-fashion-mnist "
            f"(Debian, Ubuntu); or put the four IDX files of Fashion-MNIST into any folder and give it: "
            f"ravine fit FOLDER, or set {VARIABLE}=FOLDER."
        )
    return open_idx_folder(
        folder, options, name="fashion-mnist", origin="fashion-mnist", classes=CLASSES, target="article"
    )


FASHION_MNIST = Builtin(
    name="fashion-mnist",
    summary="70,000 grey pictures of clothes, 28 × 28 pixels: which of 10 articles",
    open=open_fashion_mnist,
)
