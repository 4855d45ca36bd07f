"""Which display fits: live on a terminal, plain lines in a pipe or a file."""

from __future__ import annotations

import sys
from typing import Literal

from ravine.train.show.show import Quiet, Show

Mode = Literal["auto", "rich", "plain", "quiet"]


def chosen_show(mode: Mode) -> Show:
    """The display for `mode`; "auto" looks at where the output goes."""
    if mode == "quiet":
        return Quiet()
    if mode == "rich" or (mode == "auto" and sys.stdout.isatty()):
        from ravine.train.show.live import Live

        return Live()
    from ravine.train.show.plain import Plain

    return Plain()
