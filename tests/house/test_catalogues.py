"""A new member that is in no catalogue fails here; file = name = command line."""

import ast
import inspect
from pathlib import Path

import pytest

from ravine.core.catalogue import Catalogue
from ravine.data.sources import BUILTINS
from ravine.initialize import SCHEMES
from ravine.models import FAMILIES
from ravine.rules import RULES, WRAPPERS
from ravine.schedules import CATALOGUE as SCHEDULES

KINDS = [
    ("rules", ("Rule", "Wrapper"), {**RULES, **WRAPPERS}),
    ("data/sources", ("Builtin",), BUILTINS),
    ("initialize", ("Scheme",), SCHEMES),
    ("models", ("Family",), FAMILIES),
]


def records_in(tree: ast.Module, kinds: tuple[str, ...]) -> list[str]:
    """Names given to records `NAME = Kind(name="…", …)`, or `replace(OTHER, name="…")`, at the top of a module."""
    names = []
    for node in tree.body:
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in (*kinds, "replace"):
            names += [ast.literal_eval(word.value) for word in value.keywords if word.arg == "name"]
    return names


@pytest.mark.parametrize(("room", "kinds", "catalogue"), KINDS, ids=[room for room, _, _ in KINDS])
def test_every_record_is_in_its_catalogue_under_the_name_of_its_file(trees, room, kinds, catalogue):
    written = {
        name: Path(file).stem
        for file, tree in trees.items()
        if Path(file).parent.as_posix() == room
        for name in records_in(tree, kinds)
    }
    assert set(written) == set(catalogue)
    assert all(name.replace("-", "_") == stem for name, stem in written.items())


def test_every_schedule_is_in_the_catalogue_under_the_name_of_its_file(trees):
    written = {
        Path(file).stem.replace("_", "-")
        for file, tree in trees.items()
        if Path(file).parent.as_posix() == "schedules"
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        and any(isinstance(item, ast.FunctionDef) and item.name == "__call__" for item in node.body)
    }
    parts = {"schedule", "join", "repeat", "scale", "plateau"}  # what a schedule is, made of others, and feedback
    assert written - parts == set(SCHEDULES)


@pytest.mark.parametrize("catalogue", [RULES, WRAPPERS, SCHEDULES, SCHEMES, FAMILIES], ids=lambda known: known.kind)
def test_every_technique_says_where_it_comes_from(catalogue: Catalogue):
    for name, member in catalogue.items():
        assert member.source.authors, name
        assert 1600 < member.source.year < 2100, name
        assert member.source.title, name


@pytest.mark.parametrize("name", RULES)
def test_every_bound_of_a_rule_holds_for_its_default_and_names_a_real_argument(name):
    rule = RULES[name]
    defaults: dict = {}
    for piece in (rule.clock, rule.update):
        for word, parameter in inspect.signature(piece).parameters.items():
            if parameter.kind is parameter.KEYWORD_ONLY:
                defaults.setdefault(word, parameter.default)
    for word, bound in rule.bounds.items():
        assert word in defaults, word
        if isinstance(defaults[word], int | float) and not isinstance(defaults[word], bool):
            assert bound.contains(defaults[word]), word
    assert rule.lr > 0
