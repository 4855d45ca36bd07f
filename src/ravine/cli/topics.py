"""What can be explained, and what there is to say about it: one page a name, for the terminal and for the docs.

A topic is a catalogue and a function from one of its members to a `Page`. Another kind of thing is
one more line in `TOPICS`; nothing else asks what kind a name is of.
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadValue
from ravine.core.intervals import Interval
from ravine.core.sources import Source

if TYPE_CHECKING:
    from ravine.optim.methods import Method
    from ravine.rules import Rule, Wrapper

_HEADING = re.compile(r"^(Args|Attributes|Returns|Source|Departures?|Raises):", re.MULTILINE)
_ARGUMENT = re.compile(r"^    (?P<name>\w+): (?P<text>.*(?:\n {8}.*)*)", re.MULTILINE)
_SLOT = re.compile(r"^    (?P<name>\w+): Any  # (?P<text>.*)$", re.MULTILINE)


class Argument(NamedTuple):
    """One hyperparameter."""

    name: str
    default: str
    allowed: str
    meaning: str


class Slot(NamedTuple):
    """One thing remembered for each parameter."""

    name: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What there is to say about one name.

    Attributes:
        name: The name.
        kind: What kind of thing it is.
        summary: What it is, in a sentence.
        formula: In a line.
        text: Formulas and paragraphs, as in its docstring; indented lines are formulas.
        facts: Short answers: label and value.
        arguments: Its hyperparameters.
        state: What it may remember for each parameter.
        kept: Names of what of it is kept unless options ask for more.
        departures: Where published code differs from the published formula; "" where it does not.
        source: Where it comes from.
        origin: The place in the source, and further sources, as the docstring has them.
        example: Three lines of Python.
        holds: What it keeps for all parameters together, in words; "" where `kept` says it.
    """

    name: str
    kind: str
    summary: str
    formula: str
    text: str
    facts: tuple[tuple[str, str], ...]
    arguments: tuple[Argument, ...]
    state: tuple[Slot, ...]
    kept: tuple[str, ...]
    departures: str
    source: Source
    origin: str
    example: str
    holds: str = ""

    @property
    def remembers(self) -> str:
        """Numbers kept for each parameter, with their names: "2: m, v"; how many at most where options add some.

        Of a method: what it keeps for all parameters together.
        """
        if self.holds:
            return self.holds
        names = f"{len(self.kept)}: {', '.join(self.kept)}" if self.kept else "0"
        return names if len(self.kept) == len(self.state) else f"{names} (up to {len(self.state)})"


@dataclass(frozen=True, slots=True)
class Topic:
    """A kind of thing that can be explained."""

    kind: str
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


def _rules() -> Mapping[str, Any]:
    from ravine.rules import RULES

    return RULES


def _wrappers() -> Mapping[str, Any]:
    from ravine.rules import WRAPPERS

    return WRAPPERS


def _methods() -> Mapping[str, Any]:
    from ravine.optim.methods import METHODS

    return METHODS


def rule_page(rule: Rule) -> Page:
    """The page of an update rule."""
    from ravine.optim.torch_words import class_of

    family, given = class_of(rule)
    said = _sections(rule.update)
    meanings = {**_meanings(rule.clock), **_meanings(rule.update)}
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
        summary=_summary(rule.update, rule.name),
        formula=rule.formula,
        text=said[""],
        facts=tuple(facts),
        arguments=tuple(_arguments(rule.hyperparameters, rule.bounds, rule.options, meanings)),
        state=_slots(rule.state),
        kept=rule.slots(rule.hyperparameters),
        departures=_sentence(said.get("Departures", said.get("Departure", ""))),
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
    said = _sections(does)
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
        summary=_summary(does, wrapper.name),
        formula=wrapper.formula,
        text=said[""],
        facts=(
            ("goes around", "any torch.optim.Optimizer"),
            ("needs to see", _REACH[wrapper.reach.value]),
            ("class", f"ravine.optim.{made}"),
        ),
        arguments=tuple(_arguments(wrapper.defaults, wrapper.bounds, wrapper.options, _meanings(does))),
        state=_slots(wrapper.state),
        kept=tuple(slot.name for slot in _slots(wrapper.state)),
        departures=_sentence(said.get("Departures", "")),
        source=wrapper.source,
        origin=said.get("Source", ""),
        example=f"from ravine.optim import AdamW, {made}\noptimizer = {made}(AdamW(model.parameters(), lr=0.001))\n"
        f"{step}",
    )


def method_page(method: Method) -> Page:
    """The page of a method that is no update rule."""
    said, meanings = _sections(method.make), _meanings(method.make)
    parameters = inspect.signature(method.make).parameters.values()
    bounds: Mapping[str, Interval] = getattr(method.make, "bounds", {})
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


TOPICS: tuple[Topic, ...] = (
    Topic("optimizer", _rules, rule_page),
    Topic("wrapper", _wrappers, wrapper_page),
    Topic("method", _methods, method_page),
)
"""Every kind of thing that can be explained, in the order in which they are asked for a name."""

_REACH = {
    "element": "each number's own gradient and state alone",
    "tensor": "the whole tensor",
    "closure": "the loss again, at another point",
}


def _sections(function: Callable[..., Any]) -> dict[str, str]:
    """A docstring by its headings; what stands before the first is under ""."""
    doc = inspect.getdoc(function) or ""
    pieces = _HEADING.split(doc)
    found = {"": pieces[0].strip("\n")}
    found.update({h: textwrap.dedent(text).strip() for h, text in zip(pieces[1::2], pieces[2::2], strict=True)})
    return found


def _meanings(function: Callable[..., Any]) -> dict[str, str]:
    """What the docstring says of each argument, one line each."""
    doc = inspect.getdoc(function) or ""
    _, _, after = doc.partition("\nArgs:\n")
    return {m["name"]: " ".join(m["text"].split()) for m in _ARGUMENT.finditer(after.partition("\n\n")[0])}


def _sentence(text: str) -> str:
    whole = " ".join(text.split())
    return whole[:1].upper() + whole[1:]


def _summary(function: Callable[..., Any], name: str) -> str:
    """What the file says it holds; a variant of another rule lives in the file of its own name."""
    room = function.__module__.rpartition(".")[0]
    home = sys.modules.get(f"{room}.{name}") or sys.modules[function.__module__]
    return (inspect.getdoc(home) or "").partition("\n")[0]


def _arguments(
    values: Mapping[str, Any],
    bounds: Mapping[str, Interval],
    options: Mapping[str, Any],
    meanings: Mapping[str, str],
) -> Iterator[Argument]:
    for name, default in values.items():
        allowed = bounds[name].must.removeprefix("be ") if name in bounds else _listed(options[name])
        shown = f"{default:g}" if isinstance(default, float) else str(default)
        yield Argument(name, shown, allowed, meanings.get(name, "See above."))


def _listed(allowed: Any) -> str:
    if isinstance(allowed, range):
        return f"whole numbers in [{allowed[0]}, {allowed[-1]}]"
    return ", ".join(map(str, allowed))


def _slots(state: type) -> tuple[Slot, ...]:
    """The fields of a state; what they mean is the comment beside each, where the source is at hand."""
    try:
        meanings = {found["name"]: found["text"] for found in _SLOT.finditer(inspect.getsource(state))}
    except (OSError, TypeError):
        meanings = {}
    fields: tuple[str, ...] = getattr(state, "_fields", ())
    return tuple(Slot(name, meanings.get(name, "")) for name in fields)
