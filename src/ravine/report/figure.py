"""A plot as plotly's JSON, with colours by name so that the page can follow light and dark."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from ravine.report.html import Html, h, json_script, text

Mark = Literal["line", "dash", "dot", "bar"]
_LONGEST = 22


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of a legend."""

    name: str
    color: str
    mark: Mark = "line"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One plot.

    Attributes:
        id: Unique on the page.
        title: A few words above the plot.
        alt: What the plot shows, for those who do not see it.
        traces: plotly traces; colours are `color("name")`.
        layout: plotly layout beyond the common one.
        keys: The legend.
        height: In pixels.
        log_switch: Whether a button changes the y axis to a logarithmic one.
    """

    id: str
    title: str
    alt: str
    traces: list[dict[str, Any]]
    layout: dict[str, Any] = field(default_factory=dict)
    keys: tuple[Key, ...] = ()
    height: int = 260
    log_switch: bool = False

    def to_html(self) -> Html:
        """The plot's place in the page, with its JSON."""
        head = [h("span", self.title, cls="plot-title")]
        if self.log_switch:
            head.append(
                h(
                    "button",
                    "log scale",
                    type="button",
                    cls="switch",
                    aria_pressed="false",
                    data_log=self.id,
                    hidden=True,
                )
            )
        if self.keys:
            head.append(h("span", *(_key(key) for key in self.keys), cls="keys"))
        spec = {"data": self.traces, "layout": {**common(), **self.layout}}
        return h(
            "figure",
            h("figcaption", *head),
            h("div", id=self.id, cls="plot", role="img", aria_label=self.alt, style=f"height:{self.height}px"),
            json_script(spec, data_figure=self.id),
            cls="figure",
        )


def color(name: str) -> str:
    """The colour `name` of the style sheet; the page puts in what it is in the present scheme."""
    return f"var(--{name})"


def axis(title: str = "", **more: Any) -> dict[str, Any]:
    """An axis in the common style."""
    return {
        "title": {"text": title, "standoff": 8},
        "gridcolor": color("grid"),
        "linecolor": color("line"),
        "zerolinecolor": color("line"),
        "automargin": True,
        "fixedrange": True,
        **more,
    }


def names_axis(names: list[str], **more: Any) -> dict[str, Any]:
    """An axis with a name at each whole number from 0, first on top."""
    places = list(range(len(names)))
    spelled = [plot_text(name) for name in names]
    reach = [len(names) - 0.5, -0.5]
    room: dict[str, Any] = {"ticks": "outside", "ticklen": 6, "tickcolor": "rgba(0,0,0,0)"}
    return axis(tickvals=places, ticktext=spelled, range=reach, showgrid=False, zeroline=False, **room, **more)


def plot_text(name: str, longest: int = _LONGEST) -> str:
    """A name for a plot: shortened, its markup escaped, its direction isolated from its surroundings."""
    short = name if len(name) <= longest else name[: longest - 1] + "…"
    return f"\u2068{text(short, quotes=False)}\u2069"


def common() -> dict[str, Any]:
    """The layout all plots share."""
    return {
        "margin": {"l": 8, "r": 12, "t": 10, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 12, "color": color("soft")},
        "showlegend": False,
        "dragmode": False,
        "hovermode": "closest",
        "hoverlabel": {
            "bgcolor": color("card"),
            "bordercolor": color("line"),
            "font": {"color": color("ink"), "size": 12},
            "align": "left",
        },
    }


def _key(key: Key) -> Html:
    return h("span", h("i", cls=f"key-{key.mark}", style=f"--key:{color(key.color)}", aria_hidden="true"), key.name)
