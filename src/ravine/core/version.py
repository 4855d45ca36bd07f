"""The version, on the lowest floor: files that say who wrote them need no import of the whole library."""

from __future__ import annotations

VERSION = "0.1.0"
