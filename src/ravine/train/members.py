"""What an ensemble is made of, as a recipe says it: "seeds:5"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadValue, refusal

Kind = Literal["seeds", "snapshots", "checkpoints"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_FORM = re.compile(r"(?P<kind>[a-z_-]+)\s*:\s*(?P<number>\d+)")


@dataclass(frozen=True, slots=True)
class Members:
    """So many members of one kind.

    - seeds: trainings of their own, each with other first weights and another order of the rows;
    - snapshots: the ends of the cycles of one training with cosine restarts;
    - checkpoints: epochs of one training.

    >>> Members.parse("seeds:5")
    Members(kind='seeds', number=5)
    """

    kind: Kind
    number: int

    @classmethod
    def parse(cls, text: str) -> Members:
        """Read "seeds:5", "snapshots:5" or "checkpoints:5".

        Raises:
            BadValue: Another kind, or fewer than two members.
        """
        found = _FORM.fullmatch(text.strip().lower())
        if found is None:
            kinds = ", ".join(f"{kind}:5" for kind in KINDS)
            raise BadValue(refusal("ensemble", "members", f"read like {kinds}", text))
        kind, number = found["kind"], int(found["number"])
        if kind not in KINDS:
            raise BadValue(f"ensemble: unknown members {kind!r}.{did_you_mean(kind, KINDS)} Known: {', '.join(KINDS)}.")
        if number < 2:
            raise BadValue(refusal("ensemble", "members", "be at least 2", number, "One alone is no ensemble."))
        return cls(kind, number)

    def __str__(self) -> str:
        return f"{self.kind}:{self.number}"
