"""Layers that do one thing while training and another while evaluating."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd


def modal_layers(model: nn.Module) -> Iterator[nn.Module]:
    """Dropout that drops something, batch norm that keeps running statistics, and recurrent layers with dropout."""
    for module in model.modules():
        if (
            (isinstance(module, _DropoutNd) and module.p > 0)
            or (isinstance(module, _BatchNorm) and module.track_running_stats)
            or (isinstance(module, nn.RNNBase) and module.dropout > 0)
        ):
            yield module
