"""`ravine transfer`: a pretrained network moved to new data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ravine.cli.choices import number_or_text, overrides, place
from ravine.cli.verb import DebugOption, OpenOption, PlainOption, QuietOption, ended, show_as

EXAMPLES = """[bold]Examples[/bold]

  ravine transfer digits --from runs/fashion-mnist-20260101-120000

  ravine transfer pictures/ --from timm:resnet18 --plan linear

  ravine transfer pictures/ --from weights.safetensors --model resnet --minutes 10

  ravine transfer pictures/ --from net.py:pretrained --plan fine-tune --unfreeze 2 --layer-decay 0.8"""


def _option(*names: str, text: str, metavar: str) -> Any:
    return typer.Option(*names, help=text, metavar=metavar, show_default=False)


def transfer(
    source: Annotated[
        str,
        typer.Argument(metavar="DATA", help="As for ravine fit: a built-in name, a file, a folder, file.py:function."),
    ],
    pretrained: Annotated[
        str,
        _option(
            "--from",
            metavar="MODEL",
            text="A run, a .safetensors or .pt file, timm:NAME, hf:NAME, torchvision:NAME or file.py:function.",
        ),
    ],
    plan: Annotated[
        str | None,
        _option(
            "--plan",
            metavar="NAME",
            text="linear (a new head on kept features), last-block, fine-tune (all, the body slowly), scratch; auto "
            "measures, tries and says why. Default: auto.",
        ),
    ] = None,
    model: Annotated[
        str | None, _option("--model", metavar="NAME", text="Which network a file of weights goes into.")
    ] = None,
    target: Annotated[
        list[str] | None, _option("--target", metavar="COLUMN", text="Column to learn; repeat for several.")
    ] = None,
    image_size: Annotated[
        str | None, _option("--image-size", metavar="PIXELS", text="Side to which pictures are resized.")
    ] = None,
    val: Annotated[
        str | None, _option("--val", metavar="SHARE", text="Share of the rows to watch and choose by.")
    ] = None,
    test: Annotated[str | None, _option("--test", metavar="SHARE", text="Share of the rows to test on, once.")] = None,
    epochs: Annotated[
        str | None, _option("--epochs", metavar="NUMBER", text="Times through the training rows.")
    ] = None,
    minutes: Annotated[
        str | None, _option("--minutes", metavar="NUMBER", text="Stop after so long, trials included.")
    ] = None,
    lr: Annotated[str | None, _option("--lr", metavar="NUMBER", text="Peak rate of the head.")] = None,
    body_lr: Annotated[
        str | None, _option("--body-lr", metavar="SHARE", text="Rate of the body as a share of it. Default: 0.1.")
    ] = None,
    layer_decay: Annotated[
        str | None,
        _option("--layer-decay", metavar="FACTOR", text="Of the rate, from one part of the body to the one before."),
    ] = None,
    unfreeze: Annotated[
        str | None,
        _option("--unfreeze", metavar="EPOCHS", text="Wake one more part every so many epochs, with fine-tune."),
    ] = None,
    l2_sp: Annotated[
        str | None, _option("--l2-sp", metavar="NUMBER", text="Pull towards the pretrained weights.")
    ] = None,
    seed: Annotated[str | None, _option("--seed", metavar="NUMBER", text="Of all draws. Default: 0.")] = None,
    assignments: Annotated[
        list[str] | None, _option("--set", metavar="KEY=VALUE", text="Any choice of the recipe: train.augment=none.")
    ] = None,
    run_dir: Annotated[
        Path | None, _option("--run-dir", metavar="FOLDER", text="Folder of the run. Default: runs/NAME-DATE-TIME.")
    ] = None,
    open_report: OpenOption = False,
    quiet: QuietOption = False,
    plain: PlainOption = False,
    _debug: DebugOption = False,
) -> None:
    """Move a pretrained network to DATA, and write a report.

    Leaves a run like ravine fit: resume, predict and export work on it.
    """
    tables = overrides(
        {
            "target": target[0] if target and len(target) == 1 else target,
            "model": model,
            "image_size": image_size,
            "val": val,
            "test": test,
            "epochs": epochs,
            "minutes": minutes,
            "lr": lr,
            "seed": seed,
        },
        assignments or (),
    )
    own = {"body_lr": body_lr, "layer_decay": layer_decay, "unfreeze": unfreeze, "l2_sp": l2_sp}
    for name, value in {"source": pretrained, "plan": plan, **{k: _number(v) for k, v in own.items()}}.items():
        if value is not None:
            place(tables, f"transfer.{name}", value)
    show = show_as(quiet=quiet, plain=plain)

    from ravine.fit.fit import fit

    ended(fit(source, overrides=tables, run_dir=run_dir, show=show), open_report=open_report)


def _number(text: str | None) -> Any:
    return None if text is None else number_or_text(text)
