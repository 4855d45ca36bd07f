"""The layer whose numbers are the network's answer, and the bias it should start from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ravine.core.errors import BadValue, refusal


def find_head(model: nn.Module, outputs: int | None = None) -> nn.Linear | None:
    """The linear layer that gives the answer: `model.head` where it is one, else the last `nn.Linear`.

    Args:
        model: Any network.
        outputs: When given, a layer of another width is not taken for the head.

    Returns: The layer itself, or None when there is none.
    """
    named = getattr(model, "head", None)
    if isinstance(named, nn.Linear) and outputs in (None, named.out_features):
        return named
    linear = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    if not linear or outputs not in (None, linear[-1].out_features):
        return None
    return linear[-1]


def output_bias(
    layer: nn.Linear | None,
    *,
    class_frequencies: Sequence[float] | Tensor | None = None,
    label_frequencies: Sequence[float] | Tensor | None = None,
    target_mean: Sequence[float] | Tensor | None = None,
) -> str:
    """Start the answer at what is true on average, so that training need not learn that first.

        class_frequencies:  b = log p, shifted to mean 0     (softmax gives p)
        label_frequencies:  b = log(p/(1 − p))               (sigmoid gives p)
        target_mean:        b = mean                         (regression; 0 when standardized)

    Args:
        layer: The head, as `find_head` gives it; None or one without bias is left as it is.
        class_frequencies: Share (or count) of each class, shape (classes,).
        label_frequencies: Share of rows with each label, shape (labels,); for several labels a row.
        target_mean: Mean of each target, shape (targets,).

    Returns: What was done, for people.

    Raises:
        BadValue: Not exactly one of the three; another number of entries than the layer's outputs;
            negative or all-zero frequencies.

    Source: Lin et al. 2017 (arXiv:1708.02002), section 4.1, for the rare-class case.
    """
    given = {
        name: torch.as_tensor(value, dtype=torch.float64)
        for name, value in (
            ("class_frequencies", class_frequencies),
            ("label_frequencies", label_frequencies),
            ("target_mean", target_mean),
        )
        if value is not None
    }
    if len(given) != 1:
        must = "be exactly one of class_frequencies, label_frequencies, target_mean"
        raise BadValue(refusal("output_bias", "the statistic", must, sorted(given)))
    ((name, values),) = given.items()
    bias, words = _WAYS[name](values)
    if layer is None or layer.bias is None:
        return "the output bias was left as it is: no final linear layer with a bias"
    if bias.shape != layer.bias.shape:
        raise BadValue(refusal("output_bias", name, f"have {layer.out_features} entries", tuple(values.shape)))
    with torch.no_grad():
        layer.bias.copy_(bias)
    return f"the output bias starts at {words}"


FLOOR = 1e-4
"""Frequencies are kept this far from 0 and 1: a class not yet seen is rare, not impossible."""


def _log_prior(frequencies: Tensor) -> tuple[Tensor, str]:
    _check(frequencies, "class_frequencies")
    logs = (frequencies / frequencies.sum()).clamp(min=FLOOR).log()
    return logs - logs.mean(), "the log of the class frequencies"


def _logit(frequencies: Tensor) -> tuple[Tensor, str]:
    _check(frequencies, "label_frequencies", most=1.0)
    share = frequencies.clamp(FLOOR, 1 - FLOOR)
    return torch.logit(share), "the logit of the label frequencies"


def _mean(target: Tensor) -> tuple[Tensor, str]:
    return target, "the mean of the target"


_WAYS = {"class_frequencies": _log_prior, "label_frequencies": _logit, "target_mean": _mean}


def _check(frequencies: Tensor, name: str, most: float = float("inf")) -> None:
    sound = bool(((frequencies >= 0) & (frequencies <= most)).all())
    if not sound or (name == "class_frequencies" and not float(frequencies.sum()) > 0):
        must = "be in [0, 1]" if most == 1.0 else "be at least 0, and not all 0"
        raise BadValue(refusal("output_bias", name, must, frequencies.tolist()))
