"""The small words of the ground floor: shapes, citations, rooms that can be called."""

import json
import sys
import types

from hypothesis import given
from hypothesis import strategies as st

from ravine.core.shapes import InputShape
from ravine.core.sources import Source
from ravine.core.verbs import make_callable

counts = st.integers(0, 1000)


@given(
    st.builds(
        InputShape,
        form=st.sampled_from(["table", "image", "sequence"]),
        numeric=counts,
        cardinalities=st.lists(counts).map(tuple),
        channels=counts,
        height=counts,
        width=counts,
        length=counts,
        features=counts,
    )
)
def test_a_shape_survives_json(shape):
    assert InputShape.from_json(json.loads(json.dumps(shape.to_json()))) == shape


def test_a_citation_prints_what_it_knows():
    assert str(Source("Polyak", 1964, "Some methods")) == 'Polyak 1964, "Some methods"'
    assert str(Source("Polyak", 1964, "Some methods", where="USSR CMMP 4")).endswith('", USSR CMMP 4')
    assert Source("Polyak", 1964, "Some methods").link == ""
    assert Source("Kingma", 2015, "Adam", arxiv="1412.6980").link == "https://arxiv.org/abs/1412.6980"


def test_a_room_can_be_called_and_stays_a_module(monkeypatch):
    room = types.ModuleType("a_room")
    monkeypatch.setitem(sys.modules, "a_room", room)
    make_callable("a_room", "math:hypot")
    assert room(3, 4) == 5.0
    assert isinstance(room, types.ModuleType)
