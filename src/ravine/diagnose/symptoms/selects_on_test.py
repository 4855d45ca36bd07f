"""This run selects on test: the test set is judged after every epoch, and there is no other to choose by."""

from __future__ import annotations

from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

FEWEST_EPOCHS = 5


def selects_on_test(history: History) -> Finding | None:
    """Test metrics epoch by epoch, and none of a validation set.

    What it sees: the names of the curves: `test_…` with several readings, no `val_…`.
    Why it matters: whatever is chosen by these readings (the epoch, the rate, the network) is chosen on the test set,
        whose best reading is then too good by what luck gave it.
    Not to be mistaken for: a single test at the end; a test set that is drawn beside a validation set.
    What to do: hold out a part of the training set to choose by; judge the test set once.
    Source: Recht et al. 2019, "Do ImageNet classifiers generalize to ImageNet?"; Hastie et al. 2009, section 7.2.
    """
    names = [*history.names("epoch"), *history.names("step")]
    tests = [name for name in names if name.startswith("test_") and len(history.series(name)) >= FEWEST_EPOCHS]
    if not tests or any(name.startswith(("val_", "valid")) for name in names):
        return None
    series = history.series(tests[0])
    return Finding(
        symptom=SELECTS_ON_TEST.name,
        severity=SELECTS_ON_TEST.severity,
        evidence=(
            f"{tests[0]} was read {len(series)} times, and there is no validation curve: any choice was made by it."
        ),
        advice=SELECTS_ON_TEST.advice,
        confidence=0.5,
        first_step=series.steps[0],
        details={"curves": tests},
    )


SELECTS_ON_TEST = Symptom(
    name="selects-on-test",
    look=selects_on_test,
    tier=Tier.CURVES,
    severity=Severity.NOTE,
    advice="Hold out a part of the training set to choose by, and judge the test set once, at the end.",
)
