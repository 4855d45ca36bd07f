"""A schedule from a text: "warmup(5%) > cosine(floor=0.01)".

    chain    := product ('>' product)*              one after the other
    product  := part ('*' part)*                    at the same time
    part     := number | '(' chain ')' | name [ '(' [argument (',' argument)*] ')' ]
    argument := [word '='] value
    value    := chain | length | word | '[' [value (',' value)*] ']'

A length is a number with a unit: 300 steps, 2 epochs, 10_000 samples, 5%. Nothing is evaluated:
a name is looked up in the catalogue, and its arguments are checked as they are in Python.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import partial
from typing import Any

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadValue
from ravine.core.time import Length, Unit
from ravine.schedules.catalogue import CATALOGUE
from ravine.schedules.join import join
from ravine.schedules.plateau import Guided, Plateau
from ravine.schedules.repeat import repeat
from ravine.schedules.scale import scale
from ravine.schedules.schedule import Schedule

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>[+-]?(?:\d+(?:_\d+)*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
            (?:\s*(?P<unit>%|(?:steps?|epochs?|ep|samples?|share)\b))?
      | (?P<word>[A-Za-z][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*)
      | (?P<sign>>>|[>*()\[\],=])
    )""",
    re.VERBOSE,
)
_KEYWORDS: Mapping[str, Any] = {"none": None, "true": True, "false": False}

Found = Schedule | Plateau | Guided
"""What a text may stand for."""


@dataclass(frozen=True, slots=True)
class _Token:
    """A piece of the text; `place` counts its first character from 1."""

    place: int
    sign: str = ""  # of a sign or a word; "end" after the last
    value: Any = None  # of a number or a length

    @property
    def told(self) -> str:
        return "the end" if self.sign == "end" else repr(self.sign) if self.value is None else f"{self.value}"


@dataclass(frozen=True, slots=True)
class _Word:
    """A bare name inside arguments: a schedule, or one of the words that a field knows."""

    name: str
    place: int


def parse(text: str) -> Found:
    """The schedule, or the feedback, that `text` names.

    Raises:
        BadValue: It cannot be read; with the place, counted from 1, and what was expected there.

    >>> parse("warmup(5%) > cosine(floor=0.01)").fitted(100)(100)
    0.01
    >>> parse("one-cycle").fitted(100)(29)
    1.0
    """
    reader = _Reader(text)
    found = reader.chain()
    if reader.here.sign != "end":
        raise reader.fault(f"expected > or * or the end, got {reader.here.told}")
    named: Found = reader.named(found)
    return named


class _Reader:
    """Goes through one text from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        if not isinstance(text, str) or not text.strip():
            raise BadValue(f"schedule: must be a text such as 'cosine' or 'warmup(5%) > cosine'; got {text!r}.")
        self._tokens = self._cut()
        self._at = 0
        self._depth = 0

    @property
    def here(self) -> _Token:
        return self._tokens[self._at]

    def fault(self, what: str, place: int | None = None) -> BadValue:
        """The error for what stands at `place`, or here."""
        return BadValue(f"schedule {self.text!r}, at {place or self.here.place}: {what.rstrip('.')}.")

    def chain(self) -> Any:
        """One schedule after the other."""
        place = self.here.place
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self.fault("too many brackets inside each other")
        first = self._product()
        self._depth -= 1
        parts = [first]
        while self._took(">", ">>"):
            parts.append(self._product())
        if len(parts) == 1:
            return first
        *before, last = [self.named(part) for part in parts]
        if any(isinstance(part, Plateau | Guided) for part in before):
            raise self.fault("plateau can only stand last: it goes on as long as the run", place)
        with_feedback = isinstance(last, Plateau)
        row = before if with_feedback else [*before, last]
        schedule = row[0] if len(row) == 1 else self._made(lambda: join(*row), place)
        return Guided(schedule, last) if with_feedback else schedule

    def named(self, found: Any) -> Any:
        """A bare name as the schedule it names; a number is none."""
        if isinstance(found, _Word):
            return self._call(found, [], {})
        if isinstance(found, Schedule | Plateau | Guided):
            return found
        raise self.fault(f"expected the name of a schedule, got {found}", 1)

    def _product(self) -> Any:
        place = self.here.place
        parts = [self._part()]
        while self._took("*"):
            parts.append(self._part())
        if len(parts) == 1:
            return parts[0]
        factors = [part if isinstance(part, int | float) else self.named(part) for part in parts]
        if any(isinstance(part, Plateau | Guided) for part in factors):
            raise self.fault("plateau cannot be multiplied; let it follow: warmup(5%) > plateau", place)
        first = next((at for at, part in enumerate(factors) if isinstance(part, Schedule)), None)
        if first is None:
            raise self.fault("expected a schedule beside the numbers", place)
        found: Any = factors[first]
        for part in (*factors[first + 1 :], *factors[:first]):
            found = self._made(partial(scale, found, part), place)
        return found

    def _part(self) -> Any:
        token = self.here
        if token.value is not None:
            self._at += 1
            return token.value
        if self._took("("):
            inside = self.chain()
            self._expect(")")
            return inside
        if not token.sign[:1].isalpha() or token.sign == "end":
            raise self.fault(f"expected the name of a schedule, got {token.told}")
        self._at += 1
        word = _Word(token.sign, token.place)
        if not self._took("("):
            return word
        given, by_name = self._arguments()
        return self._call(word, given, by_name)

    def _arguments(self) -> tuple[list[Any], dict[str, tuple[Any, int]]]:
        given: list[Any] = []
        by_name: dict[str, tuple[Any, int]] = {}
        while not self._took(")"):
            place = self.here.place
            following = self._tokens[min(self._at + 1, len(self._tokens) - 1)]
            if following.sign == "=":
                name = self.here.sign.replace("-", "_")
                self._at += 2
                if name in by_name:
                    raise self.fault(f"{name} is given twice", place)
                by_name[name] = (self._value(), place)
            elif by_name:
                raise self.fault("an argument without a name cannot follow one with a name", place)
            else:
                given.append(self._value())
            if self.here.sign != ")":
                self._expect(",", "or )")
        return given, by_name

    def _value(self) -> Any:
        if not self._took("["):
            return self.chain()
        found: list[Any] = []
        while not self._took("]"):
            found.append(self.chain())
            if self.here.sign != "]":
                self._expect(",", "or ]")
        return found

    def _call(self, word: _Word, given: list[Any], by_name: dict[str, tuple[Any, int]]) -> Any:
        name = word.name.lower().replace("_", "-")
        if name in _COMBINED:
            return self._combined(name, word, given, by_name)
        kind: Any = {**CATALOGUE, "plateau": Plateau}.get(name)
        if kind is None:
            names = [*CATALOGUE, "plateau", *_COMBINED]
            told = f"unknown schedule {word.name!r}.{did_you_mean(name, names)} Known: {', '.join(names)}"
            raise self.fault(told, word.place)
        known = [field.name for field in fields(kind)]
        taken = self._bound(name, known, given, by_name, word.place)
        missing = [field.name for field in fields(kind) if field.name not in taken and field.default is MISSING]
        if missing:
            raise self.fault(f"{name}: {missing[0]} is not given; an example: {kind.example}", word.place)
        lengths = getattr(kind, "lengths", {})
        return self._made(
            lambda: kind(**{n: self._plain(name, n, value, n in lengths) for n, value in taken.items()}), word.place
        )

    def _combined(self, name: str, word: _Word, given: list[Any], by_name: dict[str, tuple[Any, int]]) -> Any:
        if name == "join":
            taken = self._bound(name, ["at"], [], by_name, word.place)
            parts = [self.named(part) for part in given]
            at = taken.get("at")
            return self._made(lambda: join(*parts, at=at), word.place)
        if not given:
            raise self.fault(f"{name}: expected a schedule first, such as {_COMBINED[name]}", word.place)
        names = ["times", "every"] if name == "repeat" else ["by"]
        taken = self._bound(name, names, given[1:], by_name, word.place)
        schedule = self.named(given[0])
        if name == "scale":
            if "by" not in taken:
                raise self.fault(f"scale: by is not given; an example: {_COMBINED[name]}", word.place)
            by = taken["by"] if isinstance(taken["by"], int | float) else self.named(taken["by"])
            return self._made(lambda: scale(schedule, by), word.place)
        return self._made(lambda: repeat(schedule, taken.get("times"), every=taken.get("every")), word.place)

    def _bound(
        self, owner: str, known: list[str], given: list[Any], by_name: dict[str, tuple[Any, int]], place: int
    ) -> dict[str, Any]:
        """Arguments by name."""
        if len(given) > len(known):
            raise self.fault(f"{owner}: takes {len(known)} arguments ({', '.join(known)}), got {len(given)}", place)
        taken = dict(zip(known, given, strict=False))
        for name, (value, where) in by_name.items():
            if name not in known:
                hint = did_you_mean(name, known)
                raise self.fault(f"{owner}: no such argument {name!r}.{hint} Known: {', '.join(known)}", where)
            if name in taken:
                raise self.fault(f"{owner}: {name} is given twice", where)
            taken[name] = value
        return taken

    def _plain(self, owner: str, name: str, value: Any, is_length: bool) -> Any:
        """An argument as Python would give it."""
        if isinstance(value, list):
            return [self._plain(owner, name, one, is_length) for one in value]
        if isinstance(value, _Word):
            return _KEYWORDS.get(value.name.lower(), value.name)
        if isinstance(value, Length) and not is_length:
            if value.unit is not Unit.SHARE:
                raise BadValue(f"{owner}: {name} is no length of time; got {value}.")
            return value.amount
        return value

    def _made(self, make: Callable[[], Any], place: int) -> Any:
        try:
            return make()
        except BadValue as error:
            raise self.fault(str(error), place) from None

    def _took(self, *signs: str) -> bool:
        if self.here.value is None and self.here.sign in signs:
            self._at += 1
            return True
        return False

    def _expect(self, sign: str, other: str = "") -> None:
        if not self._took(sign):
            raise self.fault(f"expected {f'{sign} {other}'.strip()}, got {self.here.told}")

    def _cut(self) -> list[_Token]:
        found, at = [], 0
        end = len(self.text.rstrip())
        while at < end:
            piece = _TOKEN.match(self.text, at)
            if piece is None:
                at += len(self.text[at:]) - len(self.text[at:].lstrip())
                raise BadValue(f"schedule {self.text!r}, at {at + 1}: {self.text[at]!r} means nothing here.")
            place = at + len(piece[0]) - len(piece[0].lstrip()) + 1
            at = piece.end()
            if piece["number"] is None:
                found.append(_Token(place, sign=piece["word"] or piece["sign"]))
                continue
            try:
                found.append(_Token(place, value=_number_or_length(piece)))
            except BadValue as error:
                raise BadValue(f"schedule {self.text!r}, at {place}: {error}") from None
        return [*found, _Token(end + 1, sign="end")]


_DEEPEST = 30
_COMBINED = {
    "join": "join(constant, cosine, at=50%)",
    "repeat": "repeat(cosine, times=4)",
    "scale": "scale(cosine, 0.5)",
}


def _number_or_length(piece: re.Match[str]) -> Any:
    if piece["unit"] is not None:
        return Length.parse(f"{piece['number']} {piece['unit']}")
    number = float(piece["number"])
    return int(number) if number.is_integer() and not set(".eE") & set(piece["number"]) else number
