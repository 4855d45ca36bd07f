"""This run vanishes: next to nothing of the gradient reaches its first layers."""

from __future__ import annotations

from ravine.diagnose.exact import finding, medians, weighted
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

RATIO = 1e-4  # first layer over last
TINY = 1e-4  # of the first layer's gradient itself
FEWEST_LAYERS = 3
FEWEST = 4  # samples
ASKING = frozenset({"query", "key", "q", "k", "wq", "wk", "q_proj", "k_proj", "q_lin", "k_lin", "to_q", "to_k"})


def vanishes(history: History) -> Finding | None:
    """A gradient that is ten thousand times smaller at the first layer than at the last, sample after sample.

    What it sees: the median norm of the gradient of each layer's weight, after the first step.
    Why it matters: the first layers stay as they were drawn at random, and the last ones have only that to learn from.
    Not to be mistaken for: a run that has converged, in which all gradients are small; branches that begin at zero,
        which open with the first steps; queries and keys of an attention that still looks everywhere alike, through
        which hardly any gradient goes while its values get all of it.
    What to do: rectifiers and He's initialization, residual connections, or a normalization in each layer.
    Source: Hochreiter 1991; Glorot & Bengio 2010; He et al. 2016.
    """
    found = medians(history, "grad_norm", since=2, fewest=FEWEST)
    layers = [name for name in weighted(history) if name in found and name.rpartition(".")[2] not in ASKING]
    if len(layers) < FEWEST_LAYERS:
        return None
    first, last = layers[0], layers[-1]
    if found[last] <= 0 or found[first] > TINY or found[first] > RATIO * found[last]:
        return None
    return finding(
        VANISHES,
        f"The gradient's norm is {found[first]:.2g} at the first layer, {first}, and {found[last]:.2g} at the last, "
        f"{last}.",
        step=0,
        details={"norms": {name: found[name] for name in layers}},
        confidence=0.96,
    )


VANISHES = Symptom(
    name="vanishes",
    look=vanishes,
    needs=("weight_norm",),
    measure="run it as `ravine watch train.py`",
    causes=(
        "has-dead-units", "saturates", "starts-too-small", "starts-too-large", "starts-symmetric", "skips-parameters",
        "steps-before-backward", "over-regularizes", "diverges", "ascends",
    ),
    tier=Tier.LAYERS,
    severity=Severity.ERROR,
    advice="Use ReLU with He's initialization, residual connections, or a normalization in each layer.",
)  # fmt: skip
