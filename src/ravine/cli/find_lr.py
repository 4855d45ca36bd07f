"""`ravine find-lr`: a learning rate by trial."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ravine.cli.verb import DebugOption
from ravine.core.errors import BadValue, refusal

if TYPE_CHECKING:
    from ravine.search import RateTest

EXAMPLES = """[bold]Examples[/bold]

  ravine find-lr digits

  ravine find-lr table.csv --optimizer sgd -o rates.png

  ravine find-lr mine.py:setup

The function returns (model, loss, data), the data as tensors (x, y), a Dataset or a DataLoader."""


def find_lr(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="SUBJECT",
            help="Data, as ravine fit takes it, for the network chosen for it; or file.py:function, which returns "
            "(model, loss, data).",
            show_default=False,
        ),
    ],
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="The network for data.")] = "auto",
    optimizer: Annotated[str, typer.Option("--optimizer", metavar="NAME", help="Update rule.")] = "adamw",
    steps: Annotated[int, typer.Option("--steps", metavar="NUMBER", help="Optimizer steps of the test.")] = 120,
    low: Annotated[float, typer.Option("--low", metavar="RATE", help="The first rate.")] = 1e-7,
    high: Annotated[float, typer.Option("--high", metavar="RATE", help="The last rate.")] = 10.0,
    batch_size: Annotated[int, typer.Option("--batch-size", metavar="NUMBER", help="Rows a step.")] = 128,
    seed: Annotated[int, typer.Option("--seed", metavar="NUMBER", help="Of weights, split and order.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Draw into a PNG.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object: every rate and loss.")] = False,
    _debug: DebugOption = False,
) -> None:
    """Let the learning rate grow from step to step, and suggest one from where the loss falls; nothing is kept."""
    if output is not None and output.suffix.lower() != ".png":
        raise BadValue(refusal("find-lr", "the picture's file", "end in .png", str(output)))
    if batch_size < 1:
        raise BadValue(refusal("find-lr", "--batch-size", "be at least 1", batch_size))
    title, found = _found(
        subject, model, seed, optimizer=optimizer, steps=steps, low=low, high=high, batch_size=batch_size
    )
    if output is not None:
        from ravine.core.files import write_whole

        write_whole(output, found.png())
    if as_json:
        typer.echo(found.to_json())
        return
    typer.echo(f"{title}, {optimizer}, {len(found.rates)} steps\n\n{found.terminal()}\n\n{found}")
    if output is not None:
        typer.echo(f"drawn into {output}")


def _found(subject: str, model: str, seed: int, **choices: Any) -> tuple[str, RateTest]:
    from ravine.core.user_code import call_user, is_spec

    source: Any = subject
    if is_spec(subject):
        import torch

        from ravine.search import find_lr as search

        torch.manual_seed(seed)
        source = call_user(subject)
        parts = source if isinstance(source, tuple) else (source,)
        if isinstance(parts[0], torch.nn.Module):
            if len(parts) != 3 or not callable(parts[1]):
                raise BadValue(refusal("find-lr", subject, "return (model, loss, data)", f"{len(parts)} things"))
            return type(parts[0]).__name__, search(*parts, seed=seed, **choices)
    from ravine.cli.chosen_network import chosen_network
    from ravine.search import find_lr as search

    name, (module, batch, loss, target) = chosen_network("find-lr", source, model, seed=seed)
    return name, search(module, loss, (*batch, target), seed=seed, **choices)
