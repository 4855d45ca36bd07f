"""This run leaks: what it is to predict can be read off what it is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ravine.diagnose.exact import WATCH, first_fact, listed, told, where
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History


def leaks(history: History) -> Finding | None:
    """Rows of the evaluation among those of the training, or the answer among the inputs.

    What it sees: fingerprints of rows, once the training data has been seen whole; targets that are the
        tokens at their own places; earlier outputs of a next-step model that change with the last token alone; an input
        column that is the target.
    Why it matters: the score is that of copying, and nothing of it is left on new data.
    Not to be mistaken for: an evaluation of all the training data, beside another; models that fill gaps, and may
        look both ways; tables with a few equal rows.
    What to do: split before anything else, by row; shift the targets by one; pass the causal mask; drop the column.
    Source: Kapoor & Narayanan 2023, "Leakage and the reproducibility crisis in machine-learning-based science".
    """
    fact = first_fact(
        history, "evaluated-on-training-rows", "targets-are-inputs", "sees-the-future", "target-in-inputs"
    )
    if fact is None:
        return None
    evidence, advice = _said(fact)
    return told(LEAKS, fact, evidence, advice)


def _said(fact: Mapping[str, Any]) -> tuple[str, str]:
    name = fact["fact"]
    if name == "evaluated-on-training-rows":
        return (
            f"{fact['shared']} of {fact['rows']} evaluated rows are among the {fact['train_rows']} rows learned from.",
            "Split before anything else, and give training and validation disjoint rows.",
        )
    if name == "targets-are-inputs":
        return (
            f"The targets{where(fact)} are the input tokens at the same places: the model has only to copy.",
            "Shift by one: `loss(model(tokens[:, :-1]), tokens[:, 1:])`.",
        )
    if name == "sees-the-future":
        return (
            f"{fact['model']} is to say what comes next, and has no causal mask that holds: its outputs at "
            f"{fact['positions']} of {fact['of']} earlier positions change with the last token alone.",
            "Mask what comes later: `is_causal=True` in `F.scaled_dot_product_attention`, or `src_mask` in a "
            "`TransformerEncoder`.",
        )
    columns = listed(fact["columns"], fact["count"])
    return (
        f"Input column {columns} goes exactly with the targets, in all batches looked at.",
        f"Drop input column {columns}.",
    )


LEAKS = Symptom(
    name="leaks",
    look=leaks,
    needs=("fact",),
    measure=WATCH,
    tier=Tier.PROBES,
    severity=Severity.ERROR,
    advice="Split before anything else, by row.",
)
