"""This run overflows: an operation is given a number at which it has no finite result."""

from __future__ import annotations

from ravine.diagnose.exact import WATCH, told, where
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

REMEDIES = {
    "Log": "Use `F.cross_entropy` or `F.log_softmax` on the logits, or `torch.log(x.clamp(min=1e-12))`.",
    "Exp": "Subtract the largest value first: `torch.logsumexp`, `F.log_softmax`; or bound what is exponentiated.",
    "Div": "Add a small number to what is divided by: `x / (y + 1e-8)`.",
    "Sqrt": "Add a small number under the root: `torch.sqrt(x + 1e-8)`.",
}


def overflows(history: History) -> Finding | None:
    """The logarithm of 0, a division by 0, an exponential or a half-precision number that is too large.

    What it sees: at the first loss that is not finite, the first operation in its graph whose result is not, and what
        it was given; the layer next to it.
    Why it matters: the gradient is NaN with it, and so are all weights after the next step.
    Not to be mistaken for: NaN that came with the data; weights that had grown without bound before.
    What to do: the function that does both steps at once (log_softmax, logsumexp), or a small number added.
    Source: Goodfellow et al. 2016, section 4.1.
    """
    fact = next((one for one in history.facts("not-finite") if one.get("why")), None)
    if fact is None:
        return None
    layer = f", after {fact['layer']}" if fact.get("layer") else ""
    kind = next((kind for kind in REMEDIES if str(fact["operation"]).startswith(kind)), "")
    return told(
        OVERFLOWS,
        fact,
        f"At step {fact['step']} the loss is not finite{where(fact)}: first in {fact['operation']}{layer}, "
        f"{fact['why']}.",
        REMEDIES.get(kind, ""),
    )


OVERFLOWS = Symptom(
    name="overflows",
    look=overflows,
    needs=("fact",),
    measure=WATCH,
    causes=("has-nan-in-data", "ascends", "diverges", "explodes", "accumulates-gradients"),
    tier=Tier.LAYERS,
    severity=Severity.ERROR,
    advice="Compute in float32 or bfloat16 what is too large for float16, and use a gradient scaler.",
)
