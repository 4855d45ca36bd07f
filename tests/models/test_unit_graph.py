"""A graph of units: against autograd, a unit-by-unit twin in plain Python, layers of torch, and what it refuses."""

from __future__ import annotations

import copy
import io
import math
from collections import Counter
from itertools import pairwise

import networkx as nx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ravine.core.errors import BadValue
from ravine.initialize.activations import ACTIVATIONS, activation_module
from ravine.models import UnitGraph, unit_graph_levels
from ravine.models.slopes import slope

TINY = [("x1", "h1"), ("x2", "h1"), ("x1", "h2"), ("h1", "h2"), ("h1", "y"), ("h2", "y"), ("x2", "y")]

SIGMA = {
    "relu": (lambda a: max(a, 0.0), lambda a: float(a > 0)),
    "tanh": (math.tanh, lambda a: 1 - math.tanh(a) ** 2),
    "sigmoid": (lambda a: 1 / (1 + math.exp(-a)), lambda a: math.exp(-a) / (1 + math.exp(-a)) ** 2),
    "identity": (lambda a: a, lambda _: 1.0),
}
"""σ and σ′ on floats."""


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@st.composite
def graphs(draw):
    """A random graph whose every unit is of use: (edges, activation of each computed unit)."""
    count = draw(st.integers(2, 14))
    pairs = [(u, v) for v in range(count) for u in range(v)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, min_size=1, max_size=40))
    edges = draw(st.permutations(edges))
    names = draw(st.permutations([f"u{k}" for k in range(count)]))  # so that order of names is no order of levels
    edges = [(names[u], names[v]) for u, v in edges]
    chosen = {v: draw(st.sampled_from(list(SIGMA))) for _, v in edges}
    return edges, chosen


def by_hand(graph, activation, row, output_gradient):
    """One row through the graph, unit by unit, in Python's own floats: a, o, z, gradient of each edge."""
    weight = dict(zip(graph.edges, graph.weight.tolist(), strict=True))
    bias = dict(zip(graph.units[len(graph.inputs) :], graph.bias.tolist(), strict=True))
    a, o, z = dict(zip(graph.inputs, row, strict=True)), dict(zip(graph.inputs, row, strict=True)), {}

    def out(unit):
        if unit not in o:
            a[unit] = sum(w * out(u) for (u, v), w in weight.items() if v == unit) + bias[unit]
            o[unit] = SIGMA[activation[unit]][0](a[unit])
        return o[unit]

    given_ = dict(zip(graph.outputs, output_gradient, strict=True))

    def back(unit):
        if unit not in z:
            pulled = sum(w * back(v) for (u, v), w in weight.items() if u == unit) + given_.get(unit, 0.0)
            z[unit] = pulled * (1.0 if unit in graph.inputs else SIGMA[activation[unit]][1](a[unit]))
        return z[unit]

    for unit in graph.units:
        out(unit)
    for unit in graph.units:
        back(unit)
    return a, o, z, {(u, v): z[v] * o[u] for u, v in graph.edges}


@settings(max_examples=40, deadline=None)
@given(graphs(), st.integers(1, 4), st.integers(0, 1000))
def test_equals_a_unit_by_unit_twin_and_autograd(drawn, batch, seed):
    edges, activation = drawn
    graph = UnitGraph(edges, activation=activation, generator=chance(seed)).double()
    nn.init.normal_(graph.bias, generator=chance(seed + 1))
    x = torch.randn(batch, len(graph.inputs), dtype=torch.float64, generator=chance(seed + 2), requires_grad=True)
    g = torch.randn(batch, len(graph.outputs), dtype=torch.float64, generator=chance(seed + 3))
    answer = graph(x)
    found = graph.backward_pass(x, g)
    twins = [by_hand(graph, activation, row, out) for row, out in zip(x.tolist(), g.tolist(), strict=True)]
    for number, kept in enumerate((found.a, found.o, found.z)):
        exact = [[twin[number][unit] for unit in graph.units] for twin in twins]
        torch.testing.assert_close(kept, torch.tensor(exact, dtype=torch.float64), rtol=1e-10, atol=1e-12)
    summed = [sum(twin[3][edge] for twin in twins) for edge in graph.edges]
    torch.testing.assert_close(found.weight, torch.tensor(summed, dtype=torch.float64), rtol=1e-10, atol=1e-12)
    grads = torch.autograd.grad(answer, (graph.weight, graph.bias, x), g)
    for own, theirs in zip((found.weight, found.bias, found.z[:, : len(graph.inputs)]), grads, strict=True):
        torch.testing.assert_close(own, theirs, rtol=1e-10, atol=1e-12)
    last = [graph.units.index(unit) for unit in graph.outputs]
    torch.testing.assert_close(answer, found.o[:, last])
    again = graph.forward_pass(x)
    torch.testing.assert_close(again.a, found.a)
    torch.testing.assert_close(again.o, found.o)


@pytest.mark.parametrize("sparse", [0.0, 2.0])
def test_however_edges_are_gathered(monkeypatch, sparse):
    """Every way of computing a level, on a graph whose units read nearly everything below."""
    edges = [(u, v) for v in range(2, 14) for u in range(v) if (3 * u + v) % 4]
    x = torch.randn(3, 2, dtype=torch.float64, generator=chance(1))
    plain = UnitGraph(edges, inputs=[0, 1], activation="tanh", generator=chance()).double()
    monkeypatch.setattr(unit_graph_levels, "SPARSE", sparse)
    graph = UnitGraph(edges, inputs=[0, 1], activation="tanh", generator=chance()).double()
    g = torch.randn(3, len(graph.outputs), dtype=torch.float64, generator=chance(2))
    torch.testing.assert_close(graph(x), plain(x))
    for one, other in zip(graph.backward_pass(x, g), plain.backward_pass(x, g), strict=True):
        torch.testing.assert_close(one, other)
    for one, other in zip(
        torch.autograd.grad(graph(x), graph.parameters(), g), graph.backward_pass(x, g)[3:], strict=True
    ):
        torch.testing.assert_close(one, other)


@settings(max_examples=30, deadline=None)
@given(graphs())
def test_levels_are_longest_paths_and_edges_keep_their_names(drawn):
    edges, _ = drawn
    graph = UnitGraph(edges)
    assert sorted(graph.edges) == sorted(edges)
    level = dict(zip(graph.units, graph.levels, strict=True))
    theirs = nx.DiGraph(edges)
    for unit in graph.units:
        above = nx.ancestors(theirs, unit) | {unit}
        assert level[unit] == nx.dag_longest_path_length(theirs.subgraph(above))
    assert list(graph.levels) == sorted(graph.levels)


@pytest.mark.parametrize("widths", [[3, 1], [2, 3, 1], [5, 7, 7, 4]])
@pytest.mark.parametrize("bias", [True, False])
def test_layers_are_torchs_linear_layers(widths, bias):
    graph = UnitGraph.from_widths(widths, activation="gelu", bias=bias, generator=chance())
    layers: list[nn.Module] = []
    for inward, outward in pairwise(widths):
        layers += [nn.Linear(inward, outward, bias=bias), nn.GELU()]
    theirs = nn.Sequential(*layers[:-1])
    linear = [layer for layer in theirs if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        nn.utils.vector_to_parameters(graph.weight, [layer.weight for layer in linear])
        if bias:
            graph.bias.normal_(generator=chance(1))
            nn.utils.vector_to_parameters(graph.bias, [layer.bias for layer in linear])
    x, g = torch.randn(6, widths[0], generator=chance(2)), torch.randn(6, widths[-1], generator=chance(3))
    torch.testing.assert_close(graph(x), theirs(x))
    grads = torch.autograd.grad(theirs(x), [layer.weight for layer in linear], g)
    torch.testing.assert_close(graph.backward_pass(x, g).weight, torch.cat([grad.flatten() for grad in grads]))


def sparse_edges(wide: int = 600, fan: int = 3) -> list[tuple[object, object]]:
    """One level of `wide` units that read `fan` of as many inputs each: 0.5 % of all edges."""
    return [(("x", (7 * k + step * step * 31) % wide), ("h", k)) for k in range(wide) for step in range(fan)] + [
        (("h", k), "y") for k in range(wide)
    ]


def test_edges_gathered_one_by_one_say_the_same_as_one_product(monkeypatch):
    edges = sparse_edges()
    gathered = UnitGraph(edges, activation="tanh", generator=chance()).double()
    monkeypatch.setattr(unit_graph_levels, "SPARSE", 0.0)
    dense = UnitGraph(edges, activation="tanh", generator=chance()).double()
    assert [rank.sparse for rank in gathered.ranks] == [True, False]
    assert [rank.sparse for rank in dense.ranks] == [False, False]
    x = torch.randn(4, 600, dtype=torch.float64, generator=chance(1), requires_grad=True)
    g = torch.randn(4, 1, dtype=torch.float64, generator=chance(2))
    torch.testing.assert_close(gathered(x), dense(x))
    for one, other in zip(gathered.backward_pass(x, g), dense.backward_pass(x, g), strict=True):
        torch.testing.assert_close(one, other)
    for own, grad in zip(
        (gathered.backward_pass(x, g).weight, gathered.backward_pass(x, g).bias),
        torch.autograd.grad(gathered(x), (gathered.weight, gathered.bias), g),
        strict=True,
    ):
        torch.testing.assert_close(own, grad)


def test_gradcheck():
    graph = UnitGraph(TINY, activation={"h1": "tanh", "h2": "silu"}, generator=chance()).double()
    x = torch.randn(3, 2, dtype=torch.float64, generator=chance(1), requires_grad=True)

    def answer(x, weight, bias):
        return torch.func.functional_call(graph, {"weight": weight, "bias": bias}, (x,))

    given_ = (x, graph.weight, graph.bias)
    assert torch.autograd.gradcheck(answer, given_)
    assert torch.autograd.gradgradcheck(answer, given_)


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "prelu"])
def test_every_activation_has_its_slope(name):
    activation = activation_module(name)
    a = torch.cat([torch.linspace(-30, 30, 601), torch.linspace(-3, 3, 601)]).double().requires_grad_()
    (expected,) = torch.autograd.grad(activation(a).sum(), a)
    torch.testing.assert_close(slope(activation, a.detach()), expected, rtol=1e-9, atol=1e-12)


def test_slopes_follow_the_settings_and_refuse_what_they_do_not_know():
    a = torch.linspace(-3, 3, 61, dtype=torch.float64, requires_grad=True)
    for activation in (nn.LeakyReLU(0.3), nn.ELU(0.7), nn.GELU("tanh")):
        (expected,) = torch.autograd.grad(activation(a).sum(), a)
        torch.testing.assert_close(slope(activation, a.detach()), expected)
    with pytest.raises(BadValue, match=r"slope: no derivative is known for Hardshrink\. Known: ReLU, "):
        slope(nn.Hardshrink(), a)


def test_first_weights_keep_the_variance_whatever_the_number_of_parents():
    graph = UnitGraph.from_widths([400, 300, 50, 1], skips=[(0, 2)], activation="relu", generator=chance())
    weight = graph.weight.detach()
    fans = Counter(child for _, child in graph.edges)
    for layer, gain in ((1, math.sqrt(2)), (2, math.sqrt(2)), (3, 1.0)):
        own = torch.tensor([child[0] == layer for _, child in graph.edges])
        expected = gain / math.sqrt(fans[(layer, 0)])
        assert weight[own].std().item() == pytest.approx(expected, rel=4 / math.sqrt(2 * own.sum().item()))
    assert graph.bias.eq(0).all()


def test_is_seeded_copied_saved_and_compiled_like_any_module():
    one, other = (UnitGraph(TINY, generator=chance(7)) for _ in range(2))
    assert torch.equal(one.weight, other.weight)
    assert list(one.state_dict()) == ["weight", "bias"]
    x = torch.randn(5, 2, generator=chance())
    twin = copy.deepcopy(one)
    other.weight.data.zero_()
    other.load_state_dict(one.state_dict())
    for same in (twin, other, torch.compile(one, backend="aot_eager")):
        torch.testing.assert_close(same(x), one(x))
    exported = torch.export.export(one, (x,))
    torch.testing.assert_close(exported.module()(x), one(x))
    buffer = io.BytesIO()
    torch.save(one.state_dict(), buffer)
    assert UnitGraph(TINY).load_state_dict(torch.load(io.BytesIO(buffer.getvalue()), weights_only=True))


def test_learns_xor_with_one_hidden_unit_and_skips():
    """Which layers cannot: the hidden unit says "both", the skips do the rest."""
    graph = UnitGraph(
        [("x1", "h"), ("x2", "h"), ("x1", "y"), ("x2", "y"), ("h", "y")], activation="sigmoid", generator=chance(3)
    )
    x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
    optimizer = torch.optim.Adam(graph.parameters(), lr=0.05)
    for _ in range(1500):
        optimizer.zero_grad()
        found = graph.backward_pass(x, graph(x).detach() - y)  # by hand alone
        graph.weight.grad, graph.bias.grad = found.weight, found.bias
        optimizer.step()
    assert (graph(x) - y).abs().max() < 0.1


def test_from_networkx_takes_weights_and_activations():
    theirs = nx.DiGraph()
    theirs.add_node("x")
    theirs.add_node("h", activation="tanh")
    theirs.add_node("y", activation="sigmoid")
    theirs.add_edge("x", "h", weight=0.5)
    theirs.add_edge("h", "y", weight=-2.0)
    graph = UnitGraph.from_networkx(theirs)
    found = graph(torch.tensor([[0.8]])).item()
    assert found == pytest.approx(1 / (1 + math.exp(2 * math.tanh(0.4))), rel=1e-6)
    assert UnitGraph.from_networkx(nx.DiGraph(TINY), activation="tanh").edges == UnitGraph.from_edges(TINY).edges
    with pytest.raises(BadValue, match=r"UnitGraph: graph must be a networkx.DiGraph; got 'Graph'\."):
        UnitGraph.from_networkx(nx.Graph(TINY))


def test_outputs_may_be_named_and_have_children():
    graph = UnitGraph(TINY, outputs=["y", "h2"], generator=chance()).double()
    x = torch.randn(3, 2, dtype=torch.float64, generator=chance(1))
    g = torch.randn(3, 2, dtype=torch.float64, generator=chance(2))
    found = graph.backward_pass(x, g)
    assert torch.equal(graph(x), found.o[:, [graph.units.index("y"), graph.units.index("h2")]])
    (expected,) = torch.autograd.grad(graph(x), graph.weight, g)
    torch.testing.assert_close(found.weight, expected)


@pytest.mark.parametrize(
    ("edges", "options", "text"),
    [
        ([], {}, "UnitGraph: a graph needs at least one edge; got none."),
        (["ab"], {}, "UnitGraph: an edge must be a pair (from, to); got 'ab'."),
        ([("a", "a")], {}, "UnitGraph: the graph must have no cycle; got a → a. Leave one edge out."),
        (
            [("x", "a"), ("a", "b"), ("b", "c"), ("c", "a"), ("c", "y")],
            {},
            "UnitGraph: the graph must have no cycle; got a → b → c → a. Leave one edge out.",
        ),
        ([("x", "y"), ("x", "y")], {}, "UnitGraph: edges must be given once; x → y again"),
        (
            [("input", "h"), ("h", "y"), ("inptu", "h")],
            {"units": ["input", "h", "y"]},
            "UnitGraph: edge inptu → h: no such unit 'inptu'. Did you mean 'input'?",
        ),
        ([("x", "y")], {"inputs": []}, "a graph needs at least one input; got none"),
        ([("x", "y")], {"outputs": []}, "a graph needs at least one output; got none"),
        ([("x", "y")], {"outputs": ["z"]}, "no such unit 'z'"),
        ([("x", "y")], {"outputs": ["y", "y"]}, "outputs must be named once; 'y' again"),
        ([("x", "h"), ("h", "y")], {"inputs": ["x", "h"]}, "inputs must have no parents; got 'h'"),
        ([("x", "y"), ("b", "y")], {"inputs": ["x"]}, "a unit must have a parent or be an input; got 'b'"),
        ([("x", "y"), ("x", "h")], {"outputs": ["y"]}, "a unit must have a child or be an output; got 'h'"),
        ([("x", "y")], {"outputs": ["y", "x"]}, "an output must be computed, not given; got 'x'"),
        ([("x", "h"), ("h", "y")], {"activation": {"k": "tanh"}}, "activation: no computed unit 'k'"),
        ([("x", "h"), ("h", "y")], {"activation": {"y": "tanh"}}, "activation: none given for 'h'"),
        (
            [("x", "h"), ("h", "y")],
            {"activation": "prelu"},
            "UnitGraph: activation must have no parameters of its own; got 'prelu'. Take leaky_relu.",
        ),
        ([("x", "h"), ("h", "y")], {"activation": "tanhh"}, "unknown activation 'tanhh'. Did you mean 'tanh'?"),
    ],
)
def test_refuses_what_is_no_graph_of_units(edges, options, text):
    with pytest.raises(BadValue) as caught:
        UnitGraph(edges, **options)
    assert text in str(caught.value)


def test_refuses_wrong_widths_skips_inputs_and_weights():
    graph = UnitGraph(TINY)
    for call, text in (
        (lambda: UnitGraph.from_widths([3]), "widths must be at least two whole numbers above 0; got [3]."),
        (lambda: UnitGraph.from_widths([3, 0]), "widths must be at least two whole numbers above 0; got [3, 0]."),
        (
            lambda: UnitGraph.from_widths([3, 2], skips=[(1, 0)]),
            "skips must be pairs (from, to) with 0 ≤ from < to ≤ 1",
        ),
        (lambda: UnitGraph.from_widths([3, 2], skips=[(0, 1)]), "edges must be given once; (0, 0) → (1, 0)"),
        (lambda: graph(torch.zeros(4, 3)), "inputs must have shape (batch, 2); got (4, 3)."),
        (lambda: graph.backward_pass(torch.zeros(4, 2), torch.zeros(4)), "must have shape (batch, 1); got (4,)."),
        (lambda: graph.set_weights({("x1", "y"): 1.0}), "UnitGraph: no such edge x1 → y."),
    ):
        with pytest.raises(BadValue) as caught:
            call()
        assert text in str(caught.value)
