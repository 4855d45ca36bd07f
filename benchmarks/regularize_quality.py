"""What each regularization technique gains over none, on little data: a table and a picture.

    python benchmarks/regularize_quality.py                       everything (about ten minutes on two quiet cores)
    python benchmarks/regularize_quality.py --tasks digits --techniques dropout,mixup
    python benchmarks/regularize_quality.py --write docs/guide/regularization-quality.md      what is there is kept

Three tasks with few rows, so that there is something to regularize: 200 of scikit-learn's digits, 1,000 signals of
MNIST-1D, 2,000 pictures of Fashion-MNIST. Each technique is tried at two or three strengths with two seeds of its
own; the strength with the best mean validation accuracy is run with ten fresh seeds, and so is the network without any
technique. Each seed's epoch is chosen on validation rows and its score read on test rows; the difference to none is
taken seed by seed, with a 95% interval by Student's t.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as nnf
from PIL import Image, ImageDraw
from scipy import stats
from torch import Tensor, nn

from ravine.core import ink
from ravine.optim import AdamW, param_groups
from ravine.regularize import WeightStandardization, apply, swap_norm
from ravine.regularize.chosen import choose

FASHION = Path("/usr/share/datasets/fashion-mnist")
SEEDS = tuple(range(10))
TUNING_SEEDS = (100, 101)
Part = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Task:
    """Rows, and the network that learns them."""

    name: str
    about: str
    parts: Callable[[], tuple[Part, Part, Part]]
    network: Callable[[], nn.Module]
    epochs: int
    pictures: bool = False


def dense(inputs: int, width: int) -> nn.Module:
    """A perceptron with two hidden layers."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(inputs, width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, 10),
    )


class Block(nn.Module):
    """x + f(x) on pictures."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """The sum, rectified."""
        return nnf.relu(x + self.branch(x))


def convolutional() -> nn.Module:
    """A small residual network that reads the pictures at a quarter of their side."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 4, stride=4, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        Block(16),
        Block(16),
        nn.Flatten(),
        nn.Linear(16 * 49, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


def shuffled(x: np.ndarray, y: np.ndarray, sizes: tuple[int, int, int]) -> tuple[Part, Part, Part]:
    """The first rows of one fixed order, as three parts, standardized by the first."""
    order = np.random.default_rng(0).permutation(len(x))[: sum(sizes)]
    inputs, labels = torch.tensor(x[order], dtype=torch.float32), torch.tensor(y[order], dtype=torch.int64)
    inputs = (inputs - inputs[: sizes[0]].mean()) / inputs[: sizes[0]].std()
    train, val, test = zip(inputs.split(sizes), labels.split(sizes), strict=True)
    return train, val, test


def digits() -> tuple[Part, Part, Part]:
    from sklearn.datasets import load_digits

    data = load_digits()
    return shuffled(data.images[:, None], data.target, (200, 300, 1297))


def mnist1d() -> tuple[Part, Part, Part]:
    from mnist1d.data import get_dataset_args, make_dataset

    arguments = get_dataset_args()
    arguments.num_samples = 6000
    made = make_dataset(arguments)
    x = np.concatenate([made["x"], made["x_test"]])
    y = np.concatenate([made["y"], made["y_test"]])
    return shuffled(x, y, (1000, 1000, 4000))


def fashion() -> tuple[Part, Part, Part]:
    def read(name: str, offset: int) -> np.ndarray:
        return np.frombuffer(gzip.decompress((FASHION / name).read_bytes()), dtype=np.uint8, offset=offset)

    pixels = read("train-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28)
    return shuffled(pixels, read("train-labels-idx1-ubyte.gz", 8), (2000, 1000, 5000))


TASKS = {
    task.name: task
    for task in (
        Task(
            "digits",
            "scikit-learn's digits, 200 rows, perceptron 64-128-128-10",
            digits,
            lambda: dense(64, 128),
            60,
            pictures=True,
        ),
        Task("mnist1d", "MNIST-1D, 1,000 rows, perceptron 40-256-256-10", mnist1d, lambda: dense(40, 256), 40),
        Task("fashion", "Fashion-MNIST, 2,000 pictures, small residual network", fashion, convolutional, 12, True),
    )
}

TECHNIQUES: dict[str, list[dict[str, Any]]] = {
    "l2": [{"l2": 1e-4}, {"l2": 1e-3}, {"l2": 1e-2}],
    "l1": [{"l1": 3e-3}, {"l1": 3e-2}, {"l1": 0.1}],
    "weight decay": [{"decay": 0.1}, {"decay": 1.0}, {"decay": 5.0}],
    "max-norm": [{"max-norm": 1.0}, {"max-norm": 2.0}, {"max-norm": 4.0}],
    "dropout": [{"dropout": 0.1}, {"dropout": 0.3}, {"dropout": 0.5}],
    "dropconnect": [{"dropconnect": 0.1}, {"dropconnect": 0.3}, {"dropconnect": 0.5}],
    "input-noise": [{"input-noise": 0.1}, {"input-noise": 0.3}, {"input-noise": 0.6}],
    "weight-noise": [
        {"weight-noise": {"std": 0.1, "relative": True}},
        {"weight-noise": {"std": 0.3, "relative": True}},
        {"weight-noise": {"std": 0.6, "relative": True}},
    ],
    "gradient-noise": [{"gradient-noise": 1e-6}, {"gradient-noise": 1e-4}, {"gradient-noise": 1e-2}],
    "label-smoothing": [{"label-smoothing": 0.05}, {"label-smoothing": 0.1}, {"label-smoothing": 0.2}],
    "mixup": [{"mixup": 0.1}, {"mixup": 0.3}, {"mixup": 1.0}],
}
OF_ROWS: dict[str, list[dict[str, Any]]] = {
    "feature-dropout": [{"feature-dropout": 0.05}, {"feature-dropout": 0.1}, {"feature-dropout": 0.2}],
}
OF_PICTURES: dict[str, list[dict[str, Any]]] = {
    "augment": [{"augment": "light"}, {"augment": "standard"}],
    "cutmix": [{"cutmix": 0.3}, {"cutmix": 1.0}],
}
OF_BLOCKS: dict[str, list[dict[str, Any]]] = {
    "stochastic-depth": [{"stochastic-depth": 0.1}, {"stochastic-depth": 0.3}],
    "dropblock": [{"dropblock": {"p": 0.1, "size": 3}}, {"dropblock": {"p": 0.2, "size": 3}}],
    "spatial-dropout": [{"spatial-dropout": 0.1}, {"spatial-dropout": 0.3}],
    "weight standardization": [{"norm": "batch", "standardized": True}],
    "group norm": [{"norm": "group"}],
    "decorrelated batch norm": [{"norm": "decorrelated"}],
    "ghost batch norm": [{"norm": "ghost"}],
}


def techniques_for(task: Task) -> dict[str, list[dict[str, Any]]]:
    """What is tried on a task."""
    return {
        **TECHNIQUES,
        **(OF_PICTURES if task.pictures else OF_ROWS),
        **(OF_BLOCKS if task.name == "fashion" else {}),
    }


def trained(task: Task, parts: tuple[Part, Part, Part], settings: dict[str, Any], seed: int) -> tuple[float, float]:
    """Validation and test accuracy in percent at the epoch that is best by validation."""
    torch.manual_seed(seed)
    (x, y), val, test = parts
    model = task.network()
    table = dict(settings)
    norm, decay = table.pop("norm", None), table.pop("decay", 0.0)
    if norm is not None:
        swap_norm(model, norm)
    if table.pop("standardized", False):
        apply(model, WeightStandardization())
    chosen = choose(table).with_classes(10)
    chosen.put_on(model)
    optimizer = AdamW(chosen.grouped(model, param_groups(model, weight_decay=decay)), lr=2e-3)
    batch, steps = 50, task.epochs * (len(x) // 50)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    best = (-1.0, 0.0)
    for _ in range(task.epochs):
        model.train()
        for rows in torch.randperm(len(x))[: len(x) // batch * batch].split(batch):
            (inputs,), targets = chosen.transform((x[rows],), y[rows])
            optimizer.zero_grad()
            nnf.cross_entropy(model(inputs), targets).backward()
            optimizer.step()
            schedule.step()
        model.eval()
        with torch.no_grad():
            score = accuracy(model, val)
            if score > best[0]:
                best = (score, accuracy(model, test))
    return best


def accuracy(model: nn.Module, part: Part) -> float:
    return 100.0 * (model(part[0]).argmax(1) == part[1]).double().mean().item()


def interval(values: list[float]) -> tuple[float, float]:
    """Mean and half of its 95% interval."""
    spread = statistics.stdev(values) / len(values) ** 0.5
    return statistics.fmean(values), float(stats.t.ppf(0.975, len(values) - 1)) * spread


def run(
    task: Task, names: list[str], known: list[dict[str, Any]], keep: Callable[[list[dict[str, Any]]], None]
) -> None:
    """The scores of every technique on a task; `keep` is handed all there are after each, `known` is not run again."""
    parts, found = task.parts(), list(known)
    have = {entry["technique"] for entry in found}
    if "none" not in have:
        found.append({"technique": "none", "settings": {}, "scores": scores_of(task, parts, {})})
    none = next(entry["scores"] for entry in found if entry["technique"] == "none")
    for name, strengths in techniques_for(task).items():
        if name in have or (names and name not in names):
            continue
        began = time.perf_counter()
        tried = [
            statistics.fmean(trained(task, parts, settings, seed)[0] for seed in TUNING_SEEDS)
            for settings in (strengths if len(strengths) > 1 else [])
        ]
        settings = strengths[tried.index(max(tried))] if tried else strengths[0]
        scores = scores_of(task, parts, settings)
        found.append({"technique": name, "settings": settings, "scores": scores})
        keep(found)
        gain, half = interval([a - b for a, b in zip(scores, none, strict=True)])
        print(
            f"{task.name:8} {name:24} {settings!s:44} {gain:6.2f} ± {half:.2f}   {time.perf_counter() - began:.0f} s",
            flush=True,
        )


def scores_of(task: Task, parts: tuple[Part, Part, Part], settings: dict[str, Any]) -> list[float]:
    """Test accuracy, a number a seed."""
    return [trained(task, parts, settings, seed)[1] for seed in SEEDS]


def page(results: dict[str, list[dict[str, Any]]], picture: str) -> str:
    """The Markdown page."""
    lines = [
        "# What regularization gains",
        "",
        "Written by `benchmarks/regularize_quality.py`. "
        + " ".join(line.strip() for line in (__doc__ or "").split("\n\n", 2)[2].splitlines()),
        "",
        "What it shows: which techniques are worth trying first when rows are few and the network is small. What it",
        "does not show: anything about large networks or long trainings, for which stochastic depth and DropBlock were",
        "made; combinations; or any strength but those tried. One interval in twenty excludes zero by chance.",
        "",
        f"![Gain of each technique over none, with its interval]({picture})",
        "",
    ]
    for name, found in results.items():
        base, half = interval(found[0]["scores"])
        lines += [
            f"## {name}: {TASKS[name].about}",
            "",
            f"Without any technique {base:.2f} ± {half:.2f} % of the test rows are right.",
            "",
            "| technique | strength | test accuracy, % | gain, same seeds |",
            "|---|---|---|---|",
        ]
        for entry in ranked(found):
            mean, _ = interval(entry["scores"])
            gain, around = entry["gain"]
            strength = ", ".join(_told(value) for value in entry["settings"].values())
            sure = "**" if abs(gain) > around else ""
            lines.append(f"| {entry['technique']} | {strength} | {mean:.2f} | {sure}{gain:+.2f} ± {around:.2f}{sure} |")
        lines.append("")
    return "\n".join(lines)


def _told(value: Any) -> str:
    return ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)


def ranked(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The techniques with their gains over none, the largest first."""
    none = found[0]["scores"]
    entries = [
        {**entry, "gain": interval([a - b for a, b in zip(entry["scores"], none, strict=True)])} for entry in found[1:]
    ]
    return sorted(entries, key=lambda entry: -entry["gain"][0])


def draw(results: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Gains with their intervals, one panel a task."""
    row, left, width, gap = 22, 220, 560, 56
    height = sum(row * len(found) + gap for found in results.values()) + 20
    image = Image.new("RGB", (left + width + 90, height), ink.PAPER)
    brush, top = ImageDraw.Draw(image), 14
    for name, found in results.items():
        entries = ranked(found)
        low = min(0.0, *(e["gain"][0] - e["gain"][1] for e in entries))
        high = max(0.5, *(e["gain"][0] + e["gain"][1] for e in entries))
        low = max(low, -high)  # what fails badly is cut off, so that the others can be told apart

        def across(value: float, low: float = low, high: float = high) -> float:
            return left + width * (min(max(value, low), high) - low) / (high - low)

        brush.text((left, top), f"{name}: points of test accuracy over none", ink.INK, ink.font(15))
        top += 26
        brush.line((across(0), top, across(0), top + row * len(entries)), ink.SOFT, 1)
        for entry in entries:
            gain, around = entry["gain"]
            middle = top + row / 2
            sure = abs(gain) > around
            color = (ink.LANES[2] if gain > 0 else ink.LANES[0]) if sure else ink.SOFT
            brush.text((left - 12, middle), entry["technique"], ink.INK, ink.font(13), anchor="rm")
            brush.line((across(gain - around), middle, across(gain + around), middle), color, 2)
            brush.ellipse((across(gain) - 4, middle - 4, across(gain) + 4, middle + 4), color)
            brush.text((left + width + 12, middle), f"{gain:+.2f}", color, ink.font(13), anchor="lm")
            top += row
        top += gap - 26
    image.save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--techniques", default="", help="with commas; all when left out")
    parser.add_argument("--write", type=Path, help="Markdown page to write; picture and scores lie beside it")
    given = parser.parse_args()
    torch.set_num_threads(1)
    results: dict[str, list[dict[str, Any]]] = {}
    if given.write is not None and given.write.with_suffix(".json").exists():
        results = json.loads(given.write.with_suffix(".json").read_text(encoding="utf-8"))
    for name in given.tasks.split(","):

        def keep(found: list[dict[str, Any]], name: str = name) -> None:
            results[name] = found
            if given.write is not None:
                write({task: results[task] for task in TASKS if task in results}, given.write)

        run(TASKS[name], [word for word in given.techniques.split(",") if word], results.get(name, []), keep)


def write(results: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """The page, its picture, and the scores beside it."""
    path.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    picture = path.parent.parent / "images" / "regularization-quality.png"
    draw(results, picture)
    path.write_text(page(results, f"../images/{picture.name}"), encoding="utf-8")


if __name__ == "__main__":
    main()
