"""Training of the members, by their kind."""

from __future__ import annotations

from ravine.core.errors import BadValue
from ravine.fit.ensemble.course import train_checkpoints, train_snapshots
from ravine.fit.ensemble.kept import Kept
from ravine.fit.ensemble.one_by_one import train_one_by_one
from ravine.fit.ensemble.setting import Setting
from ravine.fit.ensemble.stacked import as_one_model, train_stacked
from ravine.train.outcome import Outcome


def train_members(setting: Setting) -> tuple[Outcome, list[Kept], str]:
    """Train all members, or those that are missing when the run is resumed.

    Returns: How it ended; the finished members, which are not all when it was interrupted; and how they were
    trained, for people.

    Raises:
        BadValue: Several processes; a training too short for its members.
    """
    if setting.job.machine.world > 1:
        raise BadValue("ensemble: members are trained by one process. Give --devices 1.")
    match setting.members.kind:
        case "snapshots":
            return train_snapshots(setting)
        case "checkpoints":
            return train_checkpoints(setting)
    population, why_not = as_one_model(setting)
    return train_one_by_one(setting, why_not) if population is None else train_stacked(setting, population)
