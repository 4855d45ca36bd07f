"""`ravine probe`: what a network does to a batch before any training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ravine.cli.verb import DebugOption
from ravine.core.errors import BadValue, refusal

if TYPE_CHECKING:
    from torch import nn

EXAMPLES = """[bold]Examples[/bold]

  ravine probe digits -o probe.png

  ravine probe table.csv --activation tanh

  ravine probe mine.py:network -o probe.png"""


def probe(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="SUBJECT",
            help="Data, as ravine fit takes it, for the network chosen for it; or file.py:function, which returns "
            "(model, batch), and after these a loss and a target if it likes.",
            show_default=False,
        ),
    ],
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="The network for data.")] = "auto",
    activation: Annotated[
        str, typer.Option("--activation", metavar="NAME", help="Its activation: relu, tanh, gelu, …")
    ] = "relu",
    rows: Annotated[int, typer.Option("--rows", metavar="NUMBER", help="How many training rows run through.")] = 256,
    seed: Annotated[int, typer.Option("--seed", metavar="NUMBER", help="Of the weights and the split.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Draw into a PNG.", show_default=False)
    ] = None,
    _debug: DebugOption = False,
) -> None:
    """Show size of the signal, saturated and dead units and gradients of each layer, before any training."""
    if output is not None and output.suffix.lower() != ".png":
        raise BadValue(refusal("probe", "the picture's file", "end in .png", str(output)))
    if rows < 1:
        raise BadValue(refusal("probe", "rows", "be at least 1", rows))
    from ravine.initialize import probe as run

    title, arguments = _subject(subject, model, activation, rows, seed)
    found = run(*arguments)
    typer.echo(f"{title}, {found.batch} rows, before training\n")
    typer.echo(found)
    if output is not None:
        typer.echo(f"\ndrawn into {found.picture(output, f'{title}, before training')}")


def _subject(subject: str, model: str, activation: str, rows: int, seed: int) -> tuple[str, tuple[Any, ...]]:
    """What to call it, and the arguments of `ravine.initialize.probe`."""
    from ravine.core.user_code import call_user, is_spec

    source: Any = subject
    if is_spec(subject):
        from torch import nn

        source = call_user(subject)
        parts = source if isinstance(source, tuple) else (source,)
        if isinstance(parts[0], nn.Module):
            if not 2 <= len(parts) <= 4:
                must = "return (model, batch), (model, batch, loss) or (model, batch, loss, target)"
                raise BadValue(refusal("probe", subject, must, f"{len(parts)} things"))
            return type(parts[0]).__name__, parts
    return _chosen(source, model, activation, rows, seed)


def _chosen(source: Any, model: str, activation: str, rows: int, seed: int) -> tuple[str, tuple[Any, ...]]:
    """The network that `ravine fit` would train on the data, some rows, the loss and their targets."""
    import torch

    from ravine.data.infer import infer_task
    from ravine.data.prepare import prepare
    from ravine.data.raw import Raw
    from ravine.data.sources.opening import open_source
    from ravine.data.split import split_rows
    from ravine.data.task import encode_targets, fit_target
    from ravine.models import build
    from ravine.train.losses import loss_of

    raw = open_source(source)
    if not isinstance(raw, Raw) or raw.targets is None:
        raise BadValue("probe: these are torch's data sets. Let the function return (model, batch) instead.")
    task = infer_task(raw)
    split = split_rows(raw, task, val="auto", test=0.2, seed=seed)
    task = fit_target(task, raw.targets, split.train)
    preparation = prepare(raw.inputs, split.train)
    some = torch.from_numpy(split.train[:rows])
    fields = tuple(field[some] for field in preparation.fields(raw.inputs))
    shape, kind = preparation.shape, task.kind
    built = build(
        model, shape, task.outputs, rows=len(split.train), activation=activation, seed=seed, task_kind=kind.value
    )
    target = torch.from_numpy(encode_targets(task, raw.targets))[some]
    batch = _given(preparation.normalizer(), fields)
    return built.name, (built.module, batch, loss_of(kind), target)


def _given(normalizer: nn.Module, fields: tuple[Any, ...]) -> tuple[Any, ...]:
    normalized = normalizer(*fields)
    return normalized if isinstance(normalized, tuple) else (normalized,)
