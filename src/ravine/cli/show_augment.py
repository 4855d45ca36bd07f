"""`ravine show-augment`: what an augmentation does to pictures, for the eye."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ravine.cli.verb import DebugOption
from ravine.core.errors import BadValue, refusal

EXAMPLES = """[bold]Examples[/bold]

  ravine show-augment digits -o sheet.png

  ravine show-augment pictures/ --augment strong --rows 6 --seed 1 -o sheet.png

  ravine show-augment fashion-mnist --augment shift,flip,rotation -o sheet.png"""


def show_augment(
    source: Annotated[
        str,
        typer.Argument(metavar="DATA", help="As for `ravine fit`: digits, a folder of pictures, …", show_default=False),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where the sheet goes: a .png.")
    ] = Path("sheet.png"),
    augment: Annotated[
        str,
        typer.Option(
            "--augment",
            metavar="NAME",
            help="none, light, standard, strong or randaugment; or single ones: shift,flip,rotation.",
        ),
    ] = "standard",
    rows: Annotated[int, typer.Option("--rows", metavar="NUMBER", help="Pictures to show, 20 at most.")] = 4,
    seed: Annotated[int, typer.Option("--seed", metavar="NUMBER", help="Of the pictures and of every draw.")] = 0,
    image_size: Annotated[
        int | None,
        typer.Option(
            "--image-size",
            metavar="PIXELS",
            help="Side to which pictures are resized, as in a fit.",
            show_default=False,
        ),
    ] = None,
    _debug: DebugOption = False,
) -> None:
    """Draw pictures of DATA before and after augmentation: each transform alone, then all together."""
    if output.suffix.lower() != ".png":
        raise BadValue(refusal("show-augment", "file", "end in .png", str(output)))

    from io import BytesIO

    from ravine.core.files import write_whole
    from ravine.data.raw import Raw
    from ravine.data.sources.opening import open_source
    from ravine.fit.augment_sheet import Sheet, asked

    chosen = asked(augment)
    raw = open_source(source, image_size=image_size)
    if not isinstance(raw, Raw):
        raise BadValue(f"show-augment: {source} gives loaders of its own; give pictures in files or arrays.")
    made = BytesIO()
    Sheet.of(raw, chosen, rows=rows, seed=seed).drawn().save(made, "PNG", optimize=True)
    write_whole(output, made.getvalue())
    typer.echo(f"drawn into {output}")
