"""What a graph of units says before any number flows: order, levels, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadValue, Faults

Unit = Hashable
"""The name of a unit: a string, a number, a tuple."""

Edge = tuple[Unit, Unit]
"""From which unit, to which."""

OWNER = "UnitGraph"
_NAMED = 5  # faults of a kind that are named; the others are counted


@dataclass(frozen=True, slots=True)
class Rank:
    """The units of one level: no path between them, so that they are computed at once.

    Attributes:
        first: Place of the first of them in `Wiring.units`; they stand together.
        units: How many.
        activations: (name, units) in their order; a name stands once.
        parents: Places of the units that they read, ascending, each once.
        sources: Levels that these are in, ascending; 0 is the inputs.
        rows: For each edge into the level, which of its units it enters.
        columns: For each edge, which of `parents` it leaves. Edges are sorted by row, then column.
    """

    first: int
    units: int
    activations: tuple[tuple[str, int], ...]
    parents: tuple[int, ...]
    sources: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Wiring:
    """A directed acyclic graph of units, put in order.

    Attributes:
        units: Every unit: the inputs, then level by level.
        inputs: Those that are given.
        outputs: Those that answer.
        edges: Sorted by level, child and parent.
        ranks: Levels 1, 2, …; level 0 is the inputs.
        levels: Level of each unit, in the order of `units`.
    """

    units: tuple[Unit, ...]
    inputs: tuple[Unit, ...]
    outputs: tuple[Unit, ...]
    edges: tuple[Edge, ...]
    ranks: tuple[Rank, ...]
    levels: tuple[int, ...]


def wire(
    edges: Iterable[Edge],
    *,
    units: Iterable[Unit] | None,
    inputs: Sequence[Unit] | None,
    outputs: Sequence[Unit] | None,
    activation: str | Mapping[Unit, str],
    output_activation: str,
) -> Wiring:
    """The graph in the order in which it is computed.

    A unit's level is the length of the longest path to it from an input; what it reads lies below.

    Raises:
        Faults: Everything wrong with the graph: edges given twice, unknown units, a cycle, no inputs …
    """
    listed = _pairs(edges)
    named = list(dict.fromkeys(unit for edge in listed for unit in edge))
    known = named if units is None else list(dict.fromkeys(units))
    parents: dict[Unit, list[Unit]] = {unit: [] for unit in known}
    children: dict[Unit, list[Unit]] = {unit: [] for unit in known}
    _refuse([*_twice(listed), *_unknown(listed, known)])
    for parent, child in listed:
        parents[child].append(parent)
        children[parent].append(child)
    level = level_of(parents)
    if cycle := find_cycle(parents, level):
        raise BadValue(f"{OWNER}: the graph must have no cycle; got {' → '.join(map(str, cycle))}. Leave one edge out.")
    ins = [unit for unit in known if not parents[unit]] if inputs is None else list(inputs)
    outs = [unit for unit in known if not children[unit]] if outputs is None else list(outputs)
    _refuse(_ends(known, ins, outs, parents, children))
    chosen = _activations([unit for unit in known if parents[unit]], outs, activation, output_activation)
    return _ordered(known, ins, outs, parents, level, chosen)


def level_of(parents: Mapping[Unit, Collection[Unit]]) -> dict[Unit, int]:
    """Length of the longest path to each unit from one without parents; units on or behind a cycle are missing."""
    waits = {unit: len(above) for unit, above in parents.items()}
    children: dict[Unit, list[Unit]] = {unit: [] for unit in parents}
    for child, above in parents.items():
        for parent in above:
            children[parent].append(child)
    ready = [unit for unit, number in waits.items() if not number]
    level: dict[Unit, int] = {}
    while ready:
        unit = ready.pop()
        level[unit] = 1 + max((level[parent] for parent in parents[unit]), default=-1)
        for child in children[unit]:
            waits[child] -= 1
            if not waits[child]:
                ready.append(child)
    return level


def find_cycle(parents: Mapping[Unit, Collection[Unit]], level: Mapping[Unit, int]) -> list[Unit]:
    """A cycle as the units along it, the first again at the end; empty where every unit has its level."""
    unit = next((unit for unit in parents if unit not in level), None)
    if unit is None:
        return []
    # Whoever has no level has a parent without one, so that walking up must come back to where it has been.
    path: dict[Unit, None] = {}
    while unit not in path:
        path[unit] = None
        unit = next(parent for parent in parents[unit] if parent not in level)
    walked = list(path)
    return [unit, *reversed(walked[walked.index(unit) :])]


def _ordered(
    known: list[Unit],
    ins: list[Unit],
    outs: list[Unit],
    parents: dict[Unit, list[Unit]],
    level: dict[Unit, int],
    chosen: dict[Unit, str],
) -> Wiring:
    names = list(dict.fromkeys(chosen.values()))
    # Units of one activation stand together, so that a level needs one call for each.
    computed = sorted(
        (unit for unit in known if parents[unit]), key=lambda unit: (level[unit], names.index(chosen[unit]))
    )
    units = [*ins, *computed]
    place = {unit: at for at, unit in enumerate(units)}
    members: dict[int, list[Unit]] = {}
    for unit in computed:
        members.setdefault(level[unit], []).append(unit)
    edges: list[Edge] = []
    ranks: list[Rank] = []
    for of_level in members.values():
        read = sorted({place[parent] for unit in of_level for parent in parents[unit]})
        column = {at: number for number, at in enumerate(read)}
        rows: list[int] = []
        columns: list[int] = []
        for row, unit in enumerate(of_level):
            for at in sorted(place[parent] for parent in parents[unit]):
                edges.append((units[at], unit))
                rows.append(row)
                columns.append(column[at])
        ranks.append(
            Rank(
                first=place[of_level[0]],
                units=len(of_level),
                activations=tuple(Counter(chosen[unit] for unit in of_level).items()),
                parents=tuple(read),
                sources=tuple(sorted({level[units[at]] for at in read})),
                rows=tuple(rows),
                columns=tuple(columns),
            )
        )
    return Wiring(
        units=tuple(units),
        inputs=tuple(ins),
        outputs=tuple(outs),
        edges=tuple(edges),
        ranks=tuple(ranks),
        levels=tuple(level[unit] for unit in units),
    )


def _pairs(edges: Iterable[Edge]) -> list[Edge]:
    listed = []
    for edge in edges:
        if isinstance(edge, str) or not isinstance(edge, Collection) or len(edge) != 2:
            raise BadValue(f"{OWNER}: an edge must be a pair (from, to); got {edge!r}.")
        parent, child = edge
        listed.append((parent, child))
    if not listed:
        raise BadValue(f"{OWNER}: a graph needs at least one edge; got none.")
    return listed


def _twice(edges: list[Edge]) -> list[str]:
    again = [edge for edge, times in Counter(edges).items() if times > 1]
    return [f"edges must be given once; {_named(map(_arrow, again), 'edge')} again"] if again else []


def _unknown(edges: list[Edge], known: list[Unit]) -> list[str]:
    there = set(known)
    words = [str(unit) for unit in known]
    faults = []
    for parent, child in edges:
        faults += [
            f"edge {_arrow((parent, child))}: no such unit {unit!r}.{did_you_mean(str(unit), words)}"
            for unit in (parent, child)
            if unit not in there
        ]
    return faults[:_NAMED] + ([f"and {len(faults) - _NAMED} more edges to unknown units"] * (len(faults) > _NAMED))


def _ends(
    known: list[Unit],
    ins: list[Unit],
    outs: list[Unit],
    parents: dict[Unit, list[Unit]],
    children: dict[Unit, list[Unit]],
) -> list[str]:
    faults = []
    for role, given in (("input", ins), ("output", outs)):
        if not given:
            faults.append(f"a graph needs at least one {role}; got none")
        strange = [unit for unit in given if unit not in parents]
        if strange:
            hint = did_you_mean(str(strange[0]), map(str, known))
            faults.append(f"no such unit {_named(map(repr, strange), role)}.{hint}")
        again = [unit for unit, times in Counter(given).items() if times > 1]
        if again:
            faults.append(f"{role}s must be named once; {_named(map(repr, again), role)} again")
    is_in, is_out = set(ins), set(outs)
    checks = (
        ("inputs must have no parents", [u for u in ins if parents.get(u)]),
        ("a unit must have a parent or be an input", [u for u in known if not parents[u] and u not in is_in]),
        ("a unit must have a child or be an output", [u for u in known if not children[u] and u not in is_out]),
        ("an output must be computed, not given", [u for u in outs if u in is_in]),
    )
    faults += [f"{must}; got {_named(map(repr, units), 'unit')}" for must, units in checks if units]
    return faults


def _activations(
    computed: list[Unit], outs: list[Unit], activation: str | Mapping[Unit, str], output_activation: str
) -> dict[Unit, str]:
    last = set(outs)
    if isinstance(activation, str):
        return {unit: output_activation if unit in last else activation for unit in computed}
    there = set(computed)
    faults = [
        f"activation: no computed unit {unit!r}.{did_you_mean(str(unit), map(str, computed))}"
        for unit in activation
        if unit not in there
    ]
    missing = [unit for unit in computed if unit not in last and unit not in activation]
    if missing:
        faults.append(f"activation: none given for {_named(map(repr, missing), 'unit')}")
    _refuse(faults)
    return {unit: activation.get(unit, output_activation) for unit in computed}


def _refuse(faults: list[str]) -> None:
    if faults:
        raise Faults(OWNER, faults)


def _arrow(edge: Edge) -> str:
    return f"{edge[0]} → {edge[1]}"


def _named(words: Iterable[str], what: str) -> str:
    listed = list(words)
    more = len(listed) - _NAMED
    return ", ".join(listed[:_NAMED]) + (f" and {more} more {what}s" if more > 0 else "")
