"""Kornia's functions, looked for when they are first needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ravine.core.errors import missing_package


def kornia_geometry() -> Any:
    """`kornia.geometry.transform`, or `Missing` with the command that installs it."""
    return _part("kornia.geometry.transform")


def kornia_filters() -> Any:
    """`kornia.filters`, or `Missing` with the command that installs it."""
    return _part("kornia.filters")


def kornia_enhance() -> Any:
    """`kornia.enhance`, or `Missing` with the command that installs it."""
    return _part("kornia.enhance")


def _part(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise missing_package("augment", "kornia", "augment") from None
