"""How the faults are planted that took no part in choosing thresholds."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from benchmarks.faults.plants import Ended, build_with, dice
from benchmarks.faults.tasks import Job
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Sampler, TensorDataset

# --- steps and optimizers ---


def momentum(job: Job, level: float) -> None:
    """A momentum that multiplies the rate by far more than the usual 0.9 does."""
    job.options = {"momentum": level}


def damped(job: Job, level: float) -> None:
    """An epsilon that drowns the root of the squared gradients."""
    job.options = {"eps": level}


def maximizing(job: Job, _level: float) -> None:
    """`maximize=True` for a loss."""
    job.options = {"maximize": True}


def cleared_seldom(job: Job, _level: float) -> None:
    """Gradients are cleared once an epoch, and each batch takes a step."""
    batches = -(-len(job.parts.train.x) // job.batch_size)

    def update(job: Job, model: nn.Module, optimizer: Optimizer, x: Tensor, y: Tensor) -> None:
        if job.batches % batches == 1:
            optimizer.zero_grad()
        job.loss(model(x), y).backward()
        optimizer.step()

    job.update = update


def clips_values(job: Job, level: float) -> None:
    """Every number of the gradient is cut to `level`."""

    def update(job: Job, model: nn.Module, optimizer: Optimizer, x: Tensor, y: Tensor) -> None:
        optimizer.zero_grad()
        job.loss(model(x), y).backward()
        nn.utils.clip_grad_value_(model.parameters(), level)
        optimizer.step()

    job.update, job.clip = update, None


def bursts(job: Job, level: float) -> None:
    """Every fiftieth gradient is `level` times as long, and nothing clips it."""

    def update(job: Job, model: nn.Module, optimizer: Optimizer, x: Tensor, y: Tensor) -> None:
        optimizer.zero_grad()
        loss = job.loss(model(x), y)
        (loss * level if job.batches % 50 == 0 else loss).backward()
        optimizer.step()

    job.update, job.clip = update, None


def fading(job: Job, level: float) -> None:
    """The rate is multiplied by `level` after each epoch."""
    epochs = job.epochs
    job.schedule = lambda t: level ** int(t * epochs + 1e-9)


def old_head(job: Job, _level: float) -> None:
    """The head is replaced after the optimizer was given the parameters of the old one."""

    def learnable(model: nn.Module) -> list[Tensor]:
        given = list(model.parameters())
        name, head = [(name, one) for name, one in model.named_modules() if isinstance(one, nn.Linear)][-1]
        parent = model.get_submodule(name.rpartition(".")[0])
        setattr(parent, name.rpartition(".")[2], nn.Linear(head.in_features, head.out_features))
        return given

    job.learnable = learnable


# --- networks ---


def dropped(job: Job, level: float) -> None:
    """Dropout in front of every linear layer but the one that sees the inputs."""

    def change(model: nn.Module) -> nn.Module:
        seen = False
        for name, layer in list(model.named_modules()):
            if isinstance(layer, nn.Linear) and seen:
                parent = model.get_submodule(name.rpartition(".")[0])
                setattr(parent, name.rpartition(".")[2], nn.Sequential(nn.Dropout(level), layer))
            seen = seen or bool(list(layer.parameters(recurse=False)))
        return model

    build_with(job, change)


def dropped_in_evaluation(job: Job, level: float) -> None:
    """Dropout without any `model.eval()`."""
    dropped(job, level)
    job.eval_mode = lambda _: None


def positive_weights(job: Job, level: float) -> None:
    """Weights drawn evenly from 0 to `level`, however many inputs a layer has."""

    def apply(model: nn.Module) -> None:
        with torch.no_grad():
            for weight in model.parameters():
                if weight.dim() > 1:
                    weight.uniform_(0, level)

    job.prepare.append(apply)


def far_bias(job: Job, level: float) -> None:
    """The last layer's first output is `level` too high before anything is learned."""

    def apply(model: nn.Module) -> None:
        with torch.no_grad():
            [one for one in model.modules() if isinstance(one, nn.Linear)][-1].bias[0] += level

    job.prepare.append(apply)


def ends_with_sigmoid(job: Job, _level: float) -> None:
    """Outputs between 0 and 1."""
    build_with(job, lambda net: Ended(net, nn.Sigmoid()))


# --- data ---


def erased(job: Job, level: float) -> None:
    """A share of each training input, in one piece, is set to zero at each step."""

    def augment(x: Tensor) -> Tensor:
        flat = x.flatten(1).clone()
        width = flat.shape[1]
        gone = max(1, round(level * width))
        start = torch.randint(width, (len(flat), 1))
        flat[(torch.arange(width) - start) % width < gone] = 0.0
        return flat.view_as(x)

    job.augment = augment


def neighbour_labels(job: Job, level: float) -> None:
    """A share of each class is called by the next one's name, in training and validation; the test is clean."""
    classes = int(job.parts.train.y.max()) + 1
    for part in (job.parts.train, job.parts.val):
        wrong = torch.rand(part.y.shape, generator=dice(job)) < level
        part.y = torch.where(wrong, (part.y + 1) % classes, part.y)


def one_row_off(job: Job, level: float) -> None:
    """From some row on, each has the target of the row before it, in training and validation."""
    for part in (job.parts.train, job.parts.val):
        start = round((1 - level) * len(part.y))
        part.y = torch.cat([part.y[:start], part.y[start:].roll(1, 0)])


class SmallBuffer(Sampler[int]):
    """Rows in their order, but each drawn from the next `size` ones."""

    def __init__(self, rows: int, size: int) -> None:
        self.rows, self.size = rows, size

    def __iter__(self) -> Iterator[int]:
        held: list[int] = []
        for row in range(self.rows):
            held.append(row)
            if len(held) == self.size:
                yield held.pop(int(torch.randint(self.size, ())))
        yield from (held[place] for place in torch.randperm(len(held)).tolist())

    def __len__(self) -> int:
        return self.rows


def small_buffer(job: Job, level: float) -> None:
    """Rows by target, shuffled in a buffer of a small share of them."""
    part = job.parts.train
    order = part.y.reshape(-1).argsort()
    part.x, part.y = part.x[order], part.y[order]

    def loader(job: Job, rows: TensorDataset) -> DataLoader[tuple[Tensor, ...]]:
        return DataLoader(rows, batch_size=job.batch_size, sampler=SmallBuffer(len(rows), round(level * len(rows))))

    job.loader = loader


def other_units(job: Job, level: float) -> None:
    """One column is `level` times as large as the others, everywhere."""
    for part in (job.parts.train, job.parts.val, job.parts.test):
        part.x = part.x.clone()
        part.x[:, 0] *= level


def turned_round(job: Job, _level: float) -> None:
    """Columns, places or times in reverse order, in all that is evaluated."""
    for part in (job.parts.val, job.parts.test):
        part.x = part.x.flip(tuple(range(1, part.x.dim())))
