"""The record of a repair on disk: written after every attempt, so that nothing that was tried is tried again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ravine.core.errors import BadRun
from ravine.core.files import explained, plain, read_json, write_json
from ravine.records.results import Attempt, RepairRound, RepairSection
from ravine.train.adjusted import UNCHANGED, Adjusted

FILE = "repair.json"


class Record:
    """The rounds of one run.

    Args:
        folder: Of the run's repair.
        resumes: Take up what is written there.

    Raises:
        BadRun: It is there and cannot be understood.
    """

    def __init__(self, folder: Path, *, resumes: bool) -> None:
        self.path = folder / FILE
        self.rounds: list[RepairRound] = []
        if resumes and self.path.exists():
            try:
                self.rounds = RepairSection.model_validate(read_json(self.path)).rounds
            except ValidationError as error:
                raise BadRun(f"{self.path}: not as a repair is written ({error.errors()[0]['msg']}).") from None

    @property
    def section(self) -> RepairSection:
        """All of it, for the results."""
        return RepairSection(rounds=self.rounds)

    @property
    def adopted(self) -> list[tuple[RepairRound, Attempt]]:
        """What helped, with its round, in order."""
        return [(one, one.attempts[one.adopted]) for one in self.rounds if one.adopted is not None]

    @property
    def adjusted(self) -> Adjusted:
        """The settings that the training goes on with."""
        return Adjusted.from_json(self.adopted[-1][1].adjusted) if self.adopted else UNCHANGED

    @property
    def model(self) -> dict[str, Any]:
        """Choices of the recipe's [model] that were adopted."""
        return {key: value for _, attempt in self.adopted for key, value in attempt.model.items()}

    def open(self, fresh: RepairRound) -> None:
        """Begin the round of a fault, or go on with the last one where it is of the same fault and unfinished."""
        last = self.rounds[-1] if self.rounds else None
        if last is not None and not last.why:
            if (last.kind, last.fault_step, last.from_step) == (fresh.kind, fresh.fault_step, fresh.from_step):
                return
            self.rounds.pop()  # the fault did not come again as it was: what was tried tells nothing
        self.rounds.append(fresh)
        self._write()

    def change(self, **update: Any) -> RepairRound:
        """Change the last round."""
        self.rounds[-1] = self.rounds[-1].model_copy(update=update)
        self._write()
        return self.rounds[-1]

    def _write(self) -> None:
        with explained(self.path.parent):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self.path, plain(self.section.model_dump(mode="json")))
