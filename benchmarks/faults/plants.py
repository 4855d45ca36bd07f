"""How faults are planted that take more than a line."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
import torch.nn.functional as nnf
from benchmarks.faults.nets import Reader
from benchmarks.faults.tasks import Job
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Sampler

# --- other steps ---


def ascending(job: Job, model: nn.Module, optimizer: Optimizer, x: Tensor, y: Tensor) -> None:
    """Back from minus the loss."""
    optimizer.zero_grad()
    loss = job.loss(model(x), y)
    (-loss).backward()
    optimizer.step()


def uncleared(job: Job, model: nn.Module, optimizer: Optimizer, x: Tensor, y: Tensor) -> None:
    """Gradients are never cleared."""
    loss = job.loss(model(x), y)
    loss.backward()
    optimizer.step()


def step_first(job: Job, model: nn.Module, optimizer: Optimizer, x: Tensor, y: Tensor) -> None:
    """The step before the backward pass, whose gradients are cleared unused."""
    optimizer.zero_grad()
    loss = job.loss(model(x), y)
    optimizer.step()
    loss.backward()


def clips_early(job: Job, _level: float) -> None:
    """Clips what is not there yet, at a rate that needs it."""

    def update(job: Job, model: nn.Module, optimizer: Optimizer, x: Tensor, y: Tensor) -> None:
        optimizer.zero_grad()
        loss = job.loss(model(x), y)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        loss.backward()
        optimizer.step()

    job.update, job.lr = update, 6 * job.lr


def spiking(job: Job, level: float) -> None:
    """Every fortieth batch has a loss `level` times as steep, as rare long examples have."""

    def update(job: Job, model: nn.Module, optimizer: Optimizer, x: Tensor, y: Tensor) -> None:
        optimizer.zero_grad()
        outputs = model(x)
        if job.batches % 40 == 0:
            outputs = outputs * level
        job.loss(outputs, y).backward()
        optimizer.step()

    job.update, job.clip = update, None


def flat_targets(job: Job, _level: float) -> None:
    """(rows, 1) against (rows,)."""
    for part in (job.parts.train, job.parts.val):
        part.y = part.y.reshape(-1)
    job.loss = _quiet_mse


def _quiet_mse(outputs: Tensor, targets: Tensor) -> Tensor:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says so itself, and many programs hide it
        return nnf.mse_loss(outputs, targets)


def log_of_softmax(scale: float, outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy by hand, with a logarithm that meets zeros."""
    shares = nnf.softmax(outputs * scale, 1)[torch.arange(len(targets)), targets]
    return -shares.log().mean()


def summed(job: Job, _level: float) -> None:
    """The loss is summed over the batch, at the rate that is right for a mean."""
    function = job.loss
    job.loss = lambda outputs, targets: function(outputs, targets, reduction="sum")  # type: ignore[call-arg]


# --- other networks ---


def build_with(job: Job, change: object) -> None:
    """The job's network is what `change` makes of it."""
    made = job.build
    job.build = lambda: change(made())  # type: ignore[operator]


class Ended(nn.Module):
    """A network and what comes after it."""

    def __init__(self, net: nn.Module, end: nn.Module) -> None:
        super().__init__()
        self.net, self.end = net, end

    def forward(self, x: Tensor) -> Tensor:
        """The end of what the network gives."""
        return self.end(self.net(x))


def ends_with_softmax(job: Job, _level: float) -> None:
    """Probabilities where logits are wanted."""
    build_with(job, lambda net: Ended(net, nn.Softmax(dim=job.class_axis)))


def ends_with_relu(job: Job, _level: float) -> None:
    """Outputs that cannot be negative."""
    build_with(job, lambda net: Ended(net, nn.ReLU()))


def _leaves(model: nn.Module, kind: type[nn.Module] | tuple[type[nn.Module], ...]) -> list[nn.Module]:
    return [module for module in model.modules() if isinstance(module, kind)]


def biased_off(job: Job, level: float) -> None:
    """The biases in front of ReLUs are far below zero."""

    def apply(model: nn.Module) -> None:
        layers = _leaves(model, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.BatchNorm2d))[:-1]
        with torch.no_grad():
            for layer in layers:
                layer.bias.fill_(level)

    job.prepare.append(apply)


def saturated(job: Job, level: float) -> None:
    """Tanh units at their ends from the beginning."""

    def change(net: nn.Module) -> nn.Module:
        layers = [nn.Tanh() if isinstance(layer, nn.ReLU) else layer for layer in net.children()]
        with torch.no_grad():
            layers[0].weight.mul_(level)
            layers[2].weight.mul_(level)
        return nn.Sequential(*layers)

    build_with(job, change)


def deep(job: Job, level: float) -> None:
    """A stack of sigmoid layers in front of the head."""
    _stack(job, int(level), nn.Sigmoid, 1.0)


def growing(job: Job, level: float) -> None:
    """Ten layers, each of which multiplies the signal: times 2.5 torch's first weights would only keep it."""
    _stack(job, 10, nn.ReLU, level)


def _stack(job: Job, count: int, activation: type[nn.Module], gain: float) -> None:
    def change(net: nn.Module) -> nn.Module:
        layers = list(net.children())
        width = layers[-1].in_features
        for _ in range(count):
            layer = nn.Linear(width, width)
            with torch.no_grad():
                layer.weight.mul_(gain)
            layers[-1:-1] = [layer, activation()]
        return nn.Sequential(*layers)

    build_with(job, change)


def narrow(job: Job, level: float) -> None:
    """As few units as `level` in the last hidden layer."""
    width = int(level)

    def change(net: nn.Module) -> nn.Module:
        if isinstance(net, Reader):
            return Reader(net.gru.input_size, width, net.head.out_features)
        layers = list(net.children())
        layers[-3] = nn.Linear(layers[-3].in_features, width)
        layers[-1] = nn.Linear(width, layers[-1].out_features)
        return nn.Sequential(*layers)

    build_with(job, change)


class Mixed(nn.Module):
    """Takes rows for time: a view where the axes should have been exchanged."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        """Parts of one example stand in another's place."""
        rows, time, width = x.shape
        return self.net(x.permute(1, 0, 2).reshape(rows, time, width))


def mixing(job: Job, _level: float) -> None:
    """`view` in place of `permute`."""
    build_with(job, Mixed)


def detached(job: Job, _level: float) -> None:
    """What the middle of the network gives is detached."""

    class Detached(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.detach()

    def change(net: nn.Module) -> nn.Module:
        layers = list(net.children())
        return nn.Sequential(*layers[:-3], Detached(), *layers[-3:])

    build_with(job, change)


def left_out(job: Job, level: float) -> None:
    """The optimizer is not given the first share of the parameters."""

    def learnable(model: nn.Module) -> list[Tensor]:
        every = list(model.parameters())
        return every[min(len(every) - 1, max(1, round(level * len(every)))) :]

    job.learnable = learnable


def last_layer_times(job: Job, level: float) -> None:
    """Logits far apart before anything is learned."""

    def apply(model: nn.Module) -> None:
        with torch.no_grad():
            _leaves(model, nn.Linear)[-1].weight.mul_(level)

    job.prepare.append(apply)


def momentum_of_norms(job: Job, level: float) -> None:
    """Running statistics that hardly follow."""

    def apply(model: nn.Module) -> None:
        for norm in _leaves(model, (nn.BatchNorm1d, nn.BatchNorm2d)):
            norm.momentum = level

    job.prepare.append(apply)


# --- other data ---


def nan_rows(job: Job, level: float) -> None:
    """NaN in `level` rows."""
    rows = job.parts.train.x = job.parts.train.x.clone()
    rows.view(len(rows), -1)[: int(level), 0] = torch.nan


def raw_targets(job: Job, level: float) -> None:
    """Targets of which the mean is twice the deviation, and that in the hundreds."""
    for part in (job.parts.train, job.parts.val, job.parts.test):
        part.y = level * (part.y + 2)


def sorted_rows(job: Job, _level: float) -> None:
    """Rows by label, in this order."""
    order = job.parts.train.y.argsort()
    job.parts.train.x, job.parts.train.y = job.parts.train.x[order], job.parts.train.y[order]
    job.loader = lambda job, rows: DataLoader(rows, batch_size=job.batch_size, shuffle=False)


class SameOrder(Sampler[int]):
    """A random order, the same at each epoch."""

    def __init__(self, rows: int) -> None:
        self.order = torch.randperm(rows).tolist()

    def __iter__(self) -> Iterator[int]:
        return iter(self.order)

    def __len__(self) -> int:
        return len(self.order)


def fixed_order(job: Job, _level: float) -> None:
    """One random order for all epochs."""
    job.loader = lambda job, rows: DataLoader(rows, batch_size=job.batch_size, sampler=SameOrder(len(rows)))


def shared_rows(job: Job, _level: float) -> None:
    """The validation is a part of the training."""
    job.parts.val = copy.copy(job.parts.train)
    job.parts.val.x, job.parts.val.y = job.parts.train.x[:300], job.parts.train.y[:300]


def target_column(job: Job, _level: float) -> None:
    """The first column is the target, which on new rows is not known."""
    for name in ("train", "val", "test"):
        part = getattr(job.parts, name)
        part.x = part.x.clone()
        part.x[:, 0] = part.y.reshape(-1) if name != "test" else 0.0


def noisy_labels(job: Job, level: float) -> None:
    """A share of the labels is drawn at random, in training and validation; the test is clean."""
    for part in (job.parts.train, job.parts.val):
        wrong = torch.rand(part.y.shape, generator=dice(job)) < level
        part.y = torch.where(wrong, part.y[torch.randperm(len(part.y), generator=dice(job))], part.y)


def permuted_labels(job: Job, level: float) -> None:
    """A share of the training targets is exchanged among rows."""
    part = job.parts.train
    chosen = torch.randperm(len(part.y), generator=dice(job))[: round(level * len(part.y))]
    part.y = part.y.clone()
    part.y[chosen] = part.y[chosen[torch.randperm(len(chosen), generator=dice(job))]]


def imbalanced(job: Job, level: float) -> None:
    """Of all classes but the first, a share of the rows is left, in training and validation."""
    for part in (job.parts.train, job.parts.val):
        keep = (part.y == 0) | (torch.rand(part.y.shape, generator=dice(job)) < level)
        part.x, part.y = part.x[keep], part.y[keep]


def few_val_rows(job: Job, level: float) -> None:
    """As few validation rows as `level`."""
    part = job.parts.val
    part.x, part.y = part.x[: int(level)], part.y[: int(level)]


def few_rows(job: Job, level: float) -> None:
    """A share of the training rows, for as many steps."""
    part = job.parts.train
    count = max(job.batch_size, round(level * len(part.x)))
    job.epochs = round(job.epochs * len(part.x) / count)
    part.x, part.y = part.x[:count], part.y[:count]


def memorized(job: Job, level: float) -> None:
    """Wrong labels among few rows, trained until each is known."""
    few_rows(job, 0.2)
    noisy_labels(job, level)


def batches_of(job: Job, level: float) -> None:
    """Batches of `level` rows, for no more than 600 steps."""
    job.batch_size = int(level)
    part, job.epochs = job.parts.train, 4
    part.x, part.y = part.x[: 150 * job.batch_size], part.y[: 150 * job.batch_size]


def dice(job: Job) -> torch.Generator:
    """Chance that is the same for a seed, whatever else is drawn."""
    return torch.Generator().manual_seed(1000 + job.seed)


# --- other procedures ---


def always_eval(job: Job, _level: float) -> None:
    """`model.eval()` once, after the first epoch, and never back."""
    seen: list[bool] = []

    def train_mode(model: nn.Module) -> None:
        if not seen:
            model.train()
        seen.append(True)

    job.train_mode = train_mode


def never_eval(job: Job, _level: float) -> None:
    """No `model.eval()` at all."""
    job.eval_mode = lambda _: None


def decayed(job: Job, level: float) -> None:
    """Weight decay that takes `level` of the weights at each step, whatever the optimizer's rate."""
    job.weight_decay = level / job.lr / (10 if job.optimizer == "sgd" else 1)
