"""Statistics of batch norm layers over given data, exactly, instead of a running average of the last batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ravine.core.errors import BadData, BadValue
from ravine.regularize.any_batch_norm import FrozenBatchNorm
from ravine.regularize.batch_of_one import explained_batch_of_one
from ravine.regularize.decorrelated_batch_norm import DecorrelatedBatchNorm
from ravine.regularize.whitening import covariance, grouped


class Population:
    """Mean and covariance in groups of channels of all values seen, combined batch by batch in float64.

        δ = mean_b − mean,   n ← n + m
        mean ← mean + δ·m/n
        scatter ← scatter + scatter_b + δδᵀ·(n − m)·m/n

    Source: Chan, Golub & LeVeque 1983, "Algorithms for computing the sample variance".
    """

    def __init__(self, groups: int) -> None:
        self.groups = groups
        self.count = 0
        self.mean: Tensor = torch.zeros(())
        self.scatter: Tensor = torch.zeros(())

    def add(self, x: Tensor) -> None:
        """Take in a batch, (batch, channels, *)."""
        # Moments of one batch in its own precision (half in float32), where the batch is; float64
        # only for the small sums, on the CPU, since not every device has it.
        blocks = grouped(x.detach().float() if x.element_size() < 4 else x.detach(), self.groups)
        values = blocks.shape[0] * blocks.shape[-1]
        mean = blocks.mean((0, 3))
        centred = blocks - mean.unsqueeze(-1)
        spread = covariance(centred) if blocks.shape[2] > 1 else centred.square().mean((0, 3)).unsqueeze(-1)
        mean, scatter = mean.cpu().double(), spread.cpu().double() * values
        delta = mean - self.mean
        total = self.count + values
        between = delta.unsqueeze(-1) * delta.unsqueeze(-2) * (self.count * values / total)
        self.mean = self.mean + delta * (values / total)
        self.scatter = self.scatter + scatter + between
        self.count = total

    @property
    def covariance(self) -> Tensor:
        """Over all values, divided by their number: (groups, size, size), float64."""
        return self.scatter / self.count


@torch.no_grad()
def recompute_batch_norm(
    model: nn.Module, batches: Iterable[Any], *, device: torch.device | str | None = None
) -> list[str]:
    """Set the running statistics of every batch norm to those of `batches`, in place.

    For weights that no batch was normalized with: averages of weights, a network after pruning or
    swapped layers, or running statistics that lag behind large steps. Batch norm layers normalize
    each batch by itself, as in training; everything else is in evaluation (no dropout, whose noise
    would enlarge the variances). What a layer is given is gathered over all batches: the mean and
    the variance of all values together, divided by their number, unlike
    `torch.optim.swa_utils.update_bn`, whose average of the batches' variances misses the spread of
    the batches' means. Decorrelated layers take the covariance likewise, then its inverse root.
    Modes and momenta are afterwards as before. Layers that no batch reaches, frozen ones and those
    without running statistics stay as they are.

    Args:
        model: The network.
        batches: Inputs, or tuples or lists of inputs and targets (the first is taken), or
            dictionaries (given to the network by keyword). Tensors, (batch, *).
        device: Where to put each batch; None: where the first parameter is.

    Returns: Names of the layers whose statistics were set.

    Raises:
        BadData: There was no batch.
        BadValue: A batch is too small to take statistics of; nothing is then changed.
    """
    layers = {name: layer for name, layer in model.named_modules() if _has_statistics(layer)}
    if not layers:
        return []
    where = device if device is not None else next((p.device for p in model.parameters()), torch.device("cpu"))
    found = {name: Population(_groups(layer)) for name, layer in layers.items()}
    seen = 0
    with _gathering(model, layers, found), explained_batch_of_one(model):
        for batch in batches:
            _run(model, batch, where)
            seen += 1
    if seen == 0:
        raise BadData("recompute_batch_norm: there was no batch. A generator that was read before gives nothing more.")
    reached = [name for name in layers if found[name].count]
    for name in reached:
        _set(layers[name], found[name], seen)
    return reached


def _has_statistics(layer: nn.Module) -> bool:
    if isinstance(layer, DecorrelatedBatchNorm):
        return True
    return isinstance(layer, _BatchNorm) and not isinstance(layer, FrozenBatchNorm) and layer.running_mean is not None


def _groups(layer: nn.Module) -> int:
    """Groups whose covariance the layer needs; plain batch norm has a variance for every channel."""
    groups = layer.groups if isinstance(layer, DecorrelatedBatchNorm) else layer.num_features
    assert isinstance(groups, int)
    return groups


@contextmanager
def _gathering(model: nn.Module, layers: Mapping[str, nn.Module], found: Mapping[str, Population]) -> Iterator[None]:
    """The layers in training, the rest in evaluation, inputs gathered; then everything as it was."""
    modes = [(module, module.training) for module in model.modules()]
    kept = [(layer, {key: value.clone() for key, value in layer.named_buffers()}) for layer in layers.values()]
    hooks = []
    try:
        model.eval()
        for name, layer in layers.items():
            layer.train()
            hooks.append(layer.register_forward_pre_hook(_gatherer(found[name])))
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes:
            module.training = mode
        # The batches moved the running statistics; a failure half-way leaves them as they were.
        for layer, buffers in kept:
            for key, value in buffers.items():
                layer.get_buffer(key).copy_(value)


def _gatherer(population: Population) -> Any:
    def gather(_layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        population.add(inputs[0])

    return gather


def _run(model: nn.Module, batch: Any, device: torch.device | str) -> None:
    if isinstance(batch, Mapping):
        model(**{key: value.to(device) if isinstance(value, Tensor) else value for key, value in batch.items()})
        return
    inputs = batch[0] if isinstance(batch, list | tuple) and batch else batch
    if not isinstance(inputs, Tensor):
        kind = type(inputs).__name__
        raise BadValue(f"recompute_batch_norm: a batch must be a tensor or begin with one; got {kind}.")
    model(inputs.to(device))


def _set(layer: nn.Module, population: Population, batches: int) -> None:
    layer.get_buffer("running_mean").copy_(population.mean.flatten())
    if isinstance(layer, DecorrelatedBatchNorm):
        layer.running_whitening.copy_(layer.whitening(population.covariance))
    else:
        layer.get_buffer("running_var").copy_(population.covariance.flatten())
    layer.get_buffer("num_batches_tracked").fill_(batches)
