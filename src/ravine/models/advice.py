"""How to train a network of a family on so many rows, where the recipe leaves it open."""

from __future__ import annotations

from dataclasses import dataclass

from ravine.core.shapes import Form


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A value for every choice that a recipe may leave to "auto".

    Attributes:
        epochs: Passes over the training rows.
        lr: Peak learning rate.
        weight_decay: Decoupled, per unit of learning rate; not on biases and normalizations.
        batch_size: Rows a step.
        dropout: Share of units dropped; None leaves it to the size of the network.
        label_smoothing: Share of the target spread over all classes.
        mixup: Parameter of the Beta distribution; 0 for none.
        average: Decay of the weight average; 0 for none.
        patience: Epochs without gain before stopping; None for never.
        optimizer: "adamw" or "sgd".
        reason: In a sentence, for people.
    """

    epochs: int
    lr: float
    weight_decay: float
    batch_size: int
    dropout: float | None
    label_smoothing: float
    mixup: float
    average: float
    patience: int | None
    optimizer: str
    reason: str


def advise(name: str, form: Form, rows: int, classes: int, task_kind: str) -> Advice:
    """What to start from, by kind of network and number of training rows.

    Few rows are passed over often, many seldom. For pictures epochs fall with the square root of the
    rows, so that ten times the data takes about three times as long; a table's epochs are cheap
    and fall with the fourth root, between 8 and 60, beyond which a few hundred rows are learned by
    heart.

    Args:
        name: Family of the network, as `Built.name`; others are treated as their form suggests.
        form: "table", "image" or "sequence".
        rows: Training rows.
        classes: Outputs of the network.
        task_kind: "classify", "regress" or "multi-label".
    """
    convolutional = form == "image" and name not in ("mlp", "gru", "transformer")
    attentive = name == "transformer"
    known = max(rows, 1)
    epochs = round(min(max(1_880 / known**0.5 if form == "image" else 500 / known**0.25, 8), 60))
    batch_size = 128 if rows >= 4_000 else 64 if rows >= 1_000 else 32 if rows >= 100 else 16
    return Advice(
        epochs=epochs,
        lr=8e-3 if convolutional else 1e-3 if attentive else 3e-3,
        weight_decay=0.05 if form == "image" else 0.01,
        batch_size=batch_size,
        dropout=None,
        label_smoothing=0.05 if task_kind == "classify" and form == "image" and classes > 2 else 0.0,
        mixup=0.0,
        average=0.995 if rows >= 20_000 else 0.99,
        patience=max(5, epochs // 3),
        optimizer="adamw",
        reason=f"{rows:,} rows: {epochs} epochs in batches of {batch_size}",
    )
