"""How a person wants a source read: which column is what, and how large the pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from ravine.core.errors import BadValue, refusal

MAX_SIDE = 224
"""Pixels. Larger pictures are shrunk to this side unless a size is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The arguments of `open_source`, in one form.

    Attributes:
        target: Names of the target columns; None: the last column.
        drop: Columns to leave out.
        id: Column that names a row.
        group: Column whose equal values stay on one side of the split.
        time: Column that orders the rows.
        delimiter: One character between fields of a text table; None: inferred.
        image_size: Height and width of the pictures in pixels; None: chosen from the pictures.
        need_target: False for rows that are to be predicted, whose answers may be absent.
    """

    target: tuple[str, ...] | None = None
    drop: tuple[str, ...] = ()
    id: str | None = None
    group: str | None = None
    time: str | None = None
    delimiter: str | None = None
    image_size: tuple[int, int] | None = None
    need_target: bool = True

    @classmethod
    def of(
        cls,
        *,
        target: str | Sequence[str] | None = None,
        drop: str | Sequence[str] = (),
        id: str | None = None,  # noqa: A002
        group: str | None = None,
        time: str | None = None,
        delimiter: str | None = None,
        image_size: int | tuple[int, int] | None = None,
        need_target: bool = True,
    ) -> Options:
        """Options from the loose forms that people write.

        >>> Options.of(target="price", image_size=32).image_size
        (32, 32)

        Raises:
            BadValue: A delimiter of more than one character, a size below 4 pixels, or one
                column in two roles.
        """
        targets = (target,) if isinstance(target, str) else tuple(target) if target else None
        options = cls(
            target=targets,
            drop=(drop,) if isinstance(drop, str) else tuple(drop),
            id=id,
            group=group,
            time=time,
            delimiter=_delimiter(delimiter),
            image_size=_size(image_size),
            need_target=need_target,
        )
        options._check_roles()
        return options

    def refuse_columns(self, owner: str | os.PathLike[str], what: str) -> None:
        """Raise `BadValue` when a column is named although `what` has no columns.

        Rows to be predicted come with the options of the training, so there nothing is refused.
        """
        if not self.need_target:
            return
        for name in ("target", "drop", "id", "group", "time"):
            if getattr(self, name):
                raise BadValue(
                    f"{owner}: {what} has no columns, so --{name} does not apply; got {_told(getattr(self, name))}. "
                    f"Leave --{name} out."
                )

    def _check_roles(self) -> None:
        roles: dict[str, str] = {}
        for option in ("target", "drop", "id", "group", "time"):
            value = getattr(self, option)
            for column in value if isinstance(value, tuple) else (value,):
                if column is None:
                    continue
                # One column may both group and order or name rows; a target may be nothing else.
                other = roles.setdefault(column, option)
                if other != option and "target" in (other, option):
                    raise BadValue(f"column {column!r} is given as --{other} and as --{option}; choose one.")
                if other == option and isinstance(value, tuple) and value.count(column) > 1:
                    raise BadValue(f"--{option}: column {column!r} is given twice.")


def _told(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else repr(value)


def _delimiter(value: str | None) -> str | None:
    if value is None:
        return None
    value = {"\\t": "\t", "tab": "\t", "comma": ",", "semicolon": ";"}.get(value, value)
    if len(value) != 1 or not value.isascii() or value in '"\r\n':
        raise BadValue(refusal("source", "--delimiter", "be one ASCII character, such as ',' ';' '|' or 'tab'", value))
    return value


def _size(value: int | tuple[int, int] | None) -> tuple[int, int] | None:
    if value is None:
        return None
    if not isinstance(value, int):  # measured on other pictures, not chosen
        return int(value[0]), int(value[1])
    if not 4 <= value <= 4096:
        raise BadValue(refusal("source", "--image-size", "be from 4 to 4096 pixels", value))
    return value, value
