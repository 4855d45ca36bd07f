"""Backpropagation, explained with numbers on a small graph of units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ravine.cli.page import Page
from ravine.core.sources import Source

if TYPE_CHECKING:
    from ravine.models.unit_graph import BackwardPass, UnitGraph

WEIGHTS = {
    ("x1", "h1"): 0.5,
    ("x2", "h1"): -0.3,
    ("x1", "h2"): -0.4,
    ("x2", "h2"): 0.8,
    ("h1", "h3"): 1.2,
    ("h2", "h3"): 0.6,
    ("h2", "y"): -0.7,
    ("h3", "y"): 0.9,
    ("x2", "y"): 0.2,
}
"""Three hidden units, one on top of the others, and two ways past it."""

INPUTS = {"x1": 1.0, "x2": 2.0}
TARGET = 1.0

_EXAMPLE = """from ravine.models import UnitGraph
graph = UnitGraph([("x1", "h"), ("x2", "h"), ("h", "y"), ("x1", "y")], activation="tanh")
found = graph.backward_pass(x, output_gradient)  # found.z, found.weight: what autograd finds"""


def backprop_page() -> Page:
    """The page, with an example worked out."""
    return Page(
        name="backprop",
        kind="calculation",
        summary="Backpropagation: the gradient of every weight in one pass back through the network.",
        formula="z[u] = σ'(a[u])·Σ_v W[u→v]·z[v],   ∂loss/∂W[u→v] = z[v]·o[u]",
        text="A network is a directed acyclic graph of units. Forward, each unit sums what its parents say and"
        " bends the sum:\n\n"
        "    a[v] = Σ_u W[u→v]·o[u]        o[v] = σ(a[v])\n\n"
        "Backward, z[u] = ∂loss/∂a[u] is what the loss does when the sum of u grows a little. It reaches u through"
        " its children alone, so that the children's z give it, by the chain rule:\n\n"
        "    z[u] = σ'(a[u])·Σ_v W[u→v]·z[v]        z[output] = σ'(a)·∂loss/∂o\n\n"
        "A weight is multiplied by o[u] on the way to v, so its gradient is the product of what the two ends"
        " know:\n\n"
        "    ∂loss/∂W[u→v] = z[v]·o[u]\n\n"
        "Each edge is used once forward and once backward: all gradients together cost about twice what the"
        " answer costs. Units between which there is no path are computed at once, level by level, as one"
        " matrix product.",
        facts=(
            ("cost", "about two forward passes, whatever the number of weights"),
            ("memory", "a and o of every unit, kept from the forward pass"),
            ("class", "ravine.models.UnitGraph"),
            ("checked by", "autograd, to rounding"),
        ),
        arguments=(),
        state=(),
        kept=None,
        departures="",
        source=Source(
            "Rumelhart, Hinton & Williams", 1986, "Learning Representations by Back-Propagating Errors", "Nature 323"
        ),
        origin="equations 1 to 7, for layers; here on any graph.",
        example=_EXAMPLE,
        drawing=Worked(),
    )


@dataclass(frozen=True)
class Worked:
    """The example: forward, loss, backward; the same numbers in the terminal and in the picture."""

    def passes(self) -> tuple[UnitGraph, BackwardPass]:
        """The graph, and its pass for loss = ½(o − target)²."""
        import torch

        from ravine.models.unit_graph import UnitGraph

        graph = UnitGraph(WEIGHTS, inputs=list(INPUTS), activation="tanh", bias=False).double()
        graph.set_weights(WEIGHTS)
        row = torch.tensor([list(INPUTS.values())], dtype=torch.float64)
        return graph, graph.backward_pass(row, graph(row).detach() - TARGET)

    def png(self) -> bytes:
        """The graph with every number on it."""
        import io

        from ravine.models.unit_graph_picture import picture

        file = io.BytesIO()
        picture(*self.passes()).save(file, "PNG")
        return file.getvalue()

    def terminal(self) -> Any:
        """Every unit's sum forward, then back, then every weight's product."""
        from rich.console import Group
        from rich.text import Text

        graph, found = self.passes()
        a, o, z = (dict(zip(graph.units, value[0].tolist(), strict=True)) for value in (found.a, found.o, found.z))
        weight = dict(zip(graph.edges, graph.weight.tolist(), strict=True))
        level = dict(zip(graph.units, graph.levels, strict=True))
        (last,) = graph.outputs
        forward = [("inputs", u, f"o = {_n(o[u])}", "") for u in graph.inputs]
        for v in graph.units[len(graph.inputs) :]:
            terms = [f"{_n(w)}·{_factor(o[u])}" for (u, child), w in weight.items() if child == v]
            bent = "a" if v == last else f"tanh({_n(a[v])})"
            forward.append((f"level {level[v]}", v, f"a = {_sum(terms)} = {_n(a[v])}", f"o = {bent} = {_n(o[v])}"))
        back = []
        for u in reversed(graph.units):
            terms = [f"{_n(w)}·{_factor(z[v])}" for (parent, v), w in weight.items() if parent == u]
            if u == last:
                back.append((f"level {level[u]}", u, f"z = o − target = {_n(o[u])} − {_n(TARGET)}", _n(z[u])))
            elif u in graph.inputs:
                back.append(("inputs", u, f"z = {_sum(terms)}", _n(z[u])))
            else:
                back.append((f"level {level[u]}", u, f"z = (1 − {_factor(o[u])}²)·({_sum(terms)})", _n(z[u])))
        gradients = [
            (f"{u} → {v}", _n(w), f"z[{v}]·o[{u}] = {_n(z[v])}·{_factor(o[u])}", _n(g))
            for ((u, v), w), g in zip(weight.items(), found.weight.tolist(), strict=True)
        ]
        loss = (o[last] - TARGET) ** 2 / 2
        return Group(
            _grid("Forward", ("", "unit", "sum", "output"), forward, "blue"),
            Text(f"loss = ½(o[{last}] − {_n(TARGET)})² = {_n(loss)}\n"),
            _grid("Backward, from the output", ("", "unit", "z = ∂loss/∂a", "="), back, "red"),
            _grid("Gradients", ("edge", "W", "∂loss/∂W", "="), gradients, "red"),
        )


def _grid(title: str, head: tuple[str, ...], rows: list[tuple[Any, ...]], style: str) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title, style=f"bold {style}"), box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left")
    for place, words in enumerate(head):
        last = place == len(head) - 1
        table.add_column(words, no_wrap=place != 2, overflow="fold", style=style if last else None)
    before = None
    for first, *others in rows:
        table.add_row(*map(Text, ("" if first == before else first, *map(str, others))))
        before = first
    return table


def _n(value: float) -> str:
    from ravine.models.unit_graph_picture import spelled

    return spelled(value).replace("-", "−")


def _factor(value: float) -> str:
    return f"({_n(value)})" if value < 0 else _n(value)


def _sum(terms: list[str]) -> str:
    return " + ".join(terms).replace("+ −", "− ")
