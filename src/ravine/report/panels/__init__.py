"""The parts of the report, one a file: a section of the results in, a piece of the page out."""

from ravine.report.panel import Maker
from ravine.report.panels import (
    baselines,
    calibration,
    confusion,
    curves,
    data,
    ensemble,
    environment,
    findings,
    importance,
    mistakes,
    model,
    next_steps,
    plan,
    preparation,
    recipe,
    repair,
    residuals,
    test,
    transfer,
)

PANELS: tuple[Maker, ...] = (
    findings.panel,
    curves.panel,
    repair.panel,
    data.panel,
    preparation.panel,
    model.panel,
    transfer.panel,
    baselines.panel,
    plan.panel,
    test.panel,
    ensemble.panel,
    confusion.panel,
    residuals.panel,
    calibration.panel,
    mistakes.panel,
    importance.panel,
    next_steps.panel,
    recipe.panel,
    environment.panel,
)
"""All panels, in the order a reader wants them."""
