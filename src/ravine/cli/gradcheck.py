"""`ravine gradcheck`: are the gradients of somebody's code right, and if not, where is the fault."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ravine.cli.verb import DebugOption, QuietOption
from ravine.core.errors import BadValue

if TYPE_CHECKING:
    from ravine.optim.gradcheck import GradCheck

WRONG = 1
"""The exit code when a gradient is wrong."""

EXAMPLES = """[bold]Examples[/bold]

  ravine gradcheck mine.py:setup

  ravine gradcheck mine.py:setup --all --json found.json

The function returns (model, loss, batch), (model, batch) where the model gives the loss itself,
or (function, inputs) for a torch.autograd.Function or any other function of tensors."""


def gradcheck(
    code: Annotated[
        str,
        typer.Argument(
            metavar="FILE.PY:FUNCTION", help="Who gives the model, the loss and a batch.", show_default=False
        ),
    ],
    samples: Annotated[
        int, typer.Option("--samples", metavar="NUMBER", help="Coordinates of a tensor that are checked, at most.")
    ] = 200,
    every: Annotated[bool, typer.Option("--all", help="Check every coordinate of every tensor.")] = False,
    tolerance: Annotated[
        float, typer.Option("--tolerance", metavar="ERROR", help="Largest relative error that counts as right.")
    ] = 1e-5,
    inputs: Annotated[
        bool, typer.Option("--inputs", help="Check the gradient with respect to the model's inputs too.")
    ] = False,
    seed: Annotated[
        int, typer.Option("--seed", metavar="NUMBER", help="Of the weights made, the coordinates chosen and dropout.")
    ] = 0,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write all that was found as JSON too.", show_default=False),
    ] = None,
    quiet: QuietOption = False,
    _debug: DebugOption = False,
) -> None:
    """Compare gradients with central differences in float64; name the tensor and the module that are wrong.

    Exit code 0: right; 1: a gradient is wrong; 2: the code cannot be checked.
    """
    found = _check(code, samples=None if every else samples, tolerance=tolerance, seed=seed, inputs=inputs)
    if json_file is not None:
        from ravine.core.files import write_json

        write_json(json_file, found.to_json())
    if not quiet:
        typer.echo(str(found))
    if not found.passed:
        raise typer.Exit(WRONG)


def _check(code: str, *, samples: int | None, tolerance: float, seed: int, inputs: bool) -> GradCheck:
    from ravine.core.user_code import call_user, split_spec

    split_spec(code)  # a file that is not there is said before torch is loaded

    import torch

    from ravine.optim.gradcheck import gradcheck as check
    from ravine.optim.gradcheck import gradcheck_function

    torch.manual_seed(seed)
    given = call_user(code)
    care: dict[str, Any] = {"samples": samples, "tolerance": tolerance, "seed": seed}
    match given:
        case (torch.nn.Module() as model, loss, batch):
            return check(model, loss, batch, inputs=inputs, **care)
        case (torch.nn.Module() as model, batch):
            return check(model, None, batch, inputs=inputs, **care)
        case (function, tensors) if callable(function):
            return gradcheck_function(function, tensors, **care)
    got = f"{len(given)} things" if isinstance(given, tuple) else type(given).__name__
    raise BadValue(
        f"gradcheck: {code} must return (model, loss, batch), (model, batch) or (function, inputs); got {got}."
    )
