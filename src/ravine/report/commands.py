"""The commands that go on from a run."""

from __future__ import annotations

import shlex

from ravine.report.material import Material


def commands(material: Material) -> list[tuple[str, str]]:
    """What a command is for, and the command, the likeliest first."""
    run, recipe = shlex.quote(str(material.folder.path)), shlex.quote(str(material.folder.recipe))
    again = ("Train again with the same choices", f"ravine fit --recipe {recipe}")
    if material.results.status != "done":
        return [
            ("Go on from the last snapshot", f"ravine resume {run}"),
            ("Make this page again", f"ravine report {run}"),
            again,
        ]
    return [
        ("Predict new rows", f"ravine predict {run} DATA -o predictions.csv"),
        ("Export the model", f"ravine export {run} --to onnx"),
        again,
    ]
