"""Which family for which data, and why."""

from __future__ import annotations

from ravine.core.shapes import InputShape

LONG = 128
"""From this many steps on, a recurrent network's walk along the sequence costs more than attention."""

ENOUGH = 5_000
"""Rows below which attention learns less than a recurrent network."""

LARGE = 96
"""Side in pixels from which pictures have detail that four stages are there to read."""


def choose(shape: InputShape, rows: int) -> tuple[str, str]:
    """The family's name and the reason for it, for people.

    >>> choose(InputShape(form="table", numeric=13), rows=178)
    ('mlp', 'rows of a table have no order among their columns: a multilayer perceptron')
    """
    if shape.form == "table":
        return "mlp", "rows of a table have no order among their columns: a multilayer perceptron"
    if shape.form == "image":
        return _for_image(shape, rows)
    if shape.length > LONG and rows >= ENOUGH:
        return (
            "transformer",
            f"sequences of {shape.length} steps and {rows:,} rows: attention sees far in few operations",
        )
    return "gru", f"sequences of {shape.length} steps and {rows:,} rows: a recurrent network learns order from few rows"


def _for_image(shape: InputShape, rows: int) -> tuple[str, str]:
    picture = f"pictures of {shape.height} × {shape.width} pixels"
    if min(shape.height, shape.width) < 4:
        return "mlp", f"{picture} are too small for convolutions: a multilayer perceptron"
    if min(shape.height, shape.width) >= LARGE and rows >= ENOUGH:
        return "resnet", f"{picture} and {rows:,} rows: enough detail and enough rows for a residual network"
    return "convnet", f"{picture} and {rows:,} rows: a small convolutional network"
