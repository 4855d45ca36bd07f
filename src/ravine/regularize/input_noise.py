"""Noise on inputs: what a network sees differs a little each time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Generator, Tensor, nn

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import NON_NEGATIVE
from ravine.core.sources import Source
from ravine.regularize.outputs import Around, OutputTechnique
from ravine.regularize.technique import Acts, Technique


def input_noise(x: Tensor, std: float, generator: Generator | None = None) -> Tensor:
    """Gaussian noise added to each element: y = x + σ·ε, ε ~ N(0, 1) each.

    For a linear model and squared errors this is, on average, an L2 penalty of σ²·‖w‖²; for others a
    penalty on the slope of the answer.

    Args:
        x: Float, any shape (*). Not changed.
        std: σ, at least 0, in the units of x; for standardized inputs 0.1 is much.
        generator: Source of chance, on the device of x; the global one when None.

    Returns: The same shape and dtype.

    Raises:
        BadValue: x holds whole numbers.

    Source: Bishop 1995.
    """
    NON_NEGATIVE.check("input-noise", "std", std)
    if not x.is_floating_point():
        remedy = "Whole numbers are codes or pixels: put it behind the embedding, or scale them first."
        raise BadValue(refusal("input-noise", "inputs", "be floating-point numbers", str(x.dtype), remedy))
    if std == 0:
        return x
    noise = torch.randn(x.shape, dtype=x.dtype, device=x.device, generator=generator)
    return torch.add(x, noise, alpha=std)


class InputNoise(OutputTechnique):
    """`input_noise` on what the network or some of its layers are given while training, or a layer of its own.

    Where nobody says where: on the inputs of the network. Of several fields, those of floating-point
    numbers get noise and codes do not.

    Args:
        std: σ, at least 0, in the units of the inputs.
        schedule: Training pass t, counted from 0 by each layer → factor of σ; any schedule of
            `ravine.schedules`. It breaks the graphs of `torch.compile`.
        generator: Source of chance, on the device of the inputs; the global one when None.

    Source: Bishop 1995.
    """

    name: ClassVar[str] = "input-noise"

    def __init__(
        self, std: float = 0.1, schedule: Callable[[float], float] | None = None, generator: Generator | None = None
    ) -> None:
        super().__init__()
        self.std = NON_NEGATIVE.check(self.name, "std", std)
        self.schedule = schedule
        self.generator = generator
        self.counts = schedule is not None

    def change(self, x: Tensor) -> Tensor:
        """The tensor with noise of the full strength."""
        return input_noise(x, self.std, self.generator)

    def change_at(self, x: Tensor, layer: nn.Module | None, passes: int) -> Tensor:
        """The tensor with noise of the strength of this pass."""
        del layer
        factor = 1.0 if self.schedule is None else self.schedule(passes)
        return input_noise(x, self.std * factor, self.generator)

    def around(self, at: Around, args: tuple[Any, ...], kwargs: dict[str, Any], on: bool) -> Any:
        """The layer's output for inputs with noise."""
        del on  # idle in evaluation
        fields: dict[int | str, Any] = dict(enumerate(args))
        fields.update(kwargs)
        noisy = {
            place: self.change_at(x, at.layer, at.passes)
            for place, x in fields.items()
            if isinstance(x, Tensor) and x.is_floating_point()
        }
        if not noisy:
            got = ", ".join(str(x.dtype) if isinstance(x, Tensor) else type(x).__name__ for x in fields.values())
            must = "have a field of floating-point numbers"
            remedy = "Name a layer that is given such numbers, behind the embedding: apply(model, ..., where=...)."
            raise BadValue(
                refusal(self.name, f"the inputs of the {type(at.layer).__name__}", must, got or "nothing", remedy)
            )
        fields |= noisy
        return at.run(*(fields[place] for place in range(len(args))), **{name: fields[name] for name in kwargs})

    def places(self, model: nn.Module) -> dict[str, nn.Module]:
        """The network itself."""
        return {"": model}

    def extra_repr(self) -> str:
        """The settings."""
        return f"std={self.std}"


INPUT_NOISE = Technique(
    name="input-noise",
    make=InputNoise,
    main="std",
    acts=Acts.LAYERS,
    formula="y = x + σ·ε,  ε ~ N(0, 1)",
    source=Source(
        "Bishop", 1995, "Training with Noise is Equivalent to Tikhonov Regularization", "Neural Computation 7, 108–116"
    ),
)
