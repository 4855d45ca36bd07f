"""What a network does to a batch before any training: size of the signal, flat and dead units, gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ravine.core.errors import BadValue, refusal
from ravine.core.files import write_whole
from ravine.initialize.running import Batch, called, first_tensor, rows, untouched, watched
from ravine.initialize.seen import Functions, LayerProbe, Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What `probe` saw; `str()` of it is a table.

    Attributes:
        layers: In the order in which they ran.
        never: Layers with parameters that did not run on the batch.
        loss: The loss on the batch; None when none was given.
        batch: Rows of the batch.
    """

    layers: tuple[LayerProbe, ...]
    never: tuple[str, ...]
    loss: float | None
    batch: int

    @property
    def weighted(self) -> tuple[LayerProbe, ...]:
        """The linear and convolution layers alone."""
        return tuple(layer for layer in self.layers if layer.predicted is not None)

    def __str__(self) -> str:
        """A table, a row for each run of a layer, and a line on what stands out."""
        header = ("layer", "kind", "gives", "mean", "std", "predicted", "saturated", "dead", "gradient")
        table = [header, *(_cells(layer) for layer in self.layers)]
        wide = [max(len(row[column]) for row in table) for column in range(len(header))]
        lines = [
            "  ".join(
                cell.ljust(width) if column < 3 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, wide, strict=True))
            ).rstrip()
            for row in table
        ]
        return "\n".join([*lines, "", *self.words()])

    def words(self) -> list[str]:
        """What stands out, a sentence each; what is as it should be is not told."""
        found = []
        signal = [layer.std for layer in self.weighted]
        if len(signal) > 1 and signal[0] > 0 and all(map(math.isfinite, signal)):
            each = (signal[-1] / signal[0]) ** (1 / (len(signal) - 1))
            how = f"from {signal[0]:.3g} to {signal[-1]:.3g} over {len(signal)} weighted layers"
            found.append(f"The signal's standard deviation goes {how}, a factor of {each:.3g} a layer.")
        for share, what in (("saturated", "saturated"), ("dead", "dead on every row")):
            bad = [layer for layer in self.layers if (getattr(layer, share) or 0.0) > _MUCH]
            if bad:
                most = max(bad, key=lambda layer: getattr(layer, share))
                worst = f"most in {most.name!r}: {getattr(most, share):.0%}"
                found.append(f"More than {_MUCH:.0%} {what} in {len(bad)} layers; {worst}.")
        if any(not math.isfinite(layer.std) for layer in self.layers):
            found.append("Some layers give numbers that are not finite.")
        if self.never:
            found.append(f"Never ran: {', '.join(self.never)}.")
        return found

    def picture(self, path: str | Path, title: str = "Before training") -> Path:
        """Draw the layers into a PNG file: standard deviations, shares, gradients.

        Raises:
            BadValue: The name does not end in .png.
            BadRun: The file cannot be written.
        """
        from ravine.initialize.probe_picture import png

        file = Path(path)
        if file.suffix.lower() != ".png":
            raise BadValue(refusal("probe", "the picture's file", "end in .png", str(path)))
        write_whole(file, png(self, title))
        return file


_MUCH = 0.3
"""Share from which flat or dead units are worth a sentence."""


def probe(
    model: nn.Module,
    batch: Batch,
    loss: Callable[..., Tensor] | None = None,
    target: Tensor | None = None,
) -> Probe:
    """Run `model` once on `batch`, forward and backward, and tell what each layer does.

    The network runs in training mode, as the first step of a training would run it. It is
    left exactly as it was: parameters, their `.grad`, buffers, modes, hooks and torch's random state.

    Args:
        model: Any network that runs eagerly.
        batch: One field, a tuple of fields, or a dictionary of named ones.
        loss: (output, target) → a number; without `target`, output → a number. When None, gradients are
            those of Σ c·output / rows with c drawn once from N(0, 1).
        target: What the loss compares with.

    Returns: A record with a table (`str`) and a picture (`.picture("probe.png")`).

    Raises:
        BadValue: The network cannot run on the batch; a target without a loss; a loss that is no number.
    Source: for Var(z) = #parents · Var(u) · Var(w): Glorot & Bengio 2010, equation 5; taken about 0, E(u²), where
        inputs have a mean: He et al. 2015 (arXiv:1502.01852), equation 7.
    """
    if target is not None and loss is None:
        raise BadValue(refusal("probe", "loss", "be given where a target is", None))
    with untouched(model), torch.enable_grad():
        seen = Seen(model)
        with watched(model, seen.left, seen.entered), Functions(seen):
            output = called("probe", model, batch)
        gradients, value = _gradients(model, output, batch, loss, target)
    return Probe(
        layers=tuple(seen.finished(gradients)),
        never=tuple(seen.never()),
        loss=value,
        batch=rows(batch),
    )


def _gradients(
    model: nn.Module, output: Any, batch: Batch, loss: Callable[..., Tensor] | None, target: Tensor | None
) -> tuple[dict[nn.Parameter, Tensor], float | None]:
    """The gradient of each parameter that has one, and the loss."""
    learned = [value for value in model.parameters() if value.requires_grad]
    if loss is None:
        answer = first_tensor(output)
        if answer is None:
            raise BadValue(refusal("probe", "the model", "give a tensor of numbers", type(output).__name__))
        generator = torch.Generator().manual_seed(0)
        cotangent = torch.randn(answer.shape, generator=generator).to(answer.device, answer.dtype)
        scalar = (cotangent * answer).sum() / max(rows(batch), 1)
    else:
        scalar = loss(output) if target is None else loss(output, target)
        if not isinstance(scalar, Tensor) or scalar.numel() != 1:
            got = tuple(scalar.shape) if isinstance(scalar, Tensor) else type(scalar).__name__
            raise BadValue(refusal("probe", "loss", "give one number", got))
    if not learned or not scalar.requires_grad:
        return {}, None if loss is None else scalar.item()
    found = torch.autograd.grad(scalar.sum(), learned, allow_unused=True)
    pairs = {value: grad for value, grad in zip(learned, found, strict=True) if grad is not None}
    return pairs, None if loss is None else scalar.item()


def _cells(layer: LayerProbe) -> tuple[str, ...]:
    def number(value: float | None) -> str:
        return "" if value is None else f"{value:.3g}"

    def share(value: float | None) -> str:
        return "" if value is None else f"{value:.1%}"

    shape = f"({', '.join(map(str, layer.shape))})"
    return (
        layer.name,
        layer.kind,
        shape,
        number(layer.mean),
        number(layer.std),
        number(layer.predicted),
        share(layer.saturated),
        share(layer.dead),
        number(layer.gradient),
    )
