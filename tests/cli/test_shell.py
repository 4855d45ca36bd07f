"""The shell: exit codes, one clear text for every error, nothing heavy before it is needed."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

import ravine as package
from ravine.cli import main, report
from ravine.core.errors import BadData, Faults

# pydantic is not among them: newer versions of typer read options with it.
HEAVY = ("torch", "numpy", "scipy", "sklearn", "polars", "plotly", "PIL", "lightning_fabric", "torchmetrics")


def loaded_by(*words: str, cwd) -> set[str]:
    """The heavy packages that are loaded when this command has ended."""
    program = f"""
        import sys
        from ravine.cli import main
        code = main({list(words)!r})
        print(code, *(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True, cwd=cwd
    )
    code, *names = done.stderr.split()
    assert code == "0"
    return set(names)


@pytest.mark.parametrize(
    "words", [("--help",), ("--version",), ("fit", "--help"), ("predict", "--help"), ("runs",), ("runs", "--json")]
)
def test_nothing_heavy_is_loaded_to_answer_a_small_question(at, make_run, words):
    make_run("digits-1", results={"status": "done"})
    assert loaded_by(*words, cwd=at) == set()


def test_the_version_is_the_packages(ravine):
    done = ravine("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"ravine {package.__version__}\n", "")


def test_no_words_at_all_show_the_help(ravine):
    bare, helped = ravine(), ravine("--help")
    assert bare.returncode == 0
    assert bare.stdout == helped.stdout
    for verb in (
        "fit",
        "predict",
        "resume",
        "report",
        "runs",
        "export",
        "optimizers",
        "explain",
        "race",
        "diagnose",
        "watch",
    ):
        assert verb in bare.stdout


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            ("fti",),
            "error: unknown verb 'fti'. Did you mean 'fit'? Known: fit, ",
        ),
        (
            ("runs", "--jsn"),
            "error: ravine runs: unknown option '--jsn'. Did you mean '--json'?\nTry: ravine runs --help\n",
        ),
        (("fit", "x", "--epoch", "3"), "error: ravine fit: unknown option '--epoch'. Did you mean '--epochs'?\n"),
        (("export", "x"), "error: ravine export: Missing option '--to'"),
        (("export", "x", "--to", "onx"), "error: export: unknown form 'onx'. Did you mean 'onnx'? Known: pt2, onnx,"),
        (("report", "nix"), "error: nix: no such run. `ravine runs` lists the runs there are.\n"),
        (("resume", "nix"), "error: nix: no such run."),
        (("predict", "nix", "x.csv"), "error: nix: no such run."),
        (("runs", "nix"), "error: nix: no folder of runs."),
        (("fit",), "error: fit: needs a SOURCE. Try: ravine fit digits\n"),
        (("fit", "digits", "--quiet", "--plain"), "error: --quiet and --plain: give one of the two.\n"),
        (("fit", "digits", "--set", "train.lr"), "error: --set: must read like train.momentum=0.95; got 'train.lr'.\n"),
        (("resume", "x", "--minutes", "0"), "error: resume: --minutes must be above 0; got 0.0.\n"),
        (("resume", "x", "--minutes", "ten"), "error: ravine resume: Invalid value for '--minutes'"),
    ],
)
def test_what_cannot_be_used_is_one_text_on_standard_error_and_exit_2(at, capsys, words, text):
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(text)
    assert "Traceback" not in err


def raising(error: BaseException):
    """Stands in for `webbrowser.open` and the like: something deep inside a verb that raises."""

    def fail(*_, **__):
        raise error

    return fail


def test_all_faults_are_printed(monkeypatch, capsys):
    monkeypatch.setattr(report.RunFolder, "open", raising(Faults("recipe.toml", ["a is wrong", "b too"])))
    assert main(["report", "x"]) == 2
    assert capsys.readouterr().err == "error: recipe.toml: 2 faults\n  - a is wrong\n  - b too\n"


def test_debug_shows_the_traceback_before_the_same_text(monkeypatch, capsys):
    monkeypatch.setattr(report.RunFolder, "open", raising(BadData("x.csv: is empty.")))
    assert main(["report", "x", "--debug"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("Traceback (most recent call last):")
    assert err.endswith("\nerror: x.csv: is empty.\n")


@pytest.mark.parametrize(
    "words", [("--debug", "report", "nix"), ("report", "--debug", "nix"), ("report", "nix", "--debug")]
)
def test_debug_may_stand_anywhere(at, capsys, words):
    assert main(words) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_fault_of_ours_is_exit_1_with_a_way_to_report_it(monkeypatch, capsys):
    monkeypatch.setattr(report.RunFolder, "open", raising(ZeroDivisionError("division\nby zero")))
    assert main(["report", "x"]) == 1
    assert capsys.readouterr().err == (
        "error: ZeroDivisionError: division\n"
        "This is a fault of Ravine, not of yours; please report it and add what --debug shows.\n"
    )


def test_ctrl_c_is_exit_130_and_one_line(monkeypatch, capsys):
    monkeypatch.setattr(report.RunFolder, "open", raising(KeyboardInterrupt()))
    assert main(["report", "x"]) == 130
    assert capsys.readouterr().err == "stopped by Ctrl-C.\n"


def test_a_real_interrupt_of_a_real_process(at):
    program = textwrap.dedent(
        """
        import sys, time
        from ravine.cli import main, report
        def wait(*_):
            print("waiting", flush=True)
            time.sleep(60)
        report.RunFolder.open = wait
        sys.exit(main(["report", "x"]))
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=at
    ) as process:
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (130, "stopped by Ctrl-C.\n")


@pytest.mark.parametrize("words", [["runs", "--json"], ["runs"], ["--help"]])
def test_a_reader_that_goes_away_is_no_error_to_speak_of(at, make_run, words):
    for number in range(30):
        make_run(f"run-{number}", results={"status": "done"})
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "ravine", *words], stdout=write, stderr=subprocess.PIPE, text=True, cwd=at, timeout=60
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_can_complete(ravine, shell):
    done = ravine(env={**os.environ, "_RAVINE_COMPLETE": f"source_{shell}"})
    assert done.returncode == 0
    assert "_RAVINE_COMPLETE" in done.stdout


def completed(ravine, words: str) -> list[str]:
    count = len(words.split(" ")) - 1
    more = {"_RAVINE_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(count)}
    return ravine(env={**os.environ, **more}).stdout.split()


def test_verbs_options_forms_and_runs_complete(ravine, make_run):
    make_run("digits-1")
    make_run("wine-1")
    assert completed(ravine, "ravine re") == ["resume", "report"]
    assert "--batch-size" in completed(ravine, "ravine fit --b")
    assert completed(ravine, "ravine export x --to s") == ["state-dict"]
    assert completed(ravine, "ravine report d") == ["digits-1"]
