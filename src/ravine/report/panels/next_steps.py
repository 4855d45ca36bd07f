"""How to go on: commands to paste."""

from __future__ import annotations

from ravine.report.commands import commands
from ravine.report.html import Html, h, join
from ravine.report.material import Material
from ravine.report.panel import Panel

_PYTHON = """import ravine

model = ravine.load({run})
answers = model.predict("new-data.csv")"""


def panel(material: Material) -> Panel | None:
    """Commands that fit what the run has reached."""
    blocks = join(*(_block(why, command) for why, command in commands(material)))
    python = _PYTHON.format(run=repr(str(material.folder.path)))
    more = _block("Load it in Python", python) if material.results.test is not None else None
    return Panel("next", "How to go on", "Go on", join(blocks, more))


def _block(why: str, command: str) -> Html:
    copy = h("button", "copy", type="button", cls="copy", hidden=True, aria_label=f"copy: {why}")
    box = h("pre", h("code", command), tabindex="0", aria_label=why)
    return h("div", h("p", why), h("div", box, copy, cls="copyable"), cls="command")
