"""Who may ask for a repair, and who is told that there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ravine.core.errors import BadValue
from ravine.fit.repair.words import findings
from ravine.records.finding import Finding
from ravine.records.results import RepairSection
from ravine.train.machine import Machine
from ravine.train.recipe import Recipe

MENDED = ("diverges", "turns-nan", "explodes", "needs-clipping", "overflows", "has-nan-in-data")
"""Symptoms of a training that a repair goes back on."""

OFFER = " `--repair` goes back to the last good place, tries remedies and keeps what helps."


def check_repairable(recipe: Recipe, machine: Machine) -> None:
    """Refuse a repair where there is none.

    Raises:
        BadValue: Several members, a pretrained network, several processes.
    """
    if not recipe.train.repair:
        return
    if recipe.ensemble.asked is not None:
        raise BadValue("repair: members of an ensemble are not repaired. Leave one of --repair and --ensemble out.")
    if recipe.transfer.source:
        raise BadValue("repair: the plans of a transfer have rates of their own. Leave --repair out, or lower --lr.")
    if machine.world > 1:
        raise BadValue("repair: a training of several processes is not repaired. Give --devices 1.")


def offered(found: Sequence[Finding], recipe: Recipe, repair: RepairSection | None) -> list[Finding]:
    """What was found of a training: with what a repair came to, or, where none was asked for, that there is one."""
    if recipe.train.repair:
        lr = recipe.train.lr
        rounds = repair.rounds if repair is not None else []
        return [*findings(rounds, None if lr == "auto" else lr), *found]
    if recipe.ensemble.asked is not None or recipe.transfer.source:
        return list(found)
    return [replace(one, advice=one.advice + OFFER) if one.symptom in MENDED else one for one in found]
