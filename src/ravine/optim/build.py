"""An optimizer by its name."""

from __future__ import annotations

from typing import Any

from ravine.optim.classes import OPTIMIZERS
from ravine.optim.driver import RuleOptimizer


def build(
    name: str, params: Any, *, lr: float | None = None, weight_decay: float | None = None, **more: Any
) -> RuleOptimizer:
    """The optimizer called `name` on the command line, over `params`.

    Args:
        name: A key of `OPTIMIZERS`: "adamw", "sgd", …
        params: Parameters, or groups as `param_groups` makes them.
        lr: Learning rate α; the rule's own when None.
        weight_decay: λ; the rule's own when None.
        **more: Other arguments of the class. `momentum`, with which recipes are general, is passed on
            where the class takes it and left away where it does not.

    Raises:
        BadValue: The name is unknown, or a value is not allowed.
    """
    made = OPTIMIZERS[name]
    given = {"lr": lr, "weight_decay": weight_decay, **more}
    if "momentum" not in made.defaults_by_name():
        given.pop("momentum", None)
        given.pop("nesterov", None)
    return made(params, **{key: value for key, value in given.items() if value is not None})
