"""This run skips parameters: some that could learn are never updated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ravine.diagnose.exact import WATCH, first_fact, listed, told
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

DETACHED = (
    "Look for `.detach()`, `.data`, `.item()` or a tensor made anew behind layer {cut}; where the layers are to "
    "stay as "
    "they are, say so: `requires_grad_(False)`."
)


def skips_parameters(history: History) -> Finding | None:
    """Parameters with gradients that no optimizer holds, or held by one and without gradients.

    What it sees: after 25 steps of every optimizer: parameters that require a gradient, have one, belong to no
        optimizer and have not changed; layers that compute with gradients, whose parameters an optimizer holds, and
        to which none ever comes; a network that gets gradients while two optimizers hold the parameters of another.
    Why it matters: those layers stay as they were drawn at random, and the others learn to live with that.
    Not to be mistaken for: parameters frozen by `requires_grad=False`; layers under `no_grad`; parts of a network that
        are not used; parameters changed by hand.
    What to do: give the optimizer all parameters, after the last layer is made; or find where the graph is cut.
    Source: Karpathy 2019, "A recipe for training neural networks"; PyTorch documentation, `torch.optim`.
    """
    fact = first_fact(history, "optimizers-exchanged", "parameters-outside", "parameters-without-gradients")
    if fact is None:
        return None
    evidence, advice = _said(fact)
    return told(SKIPS_PARAMETERS, fact, evidence, advice)


def _said(fact: Mapping[str, Any]) -> tuple[str, str]:
    if fact["fact"] == "optimizers-exchanged":
        network = f"a {fact['network']}" if fact.get("network") else "another network"
        return (
            f"{fact['shared']} parameters are held by two of the optimizers ({listed(fact['optimizers'])}), while "
            f"{network} gets gradients in {fact['count']} parameters that none holds.",
            "Give each optimizer the parameters of its own network.",
        )
    names = listed(fact["parameters"], fact["count"])
    if fact["fact"] == "parameters-outside":
        return (
            f"{names} get gradients, {fact['share']:.0%} of the model's parameters, and belong to no optimizer: they "
            "have not changed.",
            "",
        )
    return (
        f"{names} are held by an optimizer and compute, but no gradient ever comes to them: the graph is cut behind "
        f"layer {fact['cut']}.",
        DETACHED.format(cut=fact["cut"]),
    )


SKIPS_PARAMETERS = Symptom(
    name="skips-parameters",
    look=skips_parameters,
    needs=("fact",),
    measure=WATCH,
    causes=("steps-before-backward",),
    tier=Tier.LAYERS,
    severity=Severity.ERROR,
    advice="Give the optimizer `model.parameters()` once all layers are made; freeze by `requires_grad_(False)`.",
)
