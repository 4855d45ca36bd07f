"""What every detector says of one run, kept beside it until the doctor changes."""

from __future__ import annotations

import functools
import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

from benchmarks.faults import baselines
from benchmarks.faults.baselines import forest
from benchmarks.faults.mask import TIERS, masked, until
from benchmarks.faults.plan import Kept, Run, read

from ravine.diagnose.doctor import diagnose
from ravine.records.history import History

SHARES = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)  # of the steps, after which is asked whether it is known


@functools.cache
def digest() -> str:
    """A short name of all that decides: the doctor, its symptoms, and the baselines."""
    import ravine.diagnose as room

    found = hashlib.sha256()
    for folder in (Path(room.__file__).parent, Path(__file__).parent / "baselines", Path(__file__)):
        for path in sorted(folder.rglob("*.py") if folder.is_dir() else [folder]):
            found.update(path.read_bytes())
    return found.hexdigest()[:12]


def look(run: Run, folder: Path) -> dict[str, Any] | None:
    """What is said of a run; None where it was not done."""
    path = folder / "said" / f"{run.key}.json"
    if path.exists():
        said = json.loads(path.read_text())
        if said["digest"] == digest():
            return said
    kept = read(run, folder)
    if kept is None:
        return None
    said = {"digest": digest(), "score": kept.score, "steps": kept.steps, "failed": kept.failed, **_said(kept)}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(said))
    return said


def _said(kept: Kept) -> dict[str, Any]:
    history = History(kept.rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "tiers": {tier: _doctor(masked(kept.rows, tier)) for tier in TIERS},
            "early": [[share, _names(until(kept.rows, round(share * kept.steps)))] for share in SHARES],
            "baselines": {name: baselines.classes(name, history) for name in baselines.LOOKS},
            "features": forest.features(history),
        }


def _doctor(rows: list[dict[str, Any]]) -> dict[str, list[str]]:
    found = diagnose(History(rows))
    return {
        "found": [finding.symptom for finding in found.findings],
        "severities": [finding.severity.value for finding in found.findings],
        "abstained": [one.symptom for one in found.abstained],
    }


def _names(rows: list[dict[str, Any]]) -> list[str]:
    return [finding.symptom for finding in diagnose(History(rows)).findings]
