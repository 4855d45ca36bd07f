"""Every choice of the run, as it can be given again."""

from __future__ import annotations

from ravine.report.html import fold, h
from ravine.report.material import Material
from ravine.report.panel import Panel

_LONGEST = 60_000


def panel(material: Material) -> Panel | None:
    """The recipe's own text."""
    if not material.recipe:
        return None
    whole = material.recipe if len(material.recipe) <= _LONGEST else material.recipe[:_LONGEST] + "\n…"
    box = h("pre", h("code", whole), tabindex="0", aria_label="recipe.toml")
    return Panel("recipe", "The recipe", "Recipe", fold("recipe.toml", box))
