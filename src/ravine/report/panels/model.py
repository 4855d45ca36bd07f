"""The network, layer by layer."""

from __future__ import annotations

from ravine.report.html import Html, coded, data, fold, h, join
from ravine.report.material import Material
from ravine.report.numbers import count, percent, plural, sentence
from ravine.report.panel import Panel
from ravine.report.table import Head, table

_MOST = 80
_HEADS = (Head("layer"), Head("type"), Head("output"), Head("parameters", number=True), Head("share", number=True))


def panel(material: Material) -> Panel | None:
    """Why this network, how large, and its layers."""
    model = material.results.model
    if model is None:
        return None
    whole = max(model.parameters, 1)
    rows = [
        [
            h("code", layer.name),
            data(layer.type),
            data(layer.output),
            count(layer.parameters) if layer.parameters else "–",
            percent(layer.parameters / whole) if layer.parameters else "–",
        ]
        for layer in model.layers[:_MOST]
    ]
    layers: Html | None = None
    if rows:
        layers = table("Layers of the network", _HEADS, rows, total=len(model.layers), what="layers")
        if len(rows) > 16:
            layers = fold(plural(len(model.layers), "layer"), layers)
    body = join(
        h(
            "p",
            h("strong", data(model.name)),
            f", {plural(model.parameters, 'parameter')}. ",
            coded(sentence(model.reason)),
            cls="story",
        ),
        h("p", "Initialization: ", coded(model.initialization), cls="story") if model.initialization else None,
        layers,
    )
    return Panel("model", "The network", "Network", body)
