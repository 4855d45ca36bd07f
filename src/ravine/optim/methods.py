"""The catalogue of methods that are no update rule: those of the whole model, and the switch between two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ravine.core.catalogue import Catalogue
from ravine.core.sources import Source
from ravine.optim.newton import Newton
from ravine.optim.quasi_newton import BFGS, LBFGS
from ravine.optim.switch import SwitchTo


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """The record of one method.

    Attributes:
        name: Its one public name.
        make: The class.
        formula: In a line.
        state: What it keeps in all, n being the number of parameters; short.
        source: Where it comes from.
        example: How it is used, in Python.
    """

    name: str
    make: Callable[..., Any]
    formula: str
    state: str
    source: Source
    example: str


_NOCEDAL = "Numerical Optimization"

METHODS: Catalogue[Method] = Catalogue(
    "method",
    [
        Method(
            name="newton",
            make=Newton,
            formula="p ← p − H⁻¹·g, within a radius of trust where the loss is no bowl",
            state="n² numbers; few n above 2,000",
            source=Source("Nocedal & Wright", 2006, _NOCEDAL, where="algorithm 4.1"),
            example="from ravine.optim import Newton\noptimizer = Newton(model.parameters())\n"
            "optimizer.step(lambda: loss_of(model(x), y))  # without backward",
        ),
        Method(
            name="bfgs",
            make=BFGS,
            formula="p ← p − t·B·g, B ≈ H⁻¹ from the gradients met, t by the strong Wolfe conditions",
            state="n² numbers",
            source=Source("Nocedal & Wright", 2006, _NOCEDAL, where="algorithm 6.1"),
            example="from ravine.optim import BFGS\noptimizer = BFGS(model.parameters())\n"
            "optimizer.step(closure)  # closure: zero_grad, loss, backward, return loss",
        ),
        Method(
            name="lbfgs",
            make=LBFGS,
            formula="as bfgs, with B·g from the last few steps and changes of the gradient",
            state="2·history_size·n numbers",
            source=Source("Liu & Nocedal", 1989, "On the limited memory BFGS method for large scale optimization"),
            example="from ravine.optim import LBFGS\noptimizer = LBFGS(model.parameters())\n"
            "optimizer.step(closure)  # closure: zero_grad, loss, backward, return loss",
        ),
        Method(
            name="switch_to",
            make=SwitchTo,
            formula="one optimizer first, another from a step, a plateau or SWATS' criterion on; the rate carries over",
            state="that of the one at work",
            source=Source(
                "Keskar & Socher",
                2017,
                "Improving Generalization Performance by Switching from Adam to SGD",
                arxiv="1712.07628",
            ),
            example="from ravine.optim import SGD, Adam, SwitchTo\noptimizer = SwitchTo(Adam(model.parameters(), "
            'lr=0.001), SGD(model.parameters(), lr=0.1, momentum=0.9), at="swats")\n'
            "loss.backward(); optimizer.step()",
        ),
    ],
    name=lambda method: method.name,
)
