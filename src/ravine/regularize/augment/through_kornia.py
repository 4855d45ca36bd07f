"""Kornia's functions, looked for when they are first needed."""

from __future__ import annotations

from typing import Any

from ravine.core.errors import missing_package


def kornia_geometry() -> Any:
    """`kornia.geometry.transform`.

    Raises:
        Missing: Kornia is not installed; the text has the command.
    """
    try:
        import kornia.geometry.transform as found
    except ImportError:
        raise missing_package("augment", "kornia", "augment") from None
    return found


def kornia_filters() -> Any:
    """`kornia.filters`.

    Raises:
        Missing: Kornia is not installed; the text has the command.
    """
    try:
        import kornia.filters as found
    except ImportError:
        raise missing_package("augment", "kornia", "augment") from None
    return found


def kornia_enhance() -> Any:
    """`kornia.enhance`.

    Raises:
        Missing: Kornia is not installed; the text has the command.
    """
    try:
        import kornia.enhance as found
    except ImportError:
        raise missing_package("augment", "kornia", "augment") from None
    return found
