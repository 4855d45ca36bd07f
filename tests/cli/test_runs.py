"""`ravine runs`: one line a run, newest first, whatever state its files are in."""

import json
import os

import pytest

from ravine.cli import main
from ravine.cli.runs import duration

DONE = {
    "status": "done",
    "data": {"name": "digits"},
    "model": {"name": "convnet"},
    "train": {"epochs": 12, "seconds": 83.4, "metric": "accuracy", "best_value": 0.99},
    "test": {
        "metric": "accuracy",
        "scores": [
            {"name": "log_loss", "value": 0.05},
            {"name": "accuracy", "value": 0.9861, "low": 0.968, "high": 0.995},
        ],
    },
}


def listed(capsys, *words: str) -> list[dict]:
    assert main(["runs", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_no_runs_say_how_to_make_one(at, capsys):
    assert main(["runs"]) == 0
    assert capsys.readouterr().out == "no runs in runs/ yet. Make one: ravine fit digits\n"
    assert listed(capsys) == []


def test_a_finished_run_in_the_table(at, make_run, capsys):
    make_run("digits-1", results=DONE)
    assert main(["runs"]) == 0
    out = capsys.readouterr().out
    header, _, row = [line for line in out.splitlines() if line.strip()]
    assert header.split() == ["run", "data", "model", "status", "metric", "epochs", "time", "started"]
    for word in ("digits-1", "digits", "convnet", "done", "accuracy 0.9861 [0.968, 0.995]", "12", "1 min 23 s"):
        assert word in row


def test_newest_first(at, make_run, capsys):
    for name, age in (("old", 300), ("new", 100), ("middle", 200)):
        recipe = make_run(name, results=DONE) / "recipe.toml"
        when = recipe.stat().st_mtime - age
        os.utime(recipe, (when, when))
    assert [run["name"] for run in listed(capsys)] == ["new", "middle", "old"]


def test_before_the_test_part_the_validation_is_shown(at, make_run, capsys):
    make_run("digits-1", results={**DONE, "status": "interrupted", "test": None})
    (run,) = listed(capsys)
    assert (run["metric"], run["value"], run["low"], run["part"]) == ("accuracy", 0.99, None, "val")
    main(["runs"])
    out = capsys.readouterr().out
    assert "accuracy 0.9900 (val)" in out
    assert "goes on with: ravine resume RUN" in out


def test_a_run_just_begun_has_its_names_from_the_recipe(at, make_run, capsys):
    make_run("digits-1")
    (run,) = listed(capsys)
    assert (run["data"], run["model"], run["status"], run["value"]) == ("digits", "auto", "running", None)


def test_a_run_that_nothing_runs_any_more_is_broken_off(at, make_run, capsys):
    folder = make_run("digits-1", results={"status": "running"})
    for file in folder.iterdir():
        os.utime(file, (1e9, 1e9))
    assert listed(capsys)[0]["status"] == "broken off"


def test_a_quiet_run_whose_process_lives_is_running(at, make_run, capsys):
    from ravine.records.environment import environment

    folder = make_run("digits-1", results={"status": "running"})
    (folder / "environment.json").write_text(json.dumps(environment()))
    for file in folder.iterdir():
        os.utime(file, (1e9, 1e9))
    assert listed(capsys)[0]["status"] == "running"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ({"results": "{"}, "damaged JSON at line 1"),
        ({"results": "[]"}, "a table was expected"),
        ({"results": {"status": "done", "test": {"metric": "accuracy"}}}, "not as this version"),
        ({"results": {"status": "done", "test": {"metric": "accuracy", "scores": []}}}, "not as this version"),
        ({"results": {"train": 3}}, "not as this version"),
        ({"recipe": "data ="}, "not valid TOML"),
        ({"recipe": "data = 3"}, "a table was expected"),
    ],
)
def test_a_damaged_run_is_listed_as_such(at, make_run, capsys, damage, words):
    make_run("good", results=DONE)
    make_run("bad", **damage)
    found = {run["name"]: run for run in listed(capsys)}
    assert found["good"]["status"] == "done"
    assert found["bad"]["status"] == "damaged"
    assert words in found["bad"]["fault"]
    assert main(["runs"]) == 0
    assert words in " ".join(capsys.readouterr().out.split())


def test_folders_that_are_no_runs_are_left_out(at, make_run, capsys):
    make_run("digits-1", results=DONE)
    (at / "runs" / "notes").mkdir()
    (at / "runs" / "file.txt").write_text("")
    assert [run["name"] for run in listed(capsys)] == ["digits-1"]


def test_another_folder_or_one_run_may_be_named(at, make_run, capsys):
    path = make_run("wine-1", results=DONE, root="elsewhere")
    assert [run["name"] for run in listed(capsys, "elsewhere")] == ["wine-1"]
    assert [run["name"] for run in listed(capsys, str(path))] == ["wine-1"]


def test_a_piped_table_cuts_nothing_off(ravine, make_run):
    name = "a-rather-long-name-of-a-run-" + "x" * 40
    make_run(name, results=DONE)
    out = ravine("runs").stdout
    assert name in out
    assert "accuracy 0.9861 [0.968, 0.995]" in out


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 0 s"), (3599.6, "1 h 0 min"), (7200, "2 h 0 min")],
)
def test_durations_round_without_sixty_seconds(seconds, text):
    assert duration(seconds) == text
