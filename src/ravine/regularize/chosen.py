"""From a table of names and settings, as a recipe has it, to techniques at work."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, nn

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadValue, Faults, refusal
from ravine.regularize.apply import apply, remove
from ravine.regularize.catalogue import TECHNIQUES
from ravine.regularize.penalty import chosen as chosen_parameters
from ravine.regularize.technique import Acts, BatchTechnique, LayerTechnique, Technique
from ravine.regularize.weights import WeightFilter

_UNTOLD = ("generator", "schedule")  # what no table can hold


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of the table, read."""

    record: Technique
    settings: dict[str, Any]
    where: str | None = None

    def made(self, *, passes: int = 0, classes: int | None = None) -> Any:
        """The technique; what counts its passes goes on after `passes` of them."""
        settings = dict(self.settings)
        known = inspect.signature(self.record.make).parameters
        if passes and "start" in known:
            settings["start"] = settings.get("start", known["start"].default) + passes
        if classes is not None and "classes" in known:
            settings.setdefault("classes", classes)
        return self.record.make(**settings)

    def __str__(self) -> str:
        told = {**self.settings, **({"where": self.where} if self.where else {})}
        return ", ".join([self.record.name, *(f"{name} = {value}" for name, value in told.items())])


@dataclass(frozen=True)
class Chosen:
    """The techniques of one training, in the order of the table.

    Attributes:
        words: Each in words, for the record.
    """

    entries: tuple[_Entry, ...] = ()
    batch: tuple[BatchTechnique, ...] = field(default=(), repr=False)
    _on: list[str] = field(default_factory=list, repr=False, compare=False)  # names on the network now

    @property
    def words(self) -> list[str]:
        """Each in words: "dropconnect, p = 0.2"."""
        return [str(entry) for entry in self.entries]

    def put_on(self, model: nn.Module, *, passes: int = 0) -> None:
        """Put what acts on layers on `model`, in place.

        Args:
            model: Any network.
            passes: Training passes that lie behind it, for what fades with time.

        Raises:
            BadValue: A technique finds no place, or is there already; then none of them stays on.
        """
        try:
            for entry in self._acting(Acts.LAYERS):
                technique: LayerTechnique = entry.made(passes=passes)
                apply(model, technique, entry.where)
                self._on.append(technique.name)
        except BadValue:
            self.take_off(model)
            raise

    def take_off(self, model: nn.Module) -> None:
        """Take off what `put_on` put on: layers are as they were, and keep what they learned."""
        while self._on:
            remove(model, self._on.pop())

    def transform(self, inputs: tuple[Any, ...], target: Tensor) -> tuple[tuple[Any, ...], Tensor]:
        """A training batch, changed by what acts on batches; fields without columns are handed past it."""
        empty = [_is_empty(part) for part in inputs]
        full = tuple(part for part, without in zip(inputs, empty, strict=True) if not without)
        for technique in self.batch:
            full, target = technique(full, target)
        left = iter(full)
        return tuple(part if without else next(left) for part, without in zip(inputs, empty, strict=True)), target

    def grouped(self, model: nn.Module, groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Parameter groups of `model`, split so that each technique is asked for where it acts.

        Args:
            model: The network.
            groups: As `ravine.optim.param_groups` makes them.
        """
        for entry in self._acting(Acts.WEIGHTS):
            technique = entry.made()
            among = {id(p) for _, p in chosen_parameters(technique.name, model, technique.where)}
            asked = technique.for_optimizer()
            split = []
            for group in groups:
                for inside in (True, False):
                    params = [p for p in group["params"] if (id(p) in among) is inside]
                    if params:
                        split.append({**group, **(asked if inside else {}), "params": params})
            groups = split
        return groups

    def with_classes(self, classes: int | None) -> Chosen:
        """The same, told how many classes there are."""
        made = tuple(entry.made(classes=classes) for entry in self._acting(Acts.BATCH))
        return replace(self, batch=made, _on=[])

    def _acting(self, acts: Acts) -> list[_Entry]:
        return [entry for entry in self.entries if entry.record.acts is acts]


def both(first: Any, chosen: Chosen) -> Any:
    """What is done to a batch, first by `first`, then by the techniques; None when nothing is."""
    if not chosen.batch or first is None:
        return chosen.transform if chosen.batch else first

    def transform(inputs: tuple[Any, ...], target: Any) -> tuple[tuple[Any, ...], Any]:
        return chosen.transform(*first(inputs, target))

    return transform


def choose(table: Mapping[str, Any], classes: int | None = None, owner: str = "regularize") -> Chosen:
    """The techniques that `table` asks for.

    >>> choose({"dropconnect": 0.2, "mixup": {"alpha": 0.4}}).words
    ['dropconnect, p = 0.2', 'mixup, alpha = 0.4']

    Args:
        table: Name → its main setting, a table of settings, or true; false leaves it away. Techniques on
            layers also take `where`: names of layers, with wildcards.
        classes: How many there are, for what needs to know.
        owner: Who asks, for errors.

    Raises:
        Faults: Everything wrong with the table, at once.
    """
    faults = faults_of(table)
    if faults:
        raise Faults(owner, faults)
    return Chosen(tuple(entry for entry in map(_read, table, table.values()) if entry)).with_classes(classes)


def faults_of(table: Mapping[str, Any]) -> list[str]:
    """What is wrong with such a table, one sentence each."""
    faults: list[str] = []
    seen: set[str] = set()
    asked: dict[str, str] = {}  # argument of the optimizer → who asks for it
    for name, value in table.items():
        try:
            entry = _read(name, value)
            if entry is None:
                continue
            if entry.record.name in seen:
                faults.append(f"{entry.record.name} is given twice.")
            seen.add(entry.record.name)
            technique = entry.made()
            if entry.record.acts is Acts.WEIGHTS:
                own = dict.fromkeys(technique.for_optimizer(), entry.record.name)
                if (word := next(filter(asked.__contains__, own), None)) is not None:
                    pair = f"{asked[word]} and {entry.record.name}"
                    faults.append(f"{pair} both say what {word} is; give one of the two.")
                asked = own | asked
            if entry.record.acts is Acts.LAYERS and _stays(technique):
                faults.append(
                    f"{entry}: works in evaluation too, and a trained network is kept without its techniques. "
                    "Put it on a network of your own: ravine.regularize.apply."
                )
        except BadValue as error:
            faults.append(str(error))
    return faults


def known_name(name: str) -> str:
    """The name in the catalogue; hyphens and underscores are the same."""
    plain = name.strip().lower().replace("-", "_")
    return next((known for known in TECHNIQUES if known.replace("-", "_") == plain), name)


def _read(name: str, value: Any) -> _Entry | None:
    """One line; None when it is switched off."""
    if value is None or value is False:
        return None
    record = TECHNIQUES[known_name(name)]
    settings = _settings(record, value)
    where = None
    known = inspect.signature(record.make).parameters
    if record.acts is Acts.LAYERS and "where" in settings and "where" not in known:
        where = settings.pop("where")
        if not isinstance(where, str):
            raise BadValue(refusal(record.name, "where", "be names of layers, between commas", where))
    for setting, given in settings.items():
        if setting not in known or setting in _UNTOLD:
            told = [one for one in known if one not in _UNTOLD]
            hint = did_you_mean(setting, told)
            raise BadValue(f"{record.name}: no such setting {setting!r}.{hint} Known: {', '.join(told) or 'none'}.")
        _check_kind(record.name, setting, given, str(known[setting].annotation))
    missing = [one for one, about in known.items() if about.default is about.empty and one not in settings]
    if missing:
        raise BadValue(f"{record.name}: needs {missing[0]}: {record.name} = 0.001, or another number.")
    return _Entry(record, settings, where)


def _settings(record: Technique, value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    if value is True:
        return {}
    if record.main is None:
        raise BadValue(f"{record.name}: takes no number; say {record.name} = true. Got {value!r}.")
    return {record.main: value}


def _check_kind(owner: str, setting: str, value: Any, annotation: str) -> None:
    """Refuse words for numbers and numbers for words; bounds are the technique's own matter."""
    kinds: dict[str, tuple[type, ...]] = {"float": (int, float), "int": (int,), "bool": (bool,), "str": (str,)}
    allowed = [kind for word, kinds_ in kinds.items() if word in annotation for kind in kinds_]
    if "Literal" in annotation or not allowed:
        return
    if not isinstance(value, tuple(allowed)) or (isinstance(value, bool) and bool not in allowed):
        words = {"float": "a number", "int": "a whole number", "bool": "true or false", "str": "text"}
        must = " or ".join(said for word, said in words.items() if word in annotation)
        raise BadValue(refusal(owner, setting, f"be {must}", value))


def _stays(technique: LayerTechnique) -> bool:
    """Whether it is at work in evaluation."""
    if isinstance(technique, WeightFilter):
        return technique.role(training=False) != "none"
    return not getattr(technique, "idle", True)


def _is_empty(part: Any) -> bool:
    return isinstance(part, Tensor) and part.ndim >= 2 and part.shape[-1] == 0
