"""What can be explained, and what there is to say about it: one page a name, for the terminal and for the docs.

A topic is a catalogue and a function from one of its members to a `Page`. Another kind of thing is
one more line in `TOPICS`; nothing else asks what kind a name is of.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ravine.cli.page import Argument, Page, arguments_of, as_sentence, meanings_of, sections_of, slots_of, summary_of
from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadValue

if TYPE_CHECKING:
    from ravine.check.probe import Probe
    from ravine.diagnose.symptom import Symptom
    from ravine.optim.methods import Method
    from ravine.regularize.technique import Technique
    from ravine.rules import Rule, Wrapper


@dataclass(frozen=True, slots=True)
class Topic:
    """A kind of thing that can be explained."""

    kind: str
    title: str
    members: Callable[[], Mapping[str, Any]]
    page: Callable[[Any], Page]


def explained(name: str) -> Page:
    """The page of `name`, from the first topic that knows it; case and hyphens do not matter.

    Raises:
        BadValue: No topic knows it; the nearest name is suggested.
    """
    plain = name.strip().lower().replace("-", "_")
    known: list[str] = []
    for topic in TOPICS:
        members = topic.members()
        for own, member in members.items():
            if own.replace("-", "_") == plain:
                return topic.page(member)
        known += members
    raise BadValue(f"explain: unknown name {name!r}.{did_you_mean(plain, known)} Known: {', '.join(known)}.")


def pages(kind: str | None = None) -> Iterator[Page]:
    """Every page there is, of one kind or of all, in the order of the catalogues."""
    for topic in TOPICS:
        if kind in (None, topic.kind):
            yield from map(topic.page, topic.members().values())


def pictured() -> list[str]:
    """Names whose page has a picture."""
    return [page.name for page in pages() if page.drawing]


def _rules() -> Mapping[str, Any]:
    from ravine.rules import RULES

    return RULES


def _wrappers() -> Mapping[str, Any]:
    from ravine.rules import WRAPPERS

    return WRAPPERS


def _methods() -> Mapping[str, Any]:
    from ravine.optim.methods import METHODS

    return METHODS


def _techniques() -> Mapping[str, Any]:
    from ravine.regularize.catalogue import TECHNIQUES

    return TECHNIQUES


def _technique_page(technique: Technique) -> Page:
    from ravine.cli.technique_page import technique_page

    return technique_page(technique)


def _calculations() -> Mapping[str, Callable[[], Page]]:
    from ravine.cli.backprop import backprop_page

    return {"backprop": backprop_page}


def rule_page(rule: Rule) -> Page:
    """The page of an update rule."""
    from ravine.optim.torch_words import class_of

    family, given = class_of(rule)
    said = sections_of(rule.update)
    meanings = {**meanings_of(rule.clock), **meanings_of(rule.update)}
    own = "weight_decay" in rule.hyperparameters
    decay = "its own, see its hyperparameters" if own else f"{rule.decay}, λ = {rule.weight_decay:g} unless given"
    facts = [
        ("learning rate", f"{rule.lr:g} unless given"),
        ("weight decay", decay),
        ("needs to see", _REACH[rule.reach.value] + ("; matrices only" if rule.matrices else "")),
        ("class", f"ravine.optim.{family.name}"),
    ]
    if rule.twin:
        facts.append(("agrees with", f"{rule.twin}, to rounding"))
    words = ", ".join(("model.parameters()", f"lr={rule.lr:g}", *(f"{n}={v!r}" for n, v in given.items())))
    return Page(
        name=rule.name,
        kind="optimizer",
        summary=summary_of(rule.update, rule.name),
        formula=rule.formula,
        text=said[""],
        facts=tuple(facts),
        arguments=tuple(arguments_of(rule.hyperparameters, rule.bounds, rule.options, meanings)),
        state=slots_of(rule.state),
        kept=rule.slots(rule.hyperparameters),
        departures=as_sentence(said.get("Departures", said.get("Departure", ""))),
        source=rule.source,
        origin=said.get("Source", ""),
        example=f"from ravine.optim import {family.name}\noptimizer = {family.name}({words})\n"
        "loss.backward(); optimizer.step()",
    )


def wrapper_page(wrapper: Wrapper) -> Page:
    """The page of what goes around a rule."""
    from ravine import optim

    does = wrapper.before or wrapper.after
    assert does is not None
    said = sections_of(does)
    made = next(name for name in optim.__all__ if name.lower() == wrapper.name)
    needs_loss = wrapper.reach.value == "closure"
    step = (
        "optimizer.step(closure)  # closure: zero_grad, loss, backward, return loss"
        if needs_loss
        else "loss.backward(); optimizer.step()"
    )
    return Page(
        name=wrapper.name,
        kind="wrapper",
        summary=summary_of(does, wrapper.name),
        formula=wrapper.formula,
        text=said[""],
        facts=(
            ("goes around", "any torch.optim.Optimizer"),
            ("needs to see", _REACH[wrapper.reach.value]),
            ("class", f"ravine.optim.{made}"),
        ),
        arguments=tuple(arguments_of(wrapper.defaults, wrapper.bounds, wrapper.options, meanings_of(does))),
        state=slots_of(wrapper.state),
        kept=tuple(slot.name for slot in slots_of(wrapper.state)),
        departures=as_sentence(said.get("Departures", "")),
        source=wrapper.source,
        origin=said.get("Source", ""),
        example=f"from ravine.optim import AdamW, {made}\noptimizer = {made}(AdamW(model.parameters(), lr=0.001))\n"
        f"{step}",
    )


def method_page(method: Method) -> Page:
    """The page of a method that is no update rule."""
    said, meanings = sections_of(method.make), meanings_of(method.make)
    parameters = inspect.signature(method.make).parameters.values()
    bounds = getattr(method.make, "bounds", {})
    return Page(
        name=method.name,
        kind="method",
        summary=said[""].partition("\n")[0],
        formula=method.formula,
        text=said[""],
        facts=(("class", f"ravine.optim.{method.make.__name__}"),),
        arguments=tuple(
            Argument(
                p.name,
                "–" if p.default is p.empty else str(p.default),
                bounds[p.name].must.removeprefix("be ") if p.name in bounds else "",
                meanings[p.name],
            )
            for p in parameters
            if p.name in meanings
        ),
        state=(),
        kept=(),
        departures="",
        source=method.source,
        origin=said.get("Source", ""),
        example=method.example,
        holds=method.state,
    )


def _schedules() -> Mapping[str, Any]:
    from ravine.cli.schedule_page import schedules

    return schedules()


def _schedule_page(kind: Any) -> Page:
    from ravine.cli.schedule_page import schedule_page

    return schedule_page(kind)


def _symptoms() -> Mapping[str, Any]:
    from ravine.diagnose.symptoms import SYMPTOMS

    return SYMPTOMS


def _probes() -> Mapping[str, Any]:
    from ravine.check.catalogue import PROBES

    return PROBES


def _probe_page(probe: Probe) -> Page:
    from ravine.cli.probe_page import probe_page

    return probe_page(probe)


def _symptom_page(symptom: Symptom) -> Page:
    from ravine.cli.symptom_page import symptom_page

    return symptom_page(symptom)


TOPICS: tuple[Topic, ...] = (
    Topic("optimizer", "Optimizers", _rules, rule_page),
    Topic("wrapper", "Around an optimizer", _wrappers, wrapper_page),
    Topic("method", "Methods of the whole model", _methods, method_page),
    Topic("regularization", "Regularization", _techniques, _technique_page),
    Topic("schedule", "Schedules of the learning rate", _schedules, _schedule_page),
    Topic("symptom", "Symptoms: this run …", _symptoms, _symptom_page),
    Topic("probe", "Probes of `ravine check`", _probes, _probe_page),
    Topic("calculation", "Calculations", _calculations, lambda page: page()),
)
"""Every kind of thing that can be explained, in the order in which they are asked for a name."""

_REACH = {
    "element": "each number's own gradient and state alone",
    "tensor": "the whole tensor",
    "closure": "the loss again, at another point",
}
