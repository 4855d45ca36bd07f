"""Names and what they stand for; an unknown name suggests the nearest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

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
    """An ordered table of one kind of thing, by its one public name.

    A hyphen and an underscore are the same to whoever asks: a name is typed on the command line, in a recipe and in
    Python alike.
    """

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
            return self._members[self._spelled(name)]
        except KeyError:
            hint = did_you_mean(name, self._members)
            known = ", ".join(self._members)
            raise BadValue(f"unknown {self.kind} {name!r}.{hint} Known: {known}.") from None

    def __contains__(self, name: object) -> bool:
        return self._spelled(name) in self._members

    def _spelled(self, name: Any) -> Any:
        """`name` as this table has it; itself where it has none."""
        if name in self._members or not isinstance(name, str):
            return name
        spellings = (name.replace("_", "-"), name.replace("-", "_"))
        return next((spelling for spelling in spellings if spelling in self._members), name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)
