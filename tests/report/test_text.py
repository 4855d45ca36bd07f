"""The few lines at the end of a run."""

from __future__ import annotations

from collections.abc import Callable

from ravine.records.folder import RunFolder
from ravine.report import summary


def test_a_finished_run(run_of: Callable[[str], RunFolder]) -> None:
    folder = run_of("pictures")
    lines = summary(folder).splitlines()
    assert lines[0] == (
        "digits: A network (convnet, 29,130 parameters) that tells 10 classes apart,"
        " trained on 1,149 of 1,797 pictures."
    )
    assert "  test       accuracy 98.6% (95% interval 96.8% to 99.4%)" in lines
    assert "  baselines  logistic regression 95.8%, majority class 10.3%" in lines
    assert "  finding    x shares-rows: 3 rows of the training part are in the test part as well." in lines
    assert f"  report     {folder.report}" in lines
    assert lines[-1] == f"  next       ravine predict {folder.path} DATA -o predictions.csv"


def test_a_partial_run_says_how_to_go_on(fresh: Callable[[str], RunFolder]) -> None:
    folder = fresh("partial")
    text = summary(folder)
    assert f"  status     interrupted; go on with: ravine resume {folder.path}" in text
    assert "report.html" not in text
    assert "predict" not in text


def test_nothing_yet(fresh: Callable[[str], RunFolder]) -> None:
    assert summary(fresh("empty")).startswith("empty: nothing was read yet.\n")


def test_many_findings_are_cut_with_a_word(run_of: Callable[[str], RunFolder]) -> None:
    assert "115 findings more in the report" in summary(run_of("crowded"))


def test_no_terminal_codes_pass(run_of: Callable[[str], RunFolder]) -> None:
    text = summary(run_of("hostile"))
    assert not set("\x1b\x00\u202e\r\t") & set(text)
    text.encode()
