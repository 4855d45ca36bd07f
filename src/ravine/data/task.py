"""What is to be learned: classes, numbers, or several labels at once."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """The three kinds of task, as on the command line."""

    CLASSIFY = "classify"
    REGRESS = "regress"
    MULTI_LABEL = "multi-label"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task with what is needed to encode targets and to read outputs.

    Attributes:
        kind: classify, regress or multi-label.
        classes: Labels as text, in the order of the outputs; empty for regression.
        targets: Names of the target columns (one for classify).
        log: Regression learns log(y) (all y positive, spread over orders of magnitude).
        mean, std: Of the (transformed) training targets, one per target; the network learns
            (y − mean) / std. Empty unless regression.
        reason: Why this kind was inferred, for people.
    """

    kind: Kind
    classes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ("target",)
    log: bool = False
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    reason: str = ""

    @property
    def outputs(self) -> int:
        """How many numbers the network gives for a row."""
        return len(self.targets) if self.kind is Kind.REGRESS else len(self.classes)

    @property
    def metric(self) -> str:
        """The metric that training watches: "accuracy", "r2" or "f1" (macro)."""
        return {Kind.CLASSIFY: "accuracy", Kind.REGRESS: "r2", Kind.MULTI_LABEL: "f1"}[self.kind]

    def to_json(self) -> dict[str, Any]:
        """This task in JSON's own types."""
        return {**asdict(self), "kind": self.kind.value}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Task:
        """The task that `to_json` wrote."""
        tuples = {name: tuple(value[name]) for name in ("classes", "targets", "mean", "std")}
        return cls(**{**value, **tuples, "kind": Kind(value["kind"])})
