"""Where it ran."""

from __future__ import annotations

from typing import Any

from ravine.report.html import data, fold
from ravine.report.material import Material
from ravine.report.numbers import significant
from ravine.report.panel import Panel
from ravine.report.table import pairs

_GIB = 2**30


def panel(material: Material) -> Panel | None:
    """Machine, versions and command."""
    if not material.environment:
        return None
    entries = [(data(name), data(value, 2000)) for name, value in flattened(material.environment)]
    return Panel(
        "environment", "Where it ran", "Machine", fold("Machine, versions, command", pairs("Where it ran", entries))
    )


def flattened(environment: dict[str, Any], above: str = "") -> list[tuple[str, str]]:
    """Nested tables as one list; bytes of memory in GiB.

    >>> flattened({"memory_bytes": 8589934592, "versions": {"numpy": "2.0"}, "torch": {"threads": 2}, "gpu": None})
    [('memory', '8 GiB'), ('numpy', '2.0'), ('torch threads', '2')]
    """
    entries: list[tuple[str, str]] = []
    for key, value in environment.items():
        name = f"{above} {key}".replace("_", " ").strip()
        if isinstance(value, dict):
            entries += flattened(value, "" if name == "versions" else name)
        elif value is None or value == "":
            continue
        elif "memory" in name and isinstance(value, int | float) and value > 2**20:
            entries.append((name.removesuffix(" bytes"), f"{significant(value / _GIB)} GiB"))
        else:
            entries.append((name, " ".join(map(str, value)) if isinstance(value, list) else str(value)))
    return entries
