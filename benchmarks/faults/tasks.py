"""The trainings: an ordinary loop in plain PyTorch, and the places where a fault or a healthy pattern changes it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as nnf
from benchmarks.faults import nets
from benchmarks.faults.data import LETTERS, WINDOW, Part, Parts, parts
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader, TensorDataset

import ravine

OPTIMIZERS = ("sgd", "adam")


def cross_entropy(outputs: Tensor, targets: Tensor, **options: Any) -> Tensor:
    """Looked up at each call, as ordinary programs do: a function that was kept from before would go unwatched."""
    return nnf.cross_entropy(outputs, targets, **options)


def flat_cross_entropy(outputs: Tensor, targets: Tensor, **options: Any) -> Tensor:
    """(rows, time, classes) and (rows, time), as one list of places; looked up at each call."""
    return nnf.cross_entropy(outputs.flatten(0, 1), targets.flatten(), **options)


def mse_loss(outputs: Tensor, targets: Tensor, **options: Any) -> Tensor:
    """The mean square, looked up at each call."""
    return nnf.mse_loss(outputs, targets, **options)


def nll_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """What stands for cross entropy where the outputs are logarithms, looked up at each call."""
    return nnf.nll_loss(outputs, targets)


@dataclass
class Job:
    """One training, before it starts: what is planted changes these fields and nothing else.

    Attributes:
        task: Its task's name.
        optimizer: "sgd" (with momentum 0.9) or "adam".
        seed: Of the split, the weights and the order.
        parts: The data.
        build: Makes the network.
        lr: Base rate.
        schedule: Share of training done → factor of the rate; None for a constant one.
        loss: (outputs, targets) → loss.
        augment: What training inputs go through at each step.
        prepare: Called with the network before the optimizer is made.
        learnable: The parameters that the optimizer is given.
        loader: Makes the loader of training rows; (job, dataset) → iterable.
        update: One step: (job, model, optimizer, x, y).
        train_mode, eval_mode: What is called before training and before evaluation.
        repair: What stands in the network's place when the benchmark scores it: a mask that was missing, say.
        options: More words for the optimizer.
        class_axis: Of the outputs, where there are classes.
        clip: Largest gradient norm; None for no clipping.
        accumulate: Batches a step.
        program: What is watched; the ordinary loop, unless a pattern is another kind of program.
        scored: Whether its network solves the task at all.
    """

    task: str
    optimizer: str
    seed: int
    parts: Parts
    build: Callable[[], nn.Module]
    lr: float
    epochs: int
    batch_size: int
    kind: str = "classification"  # "regression", "text"
    weight_decay: float = 0.0
    schedule: Callable[[float], float] | None = None
    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy
    augment: Callable[[Tensor], Tensor] | None = None
    prepare: list[Callable[[nn.Module], None]] = field(default_factory=list)
    learnable: Callable[[nn.Module], Iterable[Any]] = nn.Module.parameters
    loader: Callable[[Job, TensorDataset], Iterable[Any]] = lambda job, rows: DataLoader(
        rows, batch_size=job.batch_size, shuffle=True
    )
    update: Callable[[Job, nn.Module, Optimizer, Tensor, Tensor], None] = lambda *given: step(*given)
    train_mode: Callable[[nn.Module], Any] = nn.Module.train
    eval_mode: Callable[[nn.Module], Any] = nn.Module.eval
    repair: Callable[[nn.Module], None] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    class_axis: int = 1
    clip: float | None = None
    accumulate: int = 1
    program: Callable[[Job, nn.Module], None] = lambda *given: run(*given)
    scored: bool = True
    batches: int = 0  # seen so far; for updates that depend on it


@dataclass(frozen=True)
class Task:
    """A data set, an architecture, and what trains it well."""

    name: str
    data: str
    architecture: str
    build: Callable[[], nn.Module]
    lr: dict[str, float]
    epochs: int
    batch_size: int
    shape: tuple[int, ...] = ()  # of one input, where it is not the data's own
    kind: str = "classification"
    clip: float | None = None
    class_axis: int = 1

    def job(self, optimizer: str, seed: int) -> Job:
        """The healthy training."""
        rows = parts(self.data, seed)
        if self.shape:
            for part in (rows.train, rows.val, rows.test):
                part.x = _shaped(part.x, self.shape)
        return Job(
            task=self.name,
            optimizer=optimizer,
            seed=seed,
            parts=rows,
            build=self.build,
            lr=self.lr[optimizer],
            epochs=self.epochs,
            batch_size=self.batch_size,
            kind=self.kind,
            weight_decay=1e-2 if self.kind == "regression" and optimizer == "sgd" else 0.0,
            loss=mse_loss
            if self.kind == "regression"
            else cross_entropy
            if self.class_axis == 1
            else flat_cross_entropy,
            class_axis=self.class_axis,
            clip=self.clip,
        )


def _shaped(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Rows of 64 pixels as pictures, rows of a picture, or 16 patches of 2 × 2."""
    if shape == (16, 4):
        return x.view(-1, 4, 2, 4, 2).permute(0, 1, 3, 2, 4).reshape(-1, 16, 4).contiguous()
    return x.view(-1, *shape)


TASKS = {
    task.name: task
    for task in (
        Task("digits-mlp", "digits", "mlp", lambda: nets.perceptron(64, 48, 10), {"sgd": 0.05, "adam": 2e-3}, 14, 50),
        Task(
            "cancer-mlp",
            "cancer",
            "mlp",
            lambda: nets.normalized_perceptron(30, 24, 2),
            {"sgd": 0.01, "adam": 1e-3},
            18,
            25,
        ),
        Task(
            "diabetes-mlp",
            "diabetes",
            "mlp",
            lambda: nets.perceptron(10, 12, 1, nn.Tanh),
            {"sgd": 0.005, "adam": 1.5e-3},
            24,
            28,
            kind="regression",
        ),
        Task(
            "digits-gru",
            "digits",
            "gru",
            lambda: nets.Reader(8, 32, 10),
            {"sgd": 0.2, "adam": 4e-3},
            14,
            50,
            shape=(8, 8),
            clip=5.0,
        ),
        Task(
            "digits-conv",
            "digits",
            "conv",
            lambda: nets.convolutional(8, 10),
            {"sgd": 0.03, "adam": 2e-3},
            12,
            50,
            shape=(1, 8, 8),
        ),
        Task(
            "fashion-conv",
            "fashion-mnist",
            "conv",
            lambda: nets.convolutional(14, 10),
            {"sgd": 0.03, "adam": 2e-3},
            8,
            64,
        ),
        Task(
            "text-transformer",
            "text",
            "transformer",
            lambda: nets.CharacterModel(LETTERS, 32, WINDOW),
            {"sgd": 0.2, "adam": 4e-3},
            4,
            25,
            kind="text",
        ),
        Task(
            "digits-patches",
            "digits",
            "transformer",
            lambda: nets.PatchModel(16, 4, 32, 10),
            {"sgd": 0.02, "adam": 2e-3},
            9,
            50,
            shape=(16, 4),
        ),
        # those below took no part in choosing thresholds
        Task(
            "mnist1d-conv1d",
            "mnist1d",
            "conv1d",
            lambda: nets.series_convolutional(10),
            {"sgd": 0.06, "adam": 4e-3},
            18,
            60,
        ),
        Task(
            "diamonds-silu",
            "diamonds",
            "silu",
            lambda: nets.smooth_perceptron(7, 40, 5),
            {"sgd": 0.03, "adam": 4e-3},
            12,
            80,
        ),
        Task(
            "computers-residual",
            "computers",
            "residual",
            lambda: nets.residual_perceptron(9, 24),
            {"sgd": 0.02, "adam": 2e-3},
            12,
            100,
            kind="regression",
        ),
        Task(
            "fashion-resnet",
            "fashion-mnist, training file",
            "resnet",
            lambda: nets.residual_convolutional(10),
            {"sgd": 0.05, "adam": 5e-3},
            10,
            50,
        ),
        Task(
            "fashion-mixer",
            "fashion-mnist, training file, later rows",
            "mixer",
            lambda: nets.MixerModel(14, 14, 32, 10),
            {"sgd": 0.03, "adam": 3e-3},
            10,
            50,
            shape=(14, 14),
        ),
        Task(
            "text-lstm",
            "text of another module",
            "lstm",
            lambda: nets.RecurrentModel(LETTERS, 32, 64),
            {"sgd": 1.0, "adam": 1e-2},
            9,
            25,
            kind="text",
            class_axis=2,
        ),
    )
}


def step(job: Job, model: nn.Module, optimizer: Optimizer, x: Tensor, y: Tensor) -> None:
    """One ordinary step."""
    first = (job.batches - 1) % job.accumulate == 0
    if first:
        optimizer.zero_grad()
    loss = job.loss(model(x), y)
    (loss / job.accumulate if job.accumulate > 1 else loss).backward()
    if job.batches % job.accumulate:
        return
    if job.clip is not None:
        nn.utils.clip_grad_norm_(model.parameters(), job.clip)
    optimizer.step()


@dataclass
class Outcome:
    """What came of a training.

    Attributes:
        rows: The watcher's record.
        score: On rows that the program never sees, higher is better: accuracy, R², or minus the loss a character.
        steps: Optimizer steps seen.
        failed: The error it ended with; "" when it ended well.
    """

    rows: list[dict[str, Any]]
    score: float
    steps: int
    failed: str = ""


def train(job: Job) -> Outcome:
    """Train under the watcher, as a program that calls `ravine.watch()` would."""
    torch.manual_seed(job.seed)
    model, failed = job.build(), ""
    watcher = ravine.watch(quiet=True)
    try:
        with watcher:
            job.program(job, model)
        score = scored(job, model) if job.scored else math.nan
    except (RuntimeError, ValueError) as error:
        score, failed = math.nan, f"{type(error).__name__}: {error}"
    return Outcome(watcher.history.rows, score, watcher.steps, failed)


def run(job: Job, model: nn.Module) -> None:
    """The program itself."""
    for change in job.prepare:
        change(model)
    learnable = list(job.learnable(model))
    if job.optimizer == "sgd":
        words = {"lr": job.lr, "momentum": 0.9, "weight_decay": job.weight_decay, **job.options}
        optimizer: Optimizer = torch.optim.SGD(learnable, **words)
    else:
        optimizer = torch.optim.AdamW(learnable, **{"lr": job.lr, "weight_decay": job.weight_decay, **job.options})
    rows = TensorDataset(job.parts.train.x, job.parts.train.y)
    loader = job.loader(job, rows)
    val_loader = DataLoader(TensorDataset(job.parts.val.x, job.parts.val.y), batch_size=250)
    total = job.epochs * math.ceil(len(rows) / job.batch_size) // job.accumulate
    schedule = job.schedule
    scheduler = (
        torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: schedule(min(1.0, t / total)))
        if schedule is not None
        else None
    )
    for _ in range(job.epochs):
        job.train_mode(model)
        for x, y in loader:
            job.batches += 1
            job.update(job, model, optimizer, job.augment(x) if job.augment else x, y)
            if scheduler is not None and job.batches % job.accumulate == 0:
                scheduler.step()
        job.eval_mode(model)
        with torch.no_grad():
            for x, y in val_loader:
                job.loss(model(x), y)


def scored(job: Job, model: nn.Module) -> float:
    """The score of a network on the test rows, evaluated as the program evaluates."""
    if job.repair is not None:
        job.repair(model)
    job.eval_mode(model)
    test: Part = job.parts.test
    with torch.no_grad():
        outputs = torch.cat([model(x) for x in test.x.split(250)])
    if job.kind == "regression":
        value = 1 - float(nnf.mse_loss(outputs.reshape(-1), test.y.reshape(-1)) / test.y.var(correction=0))
    elif job.kind == "text":
        value = -float(nnf.cross_entropy(outputs.movedim(job.class_axis, 1), test.y))
    else:
        value = float((outputs.argmax(1) == test.y).float().mean()) if bool(outputs.isfinite().all()) else math.nan
    return value if math.isfinite(value) else math.nan


def worst(kind: str) -> float:
    """The score of a run that has no finite one: that of the poorest guess that is still counted."""
    return {"regression": -1.0, "text": -2 * float(np.log(LETTERS))}.get(kind, 0.0)
