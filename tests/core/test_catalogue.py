"""Catalogues: a mapping that keeps its order and suggests the nearest name."""

import pytest

from ravine.core.catalogue import Catalogue, did_you_mean
from ravine.core.errors import BadValue


@pytest.fixture
def rules():
    return Catalogue("rule", ["sgd", "adam", "adamw"], name=str)


def test_it_is_a_mapping_in_the_order_given(rules):
    assert list(rules) == ["sgd", "adam", "adamw"]
    assert len(rules) == 3
    assert dict(rules) == {"sgd": "sgd", "adam": "adam", "adamw": "adamw"}
    assert rules["adam"] == "adam"
    assert "adam" in rules
    assert "lion" not in rules
    assert rules.get("adam") == "adam"


def test_an_unknown_name_suggests_the_nearest_and_lists_all(rules):
    with pytest.raises(BadValue, match=r"unknown rule 'adem'\. Did you mean 'adam'\? Known: sgd, adam, adamw\."):
        rules["adem"]


def test_nothing_near_suggests_nothing(rules):
    with pytest.raises(BadValue, match=r"^unknown rule 'xyzzy'\. Known:"):
        rules["xyzzy"]


def test_two_members_of_one_name_are_refused():
    with pytest.raises(BadValue, match="'sgd' is given twice"):
        Catalogue("rule", ["sgd", "sgd"], name=str)


def test_did_you_mean_of_nothing():
    assert did_you_mean("adam", []) == ""


def test_hyphens_and_underscores_are_one():
    table = Catalogue("fruit", ["red-apple", "green_pear"], name=str)
    assert table["red_apple"] == "red-apple"
    assert table["green-pear"] == "green_pear"
    assert "red_apple" in table
    assert list(table) == ["red-apple", "green_pear"]
