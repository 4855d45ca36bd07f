"""`gradcheck(model, loss, batch)`: every parameter's gradient beside central differences."""

from __future__ import annotations

import inspect
import math
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.utils import _pytree as pytree

from ravine.core.errors import BadValue, refusal
from ravine.optim.gradcheck.arguments import checked_care, double_default, threads_for
from ravine.optim.gradcheck.bisect import culprits
from ravine.optim.gradcheck.calls import Calls, Recorded
from ravine.optim.gradcheck.copies import double_copy, double_tree, float_leaves, generators, split_batch
from ravine.optim.gradcheck.draws import Draws, springs, undisturbed
from ravine.optim.gradcheck.notes import notes_on
from ravine.optim.gradcheck.places import place_of
from ravine.optim.gradcheck.problem import Call, Effort, Problem
from ravine.optim.gradcheck.report import Culprit, GradCheck, Row
from ravine.optim.gradcheck.tensors import Care, check_tensor

_OWNER = "gradcheck"
_OUTPUT = "loss: output"


def gradcheck(
    model: nn.Module,
    loss: Callable[..., Tensor] | None,
    batch: Any,
    *,
    samples: int | None = 200,
    tolerance: float = 1e-5,
    seed: int = 0,
    inputs: bool = False,
) -> GradCheck:
    """Compare the gradient of the loss, with respect to every parameter, with central differences in float64.

        n = (f(x + h) − f(x − h)) / 2h,  h = ε^⅓·max(1, |x|)        error = |a − n| / max(|a| + |n|, floor)

    The floor is what rounding allows, 10·σ/(h·tolerance), with the noise σ of the loss measured near each tensor.
    Coordinates that disagree are looked at again at other steps and from either side: where the loss is bent (ReLU,
    max-pooling) they are set aside and counted. When something is wrong, every module is checked alone, and the
    deepest one that is wrong while all inside it are right is named; so is the loss.

    All is done on a copy in double precision, in the mode (training or evaluation) that the model is in, and
    on the device that it is on. Random numbers are the same at every evaluation: dropout keeps its mask.

    >>> import torch
    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    >>> gradcheck(model, nn.MSELoss(), (torch.ones(3, 4), torch.zeros(3, 2))).passed
    True

    Args:
        model: Any network. Nothing of it is changed.
        loss: (output, target) → one number; a module or a function. None: the model gives the loss itself, as a
            tensor, as the entry or attribute "loss", or first in a tuple.
        batch: (inputs, target), or only inputs where there is no target. The inputs are a tensor, a tuple by place or
            a dict by name.
        samples: Coordinates of a tensor, at most, a quarter of them those with the largest gradients; None: all.
            One random direction reaches those that are not sampled.
        tolerance: Largest relative error that counts as right, in [1e-10, 0.1].
        seed: Of the coordinates chosen and of the random numbers the model draws.
        inputs: Check the gradient with respect to the inputs in floating point too.

    Raises:
        BadValue: Nothing can be checked: no trainable parameters, a loss that is not one finite number or another one
            each time, a batch the model cannot be called with.
        UserCodeError: The model or the loss raised.

    Source: Rumelhart, Hinton & Williams 1986, on checking by perturbation; the step: Nocedal & Wright 2006, section
    8.1; the noise: Moré & Wild 2011.
    """
    begun = time.perf_counter()
    care = checked_care(samples, tolerance, seed)
    if not isinstance(model, nn.Module):
        raise BadValue(refusal(_OWNER, "model", "be a torch.nn.Module", type(model).__name__))
    if loss is not None and not callable(loss):
        raise BadValue(refusal(_OWNER, "loss", "be a function or a module", type(loss).__name__))
    model = getattr(model, "_orig_mod", model)  # what torch.compile wraps has the gradients that are meant
    given, named, target = split_batch(_OWNER, batch, with_target=loss is not None)
    with undisturbed(seed), double_default(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = _Whole(double_copy(_OWNER, model), double_copy(_OWNER, loss))
        call = Call(whole, double_tree((given, named, target)))
        leaves = _leaves(whole, call, inputs=inputs)
        sources = springs(generators(whole))
        effort = Effort()
        problem = Problem(call, leaves, Draws(sources), effort)
        problem.unsettle()
        calls = Calls(whole.model, sources)
        whole.forward_is_over = calls.forward_is_over
        with calls.watching():
            gradients = problem.gradients()
        whole.forward_is_over = _nothing
        if not math.isfinite(problem.base):
            raise BadValue(f"{_OWNER}: the loss must be finite; it is {problem.base}. Nothing can be compared with it.")
        problem.settle()
        with threads_for(problem):
            rows = [check_tensor(problem, name, gradients[name], care) for name in leaves]
            at_loss = _loss_rows(loss, whole, calls.of_root(), target=call.args[2], care=care, effort=effort)
            rows += at_loss
            found: tuple[Culprit, ...] = ()
            if any(row.faulty or row.kinks for row in rows):
                problem.refuse_casts()
            if any(row.faulty for row in rows):
                wrong_loss = [row for row in at_loss if row.faulty]
                found = (*(_the_loss(loss, row) for row in wrong_loss[:1]), *culprits(calls, care, effort))
        rows += [
            Row(name=name, shape=tuple(p.shape), verdict="frozen") for name, p in whole.named() if not p.requires_grad
        ]
    return GradCheck(
        rows=tuple(rows),
        culprits=found,
        notes=tuple(notes_on(model, whole.model, rows, found, gradients, drawn=bool(problem.draws.springs))),
        loss=problem.base,
        tolerance=tolerance,
        seed=seed,
        evaluations=effort.evaluations,
        seconds=time.perf_counter() - begun,
    )


def _nothing() -> None:
    """What is called when nobody watches."""


class _Whole(nn.Module):
    """Model and loss as one module, so that parameters of either are moved alike."""

    def __init__(self, model: nn.Module, loss: Callable[..., Any] | None) -> None:
        super().__init__()
        self.model = model
        self.loss = loss
        self.forward_is_over: Callable[[], None] = _nothing

    def forward(self, args: tuple[Any, ...], kwargs: dict[str, Any], target: tuple[Any, ...]) -> Any:
        output = self.model(*args, **kwargs)
        number = own_loss(output) if self.loss is None else self.loss(output, *target)
        self.forward_is_over()
        return number

    def named(self) -> list[tuple[str, nn.Parameter]]:
        """Parameters as the model calls them; those of the loss after its name."""
        return [
            (name.removeprefix("model.") if name.startswith("model.") else name.replace("loss.", "loss: ", 1), p)
            for name, p in self.named_parameters()
        ]


def own_loss(output: Any) -> Any:
    """The loss in what a model returns that computes it itself."""
    if isinstance(output, Mapping) and "loss" in output:
        return output["loss"]
    if isinstance(output, tuple) and output:
        return getattr(output, "loss", output[0])
    return getattr(output, "loss", output)


def _leaves(whole: _Whole, call: Call, *, inputs: bool) -> dict[str, Tensor]:
    leaves: dict[str, Tensor] = {name: p for name, p in whole.named() if p.requires_grad and p.numel()}
    if not leaves and not inputs:
        frozen = sum(1 for _ in whole.parameters())
        why = f"all {frozen} parameters are frozen" if frozen else "it has no parameters"
        raise BadValue(
            f"{_OWNER}: the model must have a parameter to train; {why}. "
            "For a function of its inputs alone: gradcheck_function, or inputs=True."
        )
    if inputs:
        floats = float_leaves(call.args[:2])
        if not floats:
            raise BadValue(f"{_OWNER}: inputs=True needs inputs in floating point; all are {_dtypes(call.args)}.")
        leaves |= {"input" if len(floats) == 1 else f"input {i}": leaf for i, leaf in enumerate(floats)}
    return leaves


def _dtypes(tree: Any) -> str:
    return ", ".join(sorted({str(t.dtype) for t in pytree.tree_leaves(tree) if isinstance(t, Tensor)}))


def _loss_rows(
    loss: Any, whole: _Whole, root: Recorded | None, *, target: tuple[Any, ...], care: Care, effort: Effort
) -> list[Row]:
    """The loss alone, with respect to the model's output."""
    if loss is None or root is None or root.after is None:
        return []
    flat, spec = pytree.tree_flatten(root.output)
    places = [i for i, t in enumerate(flat) if isinstance(t, Tensor) and (t.is_floating_point() or t.is_complex())]
    if not places:
        return []
    called = whole.loss
    assert called is not None
    alone = _Alone(called, flat, spec, places)
    call = Call(alone, (*(flat[place] for place in places), target))
    names = [_OUTPUT] if len(places) == 1 else [f"{_OUTPUT} {i}" for i in range(len(places))]
    problem = Problem(call, {name: flat[place] for name, place in zip(names, places, strict=True)}, root.after, effort)
    problem.unsettle()
    gradients = problem.gradients()
    problem.settle()
    return [check_tensor(problem, name, gradients[name], care) for name in names]


class _Alone(nn.Module):
    """The loss as a function of the tensors in the model's output."""

    def __init__(self, loss: Callable[..., Any], flat: list[Any], spec: Any, places: list[int]) -> None:
        super().__init__()
        self.loss = loss
        self.flat, self.spec, self.places = flat, spec, places

    def forward(self, *given: Any) -> Any:
        *outputs, target = given
        flat = list(self.flat)
        for place, output in zip(self.places, outputs, strict=True):
            flat[place] = output
        return self.loss(pytree.tree_unflatten(flat, self.spec), *target)


def _the_loss(loss: Any, row: Row) -> Culprit:
    what = getattr(loss, "__self__", loss)  # the class, of a Function's apply
    if not isinstance(what, type) and not inspect.isfunction(what):
        what = type(what)
    return Culprit(name="loss", kind=what.__name__, where=place_of(what), worst="output", row=row)
