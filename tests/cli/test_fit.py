"""`ravine fit` and its kin hand over what was typed, and nothing else."""

import sys
import types
import webbrowser
from pathlib import Path
from types import SimpleNamespace

import pytest

from ravine.cli import main


@pytest.fixture
def calls(at, monkeypatch) -> list:
    """Calls of the functions that do the work, which are replaced: what is under test is the command line."""
    made: list = []
    done = SimpleNamespace(report=at / "report.html", status="done")

    def stand_in(module: str, name: str, answer: object) -> None:
        room = types.ModuleType(module)

        def record(*words, **options):
            made.append((name, words, options))
            return answer

        setattr(room, name, record)
        monkeypatch.setitem(sys.modules, module, room)

    stand_in("ravine.fit.fit", "fit", done)
    stand_in("ravine.fit.resume", "resume", done)
    stand_in("ravine.fit.predict", "predict_file", "3 rows → out.csv")
    stand_in("ravine.fit.export", "export", Path("model.onnx"))
    stand_in("ravine.report.page", "write_report", at / "report.html")
    monkeypatch.setattr(webbrowser, "open", lambda url: made.append(("browser", (url,), {})) or True)
    return made


def test_a_bare_fit_overrides_nothing(calls):
    assert main(["fit", "digits"]) == 0
    assert calls == [("fit", ("digits",), {"recipe": None, "overrides": {}, "run_dir": None, "show": "auto"})]


def test_options_become_overrides(calls):
    words = (
        "fit a.csv --target y --drop a --drop b --id n --lr 0.1 --seed 4 --set train.momentum=0.95 --log tensorboard"
    )
    assert main([*words.split(), "--plain", "--run-dir", "here"]) == 0
    ((_, (source,), options),) = calls
    assert source == "a.csv"
    assert options["overrides"] == {
        "data": {"target": "y", "drop": ["a", "b"], "id": "n"},
        "train": {"lr": 0.1, "momentum": 0.95},
        "keep": {"log": ["tensorboard"]},
        "seed": 4,
    }
    assert (options["show"], options["run_dir"]) == ("plain", Path("here"))


def test_several_targets_are_a_list(calls):
    main(["fit", "a.csv", "--target", "y", "--target", "z"])
    assert calls[0][2]["overrides"] == {"data": {"target": ["y", "z"]}}


def test_the_source_may_come_from_the_recipe(calls, at, capsys):
    (at / "r.toml").write_text('[data]\nsource = "wine"\n')
    assert main(["fit", "--recipe", "r.toml"]) == 0
    assert calls[0][1] == ("wine",)
    assert calls[0][2]["recipe"] == Path("r.toml")
    (at / "r.toml").write_text("seed = 1\n")
    assert main(["fit", "--recipe", "r.toml"]) == 2
    assert capsys.readouterr().err == "error: r.toml: names no source. Give one: ravine fit SOURCE --recipe r.toml\n"
    assert main(["fit", "--recipe", "gone.toml"]) == 2
    assert capsys.readouterr().err == "error: gone.toml: no such recipe.\n"


def test_open_shows_the_report(calls, at):
    main(["fit", "digits", "--open", "--quiet"])
    assert calls[0][2]["show"] == "quiet"
    assert calls[1] == ("browser", ((at / "report.html").as_uri(),), {})


def test_resume_goes_on_with_the_run(calls, make_run):
    path = make_run("digits-1")
    assert main(["resume", str(path), "--minutes", "2", "-q"]) == 0
    assert calls == [("resume", (path,), {"show": "quiet", "minutes": 2.0})]


def test_predict_says_what_it_did(calls, make_run, capsys):
    path = make_run("digits-1")
    assert main(["predict", str(path), "new.csv", "-o", "out.csv", "--target", "y"]) == 0
    assert calls == [("predict_file", (path, "new.csv", Path("out.csv")), {"target": "y"})]
    assert capsys.readouterr().out == "3 rows → out.csv\n"


def test_predictions_on_standard_output_end_with_one_line_end(calls, make_run, monkeypatch, capsys):
    monkeypatch.setattr(sys.modules["ravine.fit.predict"], "predict_file", lambda *_, **__: "id,prediction\n1,a\n")
    assert main(["predict", str(make_run("digits-1")), "new.csv"]) == 0
    assert capsys.readouterr().out == "id,prediction\n1,a\n"


def test_export_prints_the_file(calls, make_run, capsys):
    path = make_run("digits-1")
    assert main(["export", str(path), "--to", "onnx"]) == 0
    assert calls == [("export", (path, "onnx", None), {})]
    assert capsys.readouterr().out == "model.onnx\n"


def test_report_prints_the_page(calls, make_run, at, capsys):
    path = make_run("digits-1")
    assert main(["report", str(path), "--open"]) == 0
    assert calls[0][1][0].path == path
    assert calls[1][0] == "browser"
    assert capsys.readouterr().out == f"{at / 'report.html'}\n"


def test_an_interrupted_training_has_said_so_itself(calls, at, capsys, monkeypatch):
    stopped = SimpleNamespace(report=at / "report.html", status="interrupted")
    monkeypatch.setattr(sys.modules["ravine.fit.fit"], "fit", lambda *_, **__: stopped)
    assert main(["fit", "digits", "--open"]) == 130
    assert capsys.readouterr() == ("", "")
    assert calls == []
