"""This run mixes examples: the answer to one depends on the others in its batch."""

from __future__ import annotations

from ravine.diagnose.exact import WATCH, first_fact, told
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History


def mixes_examples(history: History) -> Finding | None:
    """A model whose first answers change when the other rows of the batch do.

    What it sees: the model in evaluation mode, called on a batch, and on one in which all but the first two rows are
        replaced: the first two outputs differ, beyond rounding. The first layer in which they do.
    Why it matters: rows of different examples are read as one: a view where a permute was meant, a softmax or a mean
        over the wrong axis. Nothing can be learned that holds for a single example.
    Not to be mistaken for: batch norm in training mode; models of graphs, whose nodes depend on each other.
    What to do: `x.permute(…)` or `x.transpose(…)` to reorder axes; `view` and `reshape` keep the order of the numbers.
    Source: Karpathy 2019, "A recipe for training neural networks" (use backprop to chart dependencies).
    """
    fact = first_fact(history, "examples-mix")
    if fact is None:
        return None
    layer = f", first in what layer {fact['layer']} computes" if fact.get("layer") else ""
    return told(
        MIXES_EXAMPLES,
        fact,
        f"In evaluation mode {fact['model']}'s outputs for two rows change when only the other rows are "
        f"changed{layer}.",
    )


MIXES_EXAMPLES = Symptom(
    name="mixes-examples",
    look=mixes_examples,
    needs=("fact",),
    measure=WATCH,
    tier=Tier.PROBES,
    severity=Severity.ERROR,
    advice="Use `permute` where `view` or `reshape` is to make axes change places; look for an axis that is the rows'.",
)
