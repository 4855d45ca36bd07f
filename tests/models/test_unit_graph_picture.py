"""The picture of a graph of units: sizes, colours, what is refused."""

from __future__ import annotations

import pytest
import torch

from ravine.core.errors import BadValue
from ravine.models import UnitGraph
from ravine.models.unit_graph_picture import BACK, FORWARD, picture


@pytest.mark.parametrize(
    ("widths", "skips"), [([1, 1], []), ([2, 3, 1], [(0, 2)]), ([1, 1, 1, 1, 1], [(0, 4), (1, 3)])]
)
def test_every_level_has_its_column_and_every_number_its_colour(widths, skips):
    graph = UnitGraph.from_widths(widths, skips=skips, generator=torch.Generator().manual_seed(0))
    image = picture(graph, graph.backward_pass(torch.ones(1, widths[0]), torch.ones(1, widths[-1])))
    narrow = UnitGraph.from_widths([1, 1])
    least = picture(narrow, narrow.backward_pass(torch.ones(1, 1), torch.ones(1, 1)))
    apart = picture(chain := UnitGraph.from_widths([1, 1, 1]), chain.backward_pass(torch.ones(1, 1), torch.ones(1, 1)))
    column = apart.width - least.width
    assert image.width == least.width + (len(widths) - 2) * column
    found = {color for _, color in image.getcolors(1 << 20)}
    assert {FORWARD, BACK} <= found


def test_what_cannot_be_read_is_not_drawn():
    graph = UnitGraph.from_widths([2, 1])
    with pytest.raises(BadValue, match=r"UnitGraph: a pass to draw must be of one row; got 3\."):
        picture(graph, graph.backward_pass(torch.ones(3, 2), torch.ones(3, 1)))
    large = UnitGraph.from_widths([5, 5])
    with pytest.raises(BadValue, match=r"UnitGraph: a graph to draw must have at most 24 edges; got 25\."):
        picture(large, large.backward_pass(torch.ones(1, 5), torch.ones(1, 5)))
