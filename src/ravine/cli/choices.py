"""From options given on the command line to tables of the recipe; nothing is checked here.

The recipe refuses what cannot be used, all faults at once, so an option only says where its
value belongs.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from ravine.core.errors import BadValue

PLACES: Mapping[str, str] = {
    "target": "data.target",
    "task": "data.task",
    "group": "data.group",
    "time": "data.time",
    "id_column": "data.id",
    "drop": "data.drop",
    "delimiter": "data.delimiter",
    "image_size": "data.image_size",
    "val": "split.val",
    "test": "split.test",
    "folds": "split.folds",
    "fold": "split.fold",
    "model": "model.name",
    "optimizer": "train.optimizer",
    "lr": "train.lr",
    "schedule": "train.schedule",
    "epochs": "train.epochs",
    "minutes": "train.minutes",
    "batch_size": "train.batch_size",
    "warm_start": "train.warm_start",
    "augment": "train.augment",
    "ensemble": "ensemble.members",
    "repair": "train.repair",
    "plan": "machine.plan",
    "accelerator": "machine.accelerator",
    "devices": "machine.devices",
    "strategy": "machine.strategy",
    "threads": "machine.threads",
    "log": "keep.log",
    "seed": "seed",
}
"""Option → its place in the recipe."""

NUMBERS = frozenset(
    (
        "image_size",
        "val",
        "test",
        "folds",
        "fold",
        "lr",
        "epochs",
        "minutes",
        "batch_size",
        "devices",
        "threads",
        "seed",
    )
)
"""Options whose text is read as a number where it spells one; a column named "2020" stays text."""


def overrides(
    options: Mapping[str, Any], assignments: Iterable[str] = (), regularize: Iterable[str] = ()
) -> dict[str, Any]:
    """Tables to lay over a recipe, from the options that were given and `KEY=VALUE` texts.

    Options of None and empty lists were not given. Assignments come last and win.

    >>> overrides({"lr": "0.01", "epochs": None}, ["train.momentum=0.95"])
    {'train': {'lr': 0.01, 'momentum': 0.95}}
    """
    tables: dict[str, Any] = {}
    for option, value in options.items():
        if value is not None and value != []:
            place(tables, PLACES[option], number_or_text(value) if option in NUMBERS else value)
    for name, value in techniques(regularize).items():
        tables.setdefault("regularize", {})[name] = value
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise BadValue(f"--set: must read like train.momentum=0.95; got {assignment!r}.")
        place(tables, key.strip(), toml_value(text.strip()))
    return tables


def techniques(texts: Iterable[str]) -> dict[str, Any]:
    """The table of [regularize] from texts such as "dropconnect=0.2,mixup"; "none" switches one off.

    >>> techniques(["dropconnect=0.2,augment=light", "mixup", "l1=none"])
    {'dropconnect': 0.2, 'augment': 'light', 'mixup': True, 'l1': False}
    """
    table: dict[str, Any] = {}
    for part in (part.strip() for text in texts for part in text.split(",")):
        name, equals, told = (side.strip() for side in part.partition("="))
        if not name or (equals and not told):
            raise BadValue(f"--regularize: must read like dropconnect=0.2,mixup=0.2; got {part!r}.")
        if name in table:
            raise BadValue(f"--regularize: {name} is given twice.")
        value = toml_value(told) if equals else True
        table[name] = False if value is None else value
    return table


def place(tables: dict[str, Any], key: str, value: Any) -> None:
    """Set the dotted `key` inside nested `tables`, in place."""
    *path, last = key.split(".")
    if not all((*path, last)):
        raise BadValue(f"--set: {key!r} is no key; must read like train.momentum.")
    table = tables
    for part in path:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise BadValue(f"--set: {key!r} lies inside {part!r}, which was given a value of its own.")
    if isinstance(table.get(last), dict):
        raise BadValue(f"--set: {key!r} is a table with values of its own; set them one by one.")
    table[last] = value


def number_or_text(text: str) -> int | float | str:
    """`text` as the number that it spells, or as it is.

    >>> number_or_text("3e-4"), number_or_text("128"), number_or_text("auto")
    (0.0003, 128, 'auto')
    """
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


def toml_value(text: str) -> Any:
    """`text` read as a TOML value; what is not one is text, and `none` is None.

    >>> toml_value("0.5"), toml_value("true"), toml_value("[1, 2]"), toml_value("5%"), toml_value("none")
    (0.5, True, [1, 2], '5%', None)
    """
    if text.lower() == "none":
        return None
    try:
        found = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return number_or_text(text)
    return found["value"] if len(found) == 1 else text
