"""SAM: the gradient where the loss is worst nearby."""

from __future__ import annotations

from typing import Any

from ravine.core.intervals import POSITIVE
from ravine.core.sources import Source
from ravine.rules.arithmetic import total
from ravine.rules.rule import Reach
from ravine.rules.wrapper import Wrapper


def measure(g: Any, p: Any, *, adaptive: bool = False) -> Any:
    """This tensor's part of the squared length, shape (): Σ g², or Σ (p·g)² when adaptive."""
    scaled = g * p if adaptive else g
    return total(scaled * scaled)


def sam(g: Any, p: Any, length: Any, *, rho: Any = 0.05, adaptive: bool = False) -> Any:
    """The climb to the worst point within ρ, to be added to the parameter.

        e = ρ·g/‖g‖                    adaptive: e = ρ·p²·g/‖p·g‖

    ‖·‖ is over all parameters at once. The step is then taken from p with the gradient at p + e.
    Adaptive, the neighbourhood scales with each weight, so that rescaling layers changes nothing.

    Args:
        g: Gradient at p, shape (*).
        p: Parameter, shape (*).
        length: ‖g‖ or ‖p·g‖ over the whole model, the root of the sum of all `measure`, shape
            (). Where it is 0 there is nowhere to climb.
        rho: ρ, radius, in the unit of p; adaptive it has none and is about ten times larger.
        adaptive: Scale by the weight (ASAM).

    Returns:
        e, shape (*).

    Source: Foret et al. 2021, eq. 2; adaptive: Kwon et al. 2021 (2102.11600).
    """
    scaled = g * (p * p) if adaptive else g
    return scaled * (rho / (length + _TINY))


_TINY = 1e-12


SAM = Wrapper(
    name="sam",
    driver="One step costs two gradients, so `step` needs a closure that zeroes the gradients, computes the loss, "
    "calls backward and returns the loss. 1. loss = closure(). 2. length = √Σ measure(g, p) over all parameters that "
    "have a gradient. 3. Keep a copy of each p; p ← p + before(g, p, length). 4. closure() again. 5. Put the "
    "copies back, exactly, even when the closure raised. 6. One step of the inner rule with the gradients of 4. "
    "Return the loss of 1. Running statistics (batch norm) should be updated in 1 alone.",
    before=sam,
    measure=measure,
    reach=Reach.CLOSURE,
    formula="e = ρg/‖g‖; the inner rule steps from p with the gradient at p + e",
    bounds={"rho": POSITIVE},
    options={"adaptive": (False, True)},
    defaults={"rho": 0.05, "adaptive": False},
    source=Source(
        "Foret et al.",
        2021,
        "Sharpness-Aware Minimization for Efficiently Improving Generalization",
        arxiv="2010.01412",
    ),
)
