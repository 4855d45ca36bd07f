"""The check of one function, without a model: a custom autograd.Function, or any function of tensors."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ravine.core.errors import BadValue
from ravine.optim.gradcheck.arguments import checked_care, double_default, threads_for
from ravine.optim.gradcheck.bisect import inputs_of
from ravine.optim.gradcheck.copies import double_tree, float_leaves
from ravine.optim.gradcheck.draws import Draws, springs, undisturbed
from ravine.optim.gradcheck.places import place_of
from ravine.optim.gradcheck.problem import Call, Effort, Problem, told
from ravine.optim.gradcheck.report import Culprit, GradCheck
from ravine.optim.gradcheck.tensors import check_tensor


def gradcheck_function(
    function: Callable[..., Any] | type[torch.autograd.Function],
    inputs: Any,
    *,
    samples: int | None = 200,
    tolerance: float = 1e-5,
    seed: int = 0,
) -> GradCheck:
    """Compare the gradient of a function, with respect to its inputs, with central differences in float64.

    What it returns may have any shape, or be several tensors: each number gets a random weight, and the weighted sum
    is checked, which tells a wrong Jacobian from a right one with probability 1.

    >>> import torch
    >>> gradcheck_function(torch.sin, torch.linspace(-1, 1, 5)).passed
    True

    Args:
        function: Of tensors; a `torch.autograd.Function` is called through its `apply`.
        inputs: A tensor, or a tuple of whatever it is called with. Tensors in floating point are checked: all,
            or those that require a gradient, if any does.
        samples: Coordinates of a tensor, at most; None: all.
        tolerance: Largest relative error that counts as right.
        seed: Of the coordinates chosen, the weights, and the random numbers the function draws.

    Raises:
        BadValue: The inputs hold nothing to check, or the function gives another answer each time.
        UserCodeError: The function raised.
    """
    begun = time.perf_counter()
    care = checked_care(samples, tolerance, seed)
    is_class = isinstance(function, type) and issubclass(function, torch.autograd.Function)
    run: Callable[..., Any] = function.apply if is_class else function  # type: ignore[union-attr]
    name = getattr(function, "__name__", type(function).__name__)
    given = tuple(inputs) if isinstance(inputs, list | tuple) else (inputs,)
    asked = [isinstance(one, Tensor) and one.requires_grad for one in given]
    with undisturbed(seed), double_default(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        call = Call(run, double_tree(given))
        leaves = inputs_of(call)
        if any(asked) and len(leaves) > 1:
            wanted = {id(one) for one, ask in zip(call.args, asked, strict=True) if ask}
            leaves = {key: leaf for key, leaf in leaves.items() if id(leaf) in wanted}
        if not leaves:
            raise BadValue(f"gradcheck: {name} must get a tensor in floating point; there is none in its inputs.")
        draws = Draws(springs())
        with told(name), torch.no_grad():
            outputs = float_leaves(run(*double_tree(call.args)))
        if not outputs:
            raise BadValue(f"gradcheck: {name} must return tensors in floating point; it returned none.")
        generator = torch.Generator().manual_seed(seed)
        weights = [torch.randn(o.shape, generator=generator, dtype=o.dtype).to(o.device) for o in outputs]
        effort = Effort()
        problem = Problem(call, leaves, draws, effort, weights)
        problem.unsettle()
        gradients = problem.gradients()
        if not torch.tensor(problem.base).isfinite():
            raise BadValue(f"gradcheck: what {name} returns must be finite; it is not. Give it other inputs.")
        problem.settle()
        with threads_for(problem):
            rows = tuple(check_tensor(problem, key, gradients[key], care) for key in leaves)
        if any(row.faulty or row.kinks for row in rows):
            problem.refuse_casts()
    faulty = [row for row in rows if row.faulty]
    culprit = [
        Culprit(name=name, kind="function", where=place_of(function), worst=row.name, row=row)
        for row in sorted(faulty, key=lambda row: -row.error)[:1]
    ]
    return GradCheck(
        rows=rows,
        culprits=tuple(culprit),
        notes=tuple(
            f"{row.name}: nothing could be judged: every coordinate lies at a kink."
            for row in rows
            if row.verdict == "not judged"
        ),
        loss=problem.base,
        tolerance=tolerance,
        seed=seed,
        evaluations=effort.evaluations,
        seconds=time.perf_counter() - begun,
    )
