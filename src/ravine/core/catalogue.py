"""Names and what they stand for; an unknown name suggests the nearest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import TypeVar

from ravine.core.errors import BadValue

T = TypeVar("T")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The words " Did you mean 'adam'?" when something known is near, else "".

    >>> did_you_mean("adem", ["adam", "sgd"])
    " Did you mean 'adam'?"
    """
    near = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""


class Catalogue(Mapping[str, T]):
    """An ordered table of one kind of thing, by its one public name."""

    def __init__(self, kind: str, members: Iterable[T], name: Callable[[T], str]) -> None:
        self.kind = kind
        self._members: dict[str, T] = {}
        for member in members:
            key = name(member)
            if key in self._members:
                raise BadValue(f"{kind} catalogue: the name {key!r} is given twice.")
            self._members[key] = member

    def __getitem__(self, name: str) -> T:
        try:
            return self._members[name]
        except KeyError:
            hint = did_you_mean(name, self._members)
            known = ", ".join(self._members)
            raise BadValue(f"unknown {self.kind} {name!r}.{hint} Known: {known}.") from None

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)
