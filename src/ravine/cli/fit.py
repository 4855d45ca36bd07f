"""`ravine fit`: from a source of data to a good network, a record and a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ravine.cli.choices import overrides
from ravine.cli.verb import DebugOption, OpenOption, PlainOption, QuietOption, ended, show_as
from ravine.core.errors import BadValue

DATA, SPLIT, MODEL, TRAINING, MACHINE, RECORD = "Data", "Split", "Model", "Training", "Machine", "Recipe and record"

EXAMPLES = """[bold]Examples[/bold]

  ravine fit digits

  ravine fit houses.csv --target price --id house --minutes 5

  ravine fit pictures/ --model resnet --image-size 64

  ravine fit patients.parquet --target outcome --group patient --folds 5 --fold 0

  ravine fit data.py:load --optimizer sgd --lr 0.1 --set train.momentum=0.95

  ravine fit pictures/ --regularize mixup=0.2,stochastic_depth=0.1

  ravine fit digits --ensemble seeds:5

  ravine fit digits --lr 50 --repair

  ravine fit digits --recipe runs/digits-20260101-120000/recipe.toml --seed 1"""


def _option(panel: str, *names: str, text: str, metavar: str | None = None) -> Any:
    return typer.Option(*names, help=text, metavar=metavar, rich_help_panel=panel, show_default=False)


def fit(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE",
            help="digits, wine, breast-cancer, diabetes, fashion-mnist; a CSV, TSV, Parquet or JSONL table; a folder "
            "of pictures, one sub-folder a class; .npz or .npy; file.py:function. Left out: the one in --recipe.",
            show_default=False,
        ),
    ] = None,
    target: Annotated[
        list[str] | None,
        _option(DATA, "--target", metavar="COLUMN", text="Column to learn; repeat for several. Default: the last one."),
    ] = None,
    task: Annotated[
        str | None, _option(DATA, "--task", metavar="KIND", text="classify, regress or multi-label. Default: inferred.")
    ] = None,
    group: Annotated[
        str | None,
        _option(DATA, "--group", metavar="COLUMN", text="Column whose equal values stay on one side of the split."),
    ] = None,
    time: Annotated[
        str | None,
        _option(DATA, "--time", metavar="COLUMN", text="Column that orders the rows; the test part is the latest."),
    ] = None,
    id_column: Annotated[
        str | None, _option(DATA, "--id", metavar="COLUMN", text="Column that names a row; not a feature.")
    ] = None,
    drop: Annotated[
        list[str] | None, _option(DATA, "--drop", metavar="COLUMN", text="Column to leave out; repeat for several.")
    ] = None,
    delimiter: Annotated[
        str | None,
        _option(DATA, "--delimiter", metavar="TEXT", text="Between the fields of a text table. Default: inferred."),
    ] = None,
    image_size: Annotated[
        str | None,
        _option(DATA, "--image-size", text="Side to which pictures are resized, in pixels.", metavar="PIXELS"),
    ] = None,
    val: Annotated[
        str | None, _option(SPLIT, "--val", text="Share of the rows to watch while training.", metavar="SHARE")
    ] = None,
    test: Annotated[
        str | None, _option(SPLIT, "--test", text="Share of the rows to test on, once, at the end.", metavar="SHARE")
    ] = None,
    folds: Annotated[
        str | None, _option(SPLIT, "--folds", text="Test on one of so many folds instead.", metavar="NUMBER")
    ] = None,
    fold: Annotated[str | None, _option(SPLIT, "--fold", text="Which fold, counted from 0.", metavar="NUMBER")] = None,
    model: Annotated[
        str | None,
        _option(
            MODEL,
            "--model",
            text="auto, mlp, convnet, resnet, gru, transformer, file.py:function or timm:NAME.",
            metavar="NAME",
        ),
    ] = None,
    epochs: Annotated[
        str | None, _option(TRAINING, "--epochs", text="Times through the training rows.", metavar="NUMBER")
    ] = None,
    minutes: Annotated[
        str | None,
        _option(TRAINING, "--minutes", text="Stop after so long; the schedule is fitted to it.", metavar="NUMBER"),
    ] = None,
    lr: Annotated[str | None, _option(TRAINING, "--lr", text="Peak learning rate.", metavar="NUMBER")] = None,
    optimizer: Annotated[
        str | None, _option(TRAINING, "--optimizer", text="Update rule: adamw, sgd, adam, …", metavar="NAME")
    ] = None,
    schedule: Annotated[
        str | None,
        _option(
            TRAINING,
            "--schedule",
            text='Of the rate: a name of `ravine schedules`, or "warmup(5%) > cosine".',
            metavar="TEXT",
        ),
    ] = None,
    batch_size: Annotated[
        str | None, _option(TRAINING, "--batch-size", text="Rows a mini-batch.", metavar="NUMBER")
    ] = None,
    regularize: Annotated[
        list[str] | None,
        _option(
            TRAINING,
            "--regularize",
            metavar="NAME=NUMBER,…",
            text="Techniques: dropconnect=0.2,mixup=0.2. `ravine explain` lists them; settings: "
            "--set regularize.dropconnect.p=0.2.",
        ),
    ] = None,
    warm_start: Annotated[
        str | None,
        _option(
            TRAINING,
            "--warm-start",
            text="Begin with the weights of a run, a .safetensors or a .pt file, as far as they fit.",
            metavar="RUN|FILE",
        ),
    ] = None,
    augment: Annotated[
        str | None,
        _option(
            TRAINING,
            "--augment",
            text="Of pictures: none, light, standard, strong, randaugment; or single ones: shift,flip,rotation; auto "
            "keeps those measured to leave the label. Default: light.",
            metavar="NAME",
        ),
    ] = None,
    ensemble: Annotated[
        str | None,
        _option(
            TRAINING,
            "--ensemble",
            metavar="KIND:NUMBER",
            text="Several members, their answers averaged: seeds:5 (trainings), snapshots:5 (cycles of one training), "
            "checkpoints:5 (its epochs).",
        ),
    ] = None,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="When the training diverges: go back to the last good place, try remedies, go on with what helps.",
            rich_help_panel=TRAINING,
            show_default=False,
        ),
    ] = False,
    seed: Annotated[
        str | None, _option(TRAINING, "--seed", text="Of split, weights and order. Default: 0.", metavar="NUMBER")
    ] = None,
    plan: Annotated[
        str | None,
        _option(
            MACHINE, "--plan", metavar="NAME", text="auto measures what runs fastest here; safe repeats bit for bit."
        ),
    ] = None,
    accelerator: Annotated[
        str | None, _option(MACHINE, "--accelerator", text="auto, cpu, gpu, cuda or mps.", metavar="NAME")
    ] = None,
    devices: Annotated[
        str | None, _option(MACHINE, "--devices", text="Processes, one a device.", metavar="NUMBER")
    ] = None,
    strategy: Annotated[
        str | None, _option(MACHINE, "--strategy", text="Of several processes: auto, ddp or fsdp.", metavar="NAME")
    ] = None,
    threads: Annotated[
        str | None, _option(MACHINE, "--threads", text="Processor threads a process.", metavar="NUMBER")
    ] = None,
    recipe: Annotated[
        Path | None,
        _option(RECORD, "--recipe", text="TOML file of choices; options given here win.", metavar="FILE"),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        _option(
            RECORD, "--set", text="Any choice of the recipe: train.momentum=0.95. Repeatable.", metavar="KEY=VALUE"
        ),
    ] = None,
    run_dir: Annotated[
        Path | None,
        _option(RECORD, "--run-dir", text="Folder of the run. Default: runs/NAME-DATE-TIME.", metavar="FOLDER"),
    ] = None,
    log: Annotated[
        list[str] | None, _option(RECORD, "--log", text="Write events for: tensorboard.", metavar="NAME")
    ] = None,
    open_report: OpenOption = False,
    quiet: QuietOption = False,
    plain: PlainOption = False,
    _debug: DebugOption = False,
) -> None:
    """Train a good network on SOURCE and write a report.

    Leaves one folder with the recipe, the curves, the model and report.html.
    """
    options: dict[str, Any] = {
        "target": target[0] if target and len(target) == 1 else target,
        "task": task,
        "group": group,
        "time": time,
        "id_column": id_column,
        "drop": drop,
        "delimiter": delimiter,
        "image_size": image_size,
        "val": val,
        "test": test,
        "folds": folds,
        "fold": fold,
        "model": model,
        "epochs": epochs,
        "minutes": minutes,
        "lr": lr,
        "optimizer": optimizer,
        "schedule": schedule,
        "batch_size": batch_size,
        "warm_start": warm_start,
        "augment": augment,
        "ensemble": ensemble,
        "repair": repair or None,
        "seed": seed,
        "plan": plan,
        "accelerator": accelerator,
        "devices": devices,
        "strategy": strategy,
        "threads": threads,
        "log": log,
    }
    tables = overrides(options, assignments or (), regularize or ())
    show = show_as(quiet=quiet, plain=plain)
    opened = source or _source_in(recipe)

    from ravine.fit.fit import fit as train

    run = train(opened, recipe=recipe, overrides=tables, run_dir=run_dir, show=show)
    ended(run, open_report=open_report)


def _source_in(recipe: Path | None) -> str:
    if recipe is not None:
        from ravine.train.recipe import read_toml

        named = read_toml(recipe).get("data", {}).get("source")
        if named:
            return str(named)
        raise BadValue(f"{recipe}: names no source. Give one: ravine fit SOURCE --recipe {recipe}")
    raise BadValue("fit: needs a SOURCE. Try: ravine fit digits")
