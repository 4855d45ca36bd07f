"""Healthy patterns that look like faults to those who do not know them: nobody is to be warned of any."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as nnf
from benchmarks.faults.injections import EVERY
from benchmarks.faults.plants import few_rows
from benchmarks.faults.tasks import OPTIMIZERS, Job, cross_entropy, run
from torch import Tensor, nn

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Control:
    """One healthy pattern.

    Attributes:
        name: Short, in words.
        shape: Changes a healthy job into another healthy one.
        tasks: Where it makes sense.
        rewrite: What a log does to the record.
        optimizers: With which it is healthy.
    """

    name: str
    shape: Callable[[Job], None]
    tasks: tuple[str, ...]
    rewrite: Callable[[Rows], Rows] | None = None
    optimizers: tuple[str, ...] = OPTIMIZERS


def _schedule(factor: Callable[[float], float], times: float = 1.0) -> Callable[[Job], None]:
    def shape(job: Job) -> None:
        job.schedule, job.lr = factor, job.lr * times

    return shape


def _cosine(t: float) -> float:
    return 0.5 + 0.5 * math.cos(math.pi * t)


def _one_cycle(t: float) -> float:
    return 0.04 + 0.96 * t / 0.3 if t < 0.3 else _cosine((t - 0.3) / 0.7)


def _smoothed(job: Job) -> None:
    job.loss = partial(cross_entropy, label_smoothing=0.1)


def _augmented(job: Job) -> None:
    job.augment = lambda x: x + 0.3 * x.std() * torch.randn_like(x)


class _Dropped(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.drop, self.net = nn.Dropout(0.3), net

    def forward(self, x: Tensor) -> Tensor:
        return self.net(self.drop(x))


def _dropped(job: Job) -> None:
    made = job.build
    job.build = lambda: _Dropped(made())


def _small_validation(job: Job) -> None:
    part = job.parts.val
    part.x, part.y = part.x[:60], part.y[:60]


def _noisy_targets(job: Job) -> None:
    """A floor that no network gets below, and no fault: most of the variance is noise."""
    for seed, part in enumerate((job.parts.train, job.parts.val, job.parts.test)):
        dice = torch.Generator().manual_seed(10 * job.seed + seed)
        part.y = (part.y + torch.randn(part.y.shape, generator=dice)) / math.sqrt(2)


def _longer(times: float) -> Callable[[Job], None]:
    def shape(job: Job) -> None:
        job.epochs, job.schedule = round(job.epochs * times), _cosine

    return shape


def _easy(job: Job) -> None:
    """Two classes that are easily told apart: 99% and more."""
    for part in (job.parts.train, job.parts.val, job.parts.test):
        keep = part.y < 2
        part.x, part.y = part.x[keep], part.y[keep]
    job.epochs *= 4


def _drifting(job: Job) -> None:
    """The validation loss turns up while the validation accuracy still rises."""
    few_rows(job, 0.5)
    job.lr *= 2


def _late_generalization(job: Job) -> None:
    """Large weights, few rows and weight decay: learned by heart first, understood later."""

    def grow(model: nn.Module) -> None:
        with torch.no_grad():
            for weight in model.parameters():
                if weight.dim() > 1:
                    weight.mul_(3)

    few_rows(job, 0.3)
    job.epochs *= 2
    job.weight_decay = 0.5 if job.optimizer == "adam" else 5e-3
    job.prepare.append(grow)


def _edge(job: Job) -> None:
    """The whole set a step, at a rate at which the sharpness stays at what is just stable."""
    part = job.parts.train
    part.x, part.y = part.x[:200], part.y[:200]
    job.batch_size, job.epochs, job.lr = 200, 250, job.lr * 2


def _sparse(job: Job) -> None:
    """Biases at which each ReLU of the first layer is at zero for four rows of five, and for all of none."""

    def lower(model: nn.Module) -> None:
        first = model[0]  # type: ignore[index]
        with torch.no_grad():
            first.bias.sub_(first(job.parts.train.x).quantile(0.8, 0))

    job.prepare.append(lower)


def _standardized(job: Job) -> None:
    """Inputs that leave [−1, 1] by far, as standardized ones do."""
    mean, spread = job.parts.train.x.mean(0), job.parts.train.x.std(0) + 0.05
    for part in (job.parts.train, job.parts.val, job.parts.test):
        part.x = (part.x - mean) / spread
    job.lr /= 2


def _clipped(job: Job) -> None:
    job.clip = {"mlp": 1.5, "gru": 1.0, "conv": 2.0, "lstm": 0.25}.get(job.task.split("-")[1], 1.0)


def _accumulated(job: Job) -> None:
    job.accumulate, job.batch_size = 4, max(4, job.batch_size // 4)


def _frozen(job: Job) -> None:
    """The first layer is meant to stay: it does not require a gradient."""

    def freeze(model: nn.Module) -> None:
        first = next(module for module in model.modules() if list(module.parameters(recurse=False)))
        first.requires_grad_(False)

    job.prepare.append(freeze)
    job.learnable = lambda model: [p for p in model.parameters() if p.requires_grad]


def _resumed(job: Job) -> None:
    """Half of the training has been done before, by a program that nobody watched."""
    made, epochs = job.build, job.epochs

    def build() -> nn.Module:
        model = made()
        run(job, model)
        job.epochs, job.batches = epochs - epochs // 2, 0
        return model

    job.build, job.epochs = build, epochs // 2


def _negative(job: Job) -> None:
    """Minus a log-likelihood of densities, which may be above 1."""
    job.loss = lambda outputs, targets: nnf.cross_entropy(outputs, targets) - 4


def _adversaries(job: Job, _model: nn.Module) -> None:
    """Two networks against each other, on the rows as they are."""
    real = job.parts.train.x.reshape(len(job.parts.train.x), -1)
    width = real.shape[1]
    maker = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, width))
    judge = nn.Sequential(nn.Linear(width, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
    makes = torch.optim.Adam(maker.parameters(), lr=1e-3, betas=(0.5, 0.99))
    judges = torch.optim.Adam(judge.parameters(), lr=1e-3, betas=(0.5, 0.99))
    for _ in range(300):
        rows, noise = real[torch.randint(len(real), (50,))], torch.randn(50, 8)
        judges.zero_grad()
        seen, made = judge(rows), judge(maker(noise).detach())
        told = nnf.binary_cross_entropy_with_logits(seen, torch.ones_like(seen))
        told = told + nnf.binary_cross_entropy_with_logits(made, torch.zeros_like(made))
        told.backward()
        judges.step()
        makes.zero_grad()
        made = judge(maker(noise))
        nnf.binary_cross_entropy_with_logits(made, torch.ones_like(made)).backward()
        makes.step()


def _bandit(job: Job, model: nn.Module) -> None:
    """Policy gradients: a guess is rewarded when it is right; the loss has no meaning of its own."""
    x, y = job.parts.train.x, job.parts.train.y
    optimizer, baseline = torch.optim.Adam(model.parameters(), lr=2e-3), 0.1
    for _ in range(300):
        rows = torch.randint(len(x), (50,))
        policy = torch.distributions.Categorical(logits=model(x[rows]))
        guess = policy.sample()
        reward = (guess == y[rows]).float()
        loss = -((reward - baseline) * policy.log_prob(guess)).mean()
        baseline = 0.9 * baseline + 0.1 * float(reward.mean())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _program(program: Callable[[Job, nn.Module], None]) -> Callable[[Job], None]:
    def shape(job: Job) -> None:
        job.program, job.scored = program, False

    return shape


def _zeros_between(rows: Rows) -> Rows:
    """A log that writes 0 where a metric was not measured."""
    return [
        {"val_loss": 0.0, "val_accuracy": 0.0, **row} if row.get("kind") == "step" and row["step"] % 3 else row
        for row in rows
    ]


def _same(_job: Job) -> None:
    """Nothing is changed."""


CONTROLS = {
    one.name: one
    for one in (
        Control("clean", _same, EVERY),
        Control("warmup bump", _schedule(lambda t: min(1.0, t / 0.1), 1.5), EVERY),
        Control("cosine", _schedule(_cosine, 1.5), EVERY),
        Control(
            "restarts",
            _schedule(lambda t: _cosine(3 * t % 1.0)),
            ("digits-mlp", "digits-conv", "digits-gru", "fashion-resnet", "text-lstm"),
        ),
        Control(
            "one-cycle",
            _schedule(_one_cycle, 2.0),
            ("digits-mlp", "fashion-conv", "text-transformer", "fashion-mixer", "computers-residual"),
        ),
        Control(
            "step drop",
            _schedule(lambda t: 1.0 if t < 0.6 else 0.1),
            ("digits-mlp", "fashion-conv", "digits-gru", "mnist1d-conv1d", "text-lstm"),
        ),
        Control(
            "label smoothing",
            _smoothed,
            ("digits-mlp", "digits-conv", "fashion-conv", "mnist1d-conv1d", "diamonds-silu"),
        ),
        Control("dropout", _dropped, ("digits-mlp", "digits-conv", "cancer-mlp", "fashion-resnet", "fashion-mixer")),
        Control(
            "augmentation", _augmented, ("digits-mlp", "fashion-conv", "digits-gru", "fashion-resnet", "fashion-mixer")
        ),
        Control(
            "small validation set",
            _small_validation,
            ("cancer-mlp", "digits-mlp", "fashion-conv", "computers-residual", "mnist1d-conv1d"),
        ),
        Control("irreducible noise", _noisy_targets, ("diabetes-mlp", "computers-residual")),
        Control("converged early", _longer(2.5), ("digits-mlp", "digits-conv", "computers-residual")),
        Control("99% accuracy", _easy, ("digits-mlp", "digits-conv", "digits-gru", "mnist1d-conv1d")),
        Control("calibration drift", _drifting, ("digits-mlp", "fashion-conv")),
        Control("late generalization", _late_generalization, ("digits-mlp",)),
        Control("edge of stability", _edge, ("digits-mlp", "diabetes-mlp")),
        Control("ReLU sparsity", _sparse, ("digits-mlp",)),
        Control("standardized inputs", _standardized, ("digits-mlp", "digits-gru", "digits-conv")),
        Control(
            "SGD at 0.1",
            lambda job: setattr(job, "lr", 0.1),
            ("digits-mlp", "digits-gru"),
            optimizers=("sgd",),  # a rate of 0.1 is none for Adam
        ),
        Control(
            "some steps clipped",
            _clipped,
            ("digits-mlp", "digits-conv", "text-transformer", "fashion-mixer", "text-lstm"),
        ),
        Control(
            "accumulation",
            _accumulated,
            ("digits-mlp", "digits-conv", "text-transformer", "diamonds-silu", "fashion-mixer"),
        ),
        Control(
            "frozen on purpose",
            _frozen,
            ("digits-mlp", "digits-conv", "text-transformer", "fashion-resnet", "mnist1d-conv1d"),
        ),
        Control("resumed", _resumed, ("digits-mlp", "fashion-conv", "text-transformer", "fashion-mixer", "text-lstm")),
        Control("adversaries", _program(_adversaries), ("digits-mlp", "cancer-mlp", "mnist1d-conv1d")),
        Control("policy gradient", _program(_bandit), ("digits-mlp", "digits-conv", "diamonds-silu", "fashion-resnet")),
        Control("negative loss", _negative, ("digits-mlp", "digits-conv", "diamonds-silu", "fashion-mixer")),
        Control(
            "placeholder zeros",
            _same,
            ("digits-mlp", "text-transformer", "text-lstm", "fashion-resnet"),
            _zeros_between,
        ),
    )
}
