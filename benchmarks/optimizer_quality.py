"""How well every rule trains when each gets the same tuning budget: a table, with what it does and does not show.

    python benchmarks/optimizer_quality.py                       all rules on all tasks (half an hour on two cores)
    python benchmarks/optimizer_quality.py --tasks digits --rules adam,diffgrad
    python benchmarks/optimizer_quality.py --write docs/guide/optimizer-quality.md

For each rule and task: seven learning rates, half a decade apart, around the rule's own scale, with three seeds each;
the one with the best mean validation score is run with ten fresh seeds. Each seed's epoch is chosen on validation rows,
its score is read on test rows. The rate falls along half a cosine, except for Schedule-Free, which needs none. Two
controls run Adam's chosen rate times 1/2 and times 0.88: a rule that gains no more than those has only been tuned.

All members of a rule, whatever their seed or rate, are one stacked network: a leading member dimension on every weight,
one batched product a layer, and one stacked step.
"""

from __future__ import annotations

import argparse
import gzip
import inspect
import itertools
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as nnf
from scipy import stats
from torch import Tensor

from ravine.optim import OPTIMIZERS
from ravine.optim.stacked import Stacked
from ravine.rules import RULES
from ravine.rules.rule import Reach

FASHION = Path("/usr/share/datasets/fashion-mnist")
HALF_DECADES = (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5)
TUNING_SEEDS = (100, 101, 102)
SEEDS = tuple(range(10))


@dataclass(frozen=True)
class Parts:
    """Inputs and targets of the three parts."""

    train: tuple[Tensor, Tensor]
    val: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Task:
    """One training job: data, the sizes of the network, how long."""

    name: str
    about: str
    parts: Callable[[], Parts]
    hidden: tuple[int, ...]
    epochs: int
    batch_size: int
    symbols: int = 0  # of text: inputs are that many different characters, embedded
    higher_is_better: bool = True


@dataclass(frozen=True)
class Entrant:
    """A rule with its hyperparameters, and the rate its grid is centred on."""

    rule: str
    centre: float
    values: dict[str, Any] = field(default_factory=dict)
    constant: bool = False  # whether the rate stays as it is


ENTRANTS = {
    "sgd": Entrant("sgd", 0.1),
    "momentum": Entrant("momentum", 0.03),
    "nesterov": Entrant("nesterov", 0.03),
    "adagrad": Entrant("adagrad", 0.03),
    "rmsprop": Entrant("rmsprop", 1e-3),
    "adam": Entrant("adam", 6e-3),
    "amsgrad": Entrant("amsgrad", 6e-3),
    "nadam": Entrant("nadam", 6e-3),
    "radam": Entrant("radam", 6e-3),
    "diffgrad": Entrant("diffgrad", 6e-3),
    "adabelief": Entrant("adabelief", 6e-3),
    "angulargrad (cos)": Entrant("angulargrad", 6e-3, {"kind": "cos"}),
    "angulargrad (tan)": Entrant("angulargrad", 6e-3, {"kind": "tan"}),
    "adainject (adam)": Entrant("adainject", 6e-3, {"base": "adam"}),
    "lion": Entrant("lion", 3e-4),
    "lamb": Entrant("lamb", 1e-2),
    "muon": Entrant("muon", 2e-2),
    "schedule-free sgd": Entrant("schedule_free_sgd", 1.0, constant=True),
    "schedule-free adamw": Entrant("schedule_free_adamw", 3e-3, constant=True),
}
CONTROLS = {"adam at 1/2 its rate": 0.5, "adam at 0.88 of its rate": 0.88}


# ---- tasks --------------------------------------------------------------------------------------


def shuffled(x: np.ndarray, y: np.ndarray, sizes: Sequence[int]) -> Parts:
    """The first rows of one fixed order, as the three parts."""
    order = np.random.default_rng(0).permutation(len(x))
    cuts = np.cumsum([0, *sizes])
    parts = []
    for begin, end in itertools.pairwise(cuts):
        rows = order[begin:end]
        parts.append((torch.tensor(x[rows], dtype=torch.float32), torch.tensor(y[rows], dtype=torch.int64)))
    mean, std = parts[0][0].mean(), parts[0][0].std()
    return Parts(*(((inputs - mean) / std, targets) for inputs, targets in parts))


def digits() -> Parts:
    from sklearn.datasets import load_digits

    data = load_digits()
    return shuffled(data.data, data.target, (1000, 300, 497))


def fashion() -> Parts:
    def read(name: str, offset: int) -> np.ndarray:
        return np.frombuffer(gzip.decompress((FASHION / name).read_bytes()), dtype=np.uint8, offset=offset)

    pixels = read("train-images-idx3-ubyte.gz", 16).reshape(-1, 784)
    return shuffled(pixels, read("train-labels-idx1-ubyte.gz", 8), (4000, 1000, 4000))


def mnist1d() -> Parts:
    from mnist1d.data import get_dataset_args, make_dataset

    arguments = get_dataset_args()
    arguments.num_samples = 6000
    made = make_dataset(arguments)
    return shuffled(np.concatenate([made["x"], made["x_test"]]), np.concatenate([made["y"], made["y_test"]]),
                    (4000, 1000, 1000))  # fmt: skip


CONTEXT = 8


def text() -> Parts:
    """The descriptions that come with scikit-learn's data: the next character from the eight before it."""
    from sklearn import datasets

    names = ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine")
    words = "\n".join(getattr(datasets, f"load_{name}")().DESCR for name in names)
    known = sorted({letter for letter in words if words.count(letter) >= 5})
    codes = np.array([known.index(letter) for letter in words if letter in known])
    windows = np.lib.stride_tricks.sliding_window_view(codes, CONTEXT + 1)
    blocks = np.array_split(windows, 50)  # whole stretches of text are kept together
    order = np.random.default_rng(0).permutation(50)
    parts = [np.concatenate([blocks[place] for place in places]) for places in np.split(order, (35, 42))]
    return Parts(*((torch.tensor(part[:, :-1]), torch.tensor(part[:, -1])) for part in parts))


TASKS = {
    "digits": Task("digits", "scikit-learn's digits, 1,000 rows, perceptron 64-64-10", digits, (64,), 25, 50),
    "fashion": Task("fashion", "Fashion-MNIST, 4,000 images, perceptron 784-100-10", fashion, (100,), 12, 100),
    "mnist1d": Task("mnist1d", "MNIST-1D, 4,000 rows, perceptron 40-100-100-10", mnist1d, (100, 100), 20, 100),
    "text": Task("text", "characters of 20 kB of prose, 8 before the next, 16 numbers each, 64 units: bits a character",
                 text, (64,), 6, 100, symbols=1, higher_is_better=False),
}  # fmt: skip


# ---- the stacked network ------------------------------------------------------------------------


def first_weights(widths: Sequence[int], symbols: int, seeds: Sequence[int]) -> list[Tensor]:
    """He's initialization of each member by its own seed: weights (members, in, out), biases (members, 1, out)."""
    members = []
    for seed in seeds:
        chance = torch.Generator().manual_seed(seed)
        drawn = [torch.randn(symbols, 16, generator=chance)] if symbols else []
        for inward, outward in itertools.pairwise(widths):
            drawn += [torch.randn(inward, outward, generator=chance) * math.sqrt(2 / inward), torch.zeros(1, outward)]
        members.append(drawn)
    return [torch.stack(tensors).requires_grad_() for tensors in zip(*members, strict=True)]


def outputs_of(params: Sequence[Tensor], x: Tensor, symbols: int) -> Tensor:
    """Logits (members, rows, classes) of inputs (members, rows, …)."""
    rest = list(params)
    if symbols:
        table = rest.pop(0)
        x = table[torch.arange(len(table))[:, None, None], x].flatten(2)
    while rest:
        x = torch.baddbmm(rest[1], x, rest[0])
        rest = rest[2:]
        if rest:
            x = x.relu()
    return x


@torch.no_grad()
def scored(params: Sequence[Tensor], part: tuple[Tensor, Tensor], task: Task, symbols: int) -> Tensor:
    """The score of each member on a part: accuracy, or bits a character."""
    x, y = part
    members = len(params[0])
    sums = torch.zeros(members)
    for rows in torch.arange(len(y)).split(1000):
        out = outputs_of(params, x[rows].expand(members, *x[rows].shape), symbols)
        wanted = y[rows].expand(members, -1)
        if task.higher_is_better:
            sums += (out.argmax(2) == wanted).sum(1)
        else:
            sums += nnf.cross_entropy(out.flatten(0, 1), wanted.flatten(), reduction="none").view(members, -1).sum(
                1
            ) / math.log(2)
    return torch.nan_to_num(sums / len(y), nan=-math.inf if task.higher_is_better else math.inf)


class Alone:
    """Members stepped one by one, for rules that see whole tensors."""

    def __init__(self, entrant: Entrant, params: Sequence[Tensor], rates: Sequence[float]) -> None:
        self._views = [[torch.nn.Parameter(p.detach()[member]) for p in params] for member in range(len(rates))]
        self._optimizers = []
        for views, rate in zip(self._views, rates, strict=True):
            whole = [view for view in views if view.shape[0] > 1 and view.ndim == 2]
            rest = [view for view in views if not (view.shape[0] > 1 and view.ndim == 2)]
            made = [OPTIMIZERS[entrant.rule](whole, lr=rate, **entrant.values)]
            # what is no matrix goes to Adam, at the rate that suits it
            made.append(OPTIMIZERS["adam"](rest, lr=min(rate, 3e-3)))
            self._optimizers.append(made)
        self._first = [[optimizer.param_groups[0]["lr"] for optimizer in made] for made in self._optimizers]

    def scale(self, factor: float) -> None:
        """Set every rate to its first one times `factor`."""
        for made, first in zip(self._optimizers, self._first, strict=True):
            for optimizer, rate in zip(made, first, strict=True):
                optimizer.param_groups[0]["lr"] = rate * factor

    def step(self, grads: Sequence[Tensor]) -> None:
        """Step every member."""
        for member, views in enumerate(self._views):
            for view, grad in zip(views, grads, strict=True):
                view.grad = grad[member]
            for optimizer in self._optimizers[member]:
                optimizer.step()

    def answering(self, params: Sequence[Tensor]) -> Sequence[Tensor]:
        """The weights to evaluate."""
        return params


class Together:
    """Members stepped as one stack."""

    def __init__(self, entrant: Entrant, params: Sequence[Tensor], rates: Sequence[float]) -> None:
        self._rates = torch.tensor(rates, dtype=torch.float64)
        self._stack = Stacked(RULES[entrant.rule], [p.detach() for p in params], lr=self._rates, **entrant.values)

    def scale(self, factor: float) -> None:
        """See `Alone.scale`."""
        self._stack.set_lr(self._rates * factor)

    def step(self, grads: Sequence[Tensor]) -> None:
        """Step every member."""
        self._stack.step(grads)

    def answering(self, params: Sequence[Tensor]) -> Sequence[Tensor]:
        """The weights to evaluate: another point than the trained one for Schedule-Free."""
        rule, values = self._stack.rule, self._stack.values
        if rule.evaluated is None:
            return params
        keywords = inspect.signature(rule.evaluated).parameters.values()
        taken = {word.name: values[word.name] for word in keywords if word.kind is word.KEYWORD_ONLY}
        return [rule.evaluated(p.detach(), state, **taken) for p, state in zip(params, self._stack.state, strict=True)]


def train(task: Task, parts: Parts, entrant: Entrant, rates: Sequence[float], seeds: Sequence[int]) -> np.ndarray:
    """Scores of every epoch: (epochs, 2 of validation and test, members)."""
    x, y = parts.train
    symbols = int(x.max()) + 1 if task.symbols else 0
    inward = CONTEXT * 16 if symbols else x.shape[1]
    params = first_weights((inward, *task.hidden, int(y.max()) + 1), symbols, seeds)
    stacks = RULES[entrant.rule].reach_with(entrant.values) is Reach.ELEMENT
    stepper: Any = (Together if stacks else Alone)(entrant, params, rates)
    orders = [torch.Generator().manual_seed(seed) for seed in seeds]
    each = len(y) // task.batch_size
    total, done, found = each * task.epochs, 0, []
    for _ in range(task.epochs):
        rows = torch.stack([torch.randperm(len(y), generator=order) for order in orders])
        for batch in rows[:, : each * task.batch_size].split(task.batch_size, dim=1):
            out = outputs_of(params, x[batch], symbols)
            loss = nnf.cross_entropy(out.flatten(0, 1), y[batch].flatten(), reduction="sum") / task.batch_size
            grads = torch.autograd.grad(loss, params)
            if not entrant.constant:
                stepper.scale(max(0.5 * (1 + math.cos(math.pi * done / total)), 1e-3))
            stepper.step(grads)
            done += 1
        answering = stepper.answering(params)
        found.append([scored(answering, part, task, symbols).numpy() for part in (parts.val, parts.test)])
    return np.array(found)


# ---- the comparison -----------------------------------------------------------------------------


def at_best_epoch(scores: np.ndarray, task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Of each member, the validation and test score at the epoch that was best on validation rows."""
    val = scores[:, 0]
    epoch = val.argmax(0) if task.higher_is_better else val.argmin(0)
    members = np.arange(val.shape[1])
    return val[epoch, members], scores[epoch, 1, members]


def tuned(task: Task, parts: Parts, entrant: Entrant) -> tuple[float, bool]:
    """The rate with the best mean validation score, and whether it lies at the edge of the grid."""
    grid = [entrant.centre * 10**power for power in HALF_DECADES]
    rates = [rate for rate in grid for _ in TUNING_SEEDS]
    val, _ = at_best_epoch(train(task, parts, entrant, rates, [*TUNING_SEEDS] * len(grid)), task)
    means = val.reshape(len(grid), len(TUNING_SEEDS)).mean(1)
    place = int(means.argmax() if task.higher_is_better else means.argmin())
    return grid[place], place in (0, len(grid) - 1)


def compare(task: Task, names: Sequence[str]) -> list[dict[str, Any]]:
    """One row a rule: its rate, its test scores over ten seeds."""
    parts, rows = task.parts(), []
    for name in ["adam", *(name for name in names if name != "adam")]:
        began = time.perf_counter()
        entrant = ENTRANTS[name]
        rate, edge = tuned(task, parts, entrant)
        _, test = at_best_epoch(train(task, parts, entrant, [rate] * len(SEEDS), SEEDS), task)
        rows.append({"task": task.name, "rule": name, "lr": rate, "edge": edge, "test": test.tolist()})
        print(f"{task.name:8} {name:26} rate {rate:<9.3g}{'(edge) ' if edge else '':8}{spread(test, task)}"
              f"   {time.perf_counter() - began:.0f} s", flush=True)  # fmt: skip
        if name == "adam":
            for control, factor in CONTROLS.items():
                _, test = at_best_epoch(train(task, parts, entrant, [rate * factor] * len(SEEDS), SEEDS), task)
                rows.append({"task": task.name, "rule": control, "lr": rate * factor, "edge": False,
                             "test": test.tolist()})  # fmt: skip
    return rows


def interval(values: np.ndarray) -> tuple[float, float]:
    """Mean and half width of its 95% interval by Student's t."""
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    return float(values.mean()), float(half)


def spread(values: np.ndarray, task: Task) -> str:
    mean, half = interval(100 * values if task.higher_is_better else values)
    return f"{mean:.2f} ± {half:.2f}" if task.higher_is_better else f"{mean:.3f} ± {half:.3f}"


def table(rows: Sequence[dict[str, Any]], task: Task) -> str:
    """A Markdown table, the best first, with the paired difference to Adam."""
    own = [row for row in rows if row["task"] == task.name]
    adam = np.array(next(row["test"] for row in own if row["rule"] == "adam"))
    sign = -1 if task.higher_is_better else 1
    own.sort(key=lambda row: sign * np.mean(row["test"]))
    unit = "accuracy, %" if task.higher_is_better else "bits a character"
    lines = [f"| rule | rate | test {unit} | less Adam's, same seeds |", "|---|---|---|---|"]
    for row in own:
        test = np.array(row["test"])
        edge = " (edge of the grid)" if row["edge"] else ""
        beside = "" if row["rule"] == "adam" else spread(test - adam, task)
        lines.append(f"| {row['rule']} | {row['lr']:.2g}{edge} | {spread(test, task)} | {beside} |")
    return "\n".join(lines)


ABOUT = """# How well the rules train

Written by `benchmarks/optimizer_quality.py`. For each rule and task the same budget: seven learning rates, half a
decade apart, three seeds each; the best by validation is run with ten fresh seeds, each seed's epoch chosen on
validation rows. Means over seeds on test rows with 95% intervals by Student's t; the last column is the difference to
Adam seed by seed, with its interval. Two controls run Adam at a half and at 0.88 of its tuned rate. LAMB and Muon step
the matrices; biases go to Adam, at the same rate but no more than 0.003.

What it shows: which differences survive equal tuning on small perceptrons, and how large a difference a slightly
different rate of Adam makes by itself. What it does not show: anything about large networks, long trainings, other
batch sizes, or the other hyperparameters of a rule, which stay at their defaults. With some twenty rules a task, one
interval in twenty excludes zero by chance.
"""


def page(rows: Sequence[dict[str, Any]]) -> str:
    """The Markdown page of all tasks that were run."""
    run = [task for task in TASKS.values() if any(row["task"] == task.name for row in rows)]
    left = [name for name in TASKS if TASKS[name] not in run]
    missing = f"\nNot run for this table: {', '.join(left)}.\n" if left else ""
    return ABOUT + missing + "".join(f"\n## {task.name}: {task.about}\n\n{table(rows, task)}\n" for task in run)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--rules", default=",".join(ENTRANTS))
    parser.add_argument("--write", type=Path, help="Markdown page to write; the scores go into a .json beside it")
    given = parser.parse_args()
    torch.manual_seed(0)
    tasks, names = [TASKS[name] for name in given.tasks.split(",")], given.rules.split(",")
    kept = given.write.with_suffix(".json") if given.write is not None else None
    rows: list[dict[str, Any]] = json.loads(kept.read_text(encoding="utf-8")) if kept and kept.exists() else []
    for task in tasks:
        rows = [row for row in rows if row["task"] != task.name] + compare(task, names)
        if kept is not None:  # after each task, so that what took long is not lost
            given.write.write_text(page(rows), encoding="utf-8")
            kept.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    if given.write is None:
        sys.stdout.write(page(rows))


if __name__ == "__main__":
    main()
