"""The folder of a run: unique, recognized by its recipe, refused with a remedy."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravine.core.errors import BadRun
from ravine.records.folder import RunFolder, slug


def test_two_runs_in_one_second_get_two_folders(tmp_path):
    folders = {RunFolder.create("digits", root=tmp_path).path for _ in range(5)}
    assert len(folders) == 5
    assert all(path.is_dir() and path.parent == tmp_path and path.name.startswith("digits-") for path in folders)


def test_a_named_folder_is_made_with_its_parents_or_taken_when_empty(tmp_path):
    where = tmp_path / "a" / "b"
    assert RunFolder.create("x", where).path == where
    assert RunFolder.create("x", where).path == where


def test_a_folder_that_holds_a_run_is_not_written_over(tmp_path):
    (tmp_path / "recipe.toml").write_text("")
    with pytest.raises(BadRun, match=r"already holds a run.*ravine resume"):
        RunFolder.create("x", tmp_path)


@pytest.mark.parametrize("where", ["path", "root"])
def test_a_place_where_no_folder_can_be_is_one_clear_line(tmp_path, where):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadRun, match=r"cannot be written \(Not a directory\).*another place"):
        RunFolder.create("x", **{where: tmp_path / "file" / "runs"})


def test_a_run_is_opened_by_path_or_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "runs" / "digits-1"
    run.mkdir(parents=True)
    (run / "recipe.toml").write_text("")
    assert RunFolder.open(run).path == run
    assert RunFolder.open("digits-1").path.resolve() == run
    with pytest.raises(BadRun, match=r"no such run\. `ravine runs` lists"):
        RunFolder.open("digits-2")
    with pytest.raises(BadRun, match=r"not a Ravine run \(it has no recipe\.toml\)"):
        RunFolder.open(tmp_path)


def test_every_path_lies_inside(tmp_path):
    folder = RunFolder(tmp_path)
    names = [name for name, value in vars(RunFolder).items() if isinstance(value, property)]
    paths = {name: getattr(folder, name) for name in names}
    assert {"recipe", "metrics", "findings", "environment", "results", "checkpoints", "model", "report"} <= set(paths)
    assert all(path.parent == tmp_path for path in paths.values())
    assert len(set(paths.values())) == len(paths)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("digits", "digits"),
        ("data/My table.csv", "my-table"),
        ("data.py:load", "data"),
        ("pictures/", "pictures"),
        ("", "run"),
        ("...", "run"),
        ("größe.parquet", "gr-e"),
    ],
)
def test_a_source_names_its_runs(source, name):
    assert slug(source) == name


@given(st.text())
def test_a_slug_is_always_a_safe_file_name(text):
    name = slug(text)
    assert name
    assert set(name) <= set(string.ascii_lowercase + string.digits + "-")
