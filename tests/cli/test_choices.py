"""Options become tables of the recipe, and every place they name is one the recipe has."""

import inspect
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravine.cli.choices import PLACES, overrides, toml_value
from ravine.cli.fit import fit
from ravine.core.errors import BadValue, Faults
from ravine.train.recipe import Recipe


@pytest.mark.parametrize("option", PLACES)
def test_every_place_is_a_choice_of_the_recipe(option):
    table = Recipe
    *path, last = PLACES[option].split(".")
    for part in path:
        table = table.model_fields[part].annotation
    assert last in table.model_fields


def test_every_option_of_fit_has_a_place_or_another_use():
    others = {"source", "recipe", "assignments", "regularize", "run_dir", "open_report", "quiet", "plain", "_debug"}
    assert set(inspect.signature(fit).parameters) == set(PLACES) | others


def test_only_what_was_given_is_overridden():
    assert overrides(dict.fromkeys(PLACES)) == {}
    assert overrides({"drop": [], "lr": None}) == {}
    assert overrides({"drop": ["a"], "seed": "3", "target": "price"}) == {
        "data": {"drop": ["a"], "target": "price"},
        "seed": 3,
    }


def test_a_column_named_like_a_number_stays_text():
    assert overrides({"target": "2020", "lr": "1e-2"}) == {"data": {"target": "2020"}, "train": {"lr": 0.01}}


def test_assignments_come_last_and_win():
    tables = overrides({"lr": "0.1"}, ["train.lr=0.2", "train.warmup=5%", "seed=7", "train.clip_norm=none"])
    assert tables == {"train": {"lr": 0.2, "warmup": "5%", "clip_norm": None}, "seed": 7}


def test_what_they_give_is_a_recipe_and_all_its_faults_come_at_once():
    given = overrides({"lr": "auto", "epochs": "3", "batch_size": "64", "log": ["tensorboard"]}, ["model.depth=2"])
    recipe = Recipe.of(given)
    assert (recipe.train.lr, recipe.train.epochs, recipe.train.batch_size) == ("auto", 3, 64)
    assert (recipe.model.depth, recipe.keep.log) == (2, ["tensorboard"])
    with pytest.raises(Faults) as caught:
        Recipe.of(overrides({"lr": "-1", "val": "2"}, ["train.momentun=0.9"]))
    assert len(caught.value.faults) == 3
    assert "Did you mean 'momentum'?" in str(caught.value)


@pytest.mark.parametrize(
    ("assignments", "words"),
    [
        (["train"], "must read like train.momentum=0.95; got 'train'"),
        (["=3"], "must read like"),
        (["train..lr=3"], "'train..lr' is no key"),
        ([".=3"], "is no key"),
        (["train=3", "train.lr=3"], "'train.lr' lies inside 'train', which was given a value of its own"),
        (["train.lr=3", "train=3"], "'train' is a table with values of its own"),
    ],
)
def test_an_assignment_that_cannot_be_read_is_refused(assignments, words):
    with pytest.raises(BadValue) as caught:
        overrides({}, assignments)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.95", 0.95),
        ("1e-4", 1e-4),
        ("true", True),
        ('"5"', "5"),
        ("['a', 'b']", ["a", "b"]),
        ("cosine", "cosine"),
        ("5%", "5%"),
        ("a=b", "a=b"),
        ("", ""),
        ("None", None),
        ("1\nother = 2", "1\nother = 2"),
    ],
)
def test_values_are_toml_or_text(text, value):
    assert toml_value(text) == value


@given(st.text())
def test_any_text_is_a_value(text):
    """What TOML reads is what TOML says; anything else is a number, None, or the text itself."""
    found = toml_value(text)
    try:
        read = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        assert found is None or found == text or isinstance(found, int | float)
    else:
        assert list(read) != ["value"] or repr(found) == repr(read["value"]) or text.lower() == "none"


def test_techniques_become_a_table():
    told = ["dropconnect=0.2, augment=light", "mixup", "l1=none"]
    tables = overrides({"lr": "0.1"}, ["regularize.weight-noise.std=0.1"], told)
    assert tables["regularize"] == {
        "dropconnect": 0.2,
        "augment": "light",
        "mixup": True,
        "l1": False,
        "weight-noise": {"std": 0.1},
    }
    assert list(tables["regularize"])[:2] == ["dropconnect", "augment"]


@pytest.mark.parametrize("text", ["", "mixup=", "=0.2", "mixup=0.2,", "mixup,mixup"])
def test_what_is_no_list_of_techniques_is_refused(text):
    with pytest.raises(BadValue, match=r"--regularize: (must read like dropconnect=0\.2,mixup=0\.2|mixup is given)"):
        overrides({}, [], [text])
