"""The report of a transfer: where the data lie in the 2 × 2, what was tried, what learns at which rate."""

from __future__ import annotations

import pytest

from ravine.records.folder import RunFolder
from ravine.records.results import Gain, Known, PartRate, PlanTrial, Results, Score, TransferSection
from ravine.report import write_report

EVIL = "<script>alert(1)</script>"


def section(**more: object) -> TransferSection:
    known: dict[str, object] = {
        "plan": "fine-tune",
        "source": EVIL,
        "auto": True,
        "reason": "0.880 after 2 epochs, linear 0.850",
        "per_class": 375,
        "much": 100,
        "similar": True,
        "pretrained": Known(linear=0.85, neighbours=0.84, logme=-0.298),
        "random": Known(linear=0.81, neighbours=0.75, logme=-0.392),
        "compared": (375, 125),
        "trials": [
            PlanTrial(
                plan="linear", epochs=0, score=Score(name="accuracy", value=0.85, low=0.82, high=0.88), loss=0.35,
                seconds=0.4, words="solved",
            ),
            PlanTrial(
                plan="fine-tune", epochs=2, score=Score(name="accuracy", value=0.88, low=0.85, high=0.91), loss=0.31,
                gain=Gain(name="accuracy", value=0.03, low=0.01, high=0.05), seconds=4.2, chosen=True,
                words="as long as a trial lasts",
            ),
        ],
        "parts": [
            PartRate(name="stem", parameters=80, rate=0.05, words="woken in epoch 3"),
            PartRate(name="head", parameters=325, rate=1.0, words="solved on kept features, then trained"),
        ],
    }  # fmt: skip
    return TransferSection.model_validate(known | more)


def page_of(folder: RunFolder, found: TransferSection) -> str:
    folder.recipe.write_text("seed = 0\n", encoding="utf-8")
    Results(status="done", transfer=found).write(folder.results)
    return write_report(folder).read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path):
    return RunFolder.create("run", tmp_path / "run")


def test_place_trials_and_rates_are_there(folder):
    page = page_of(folder, section())
    for words in (
        "What was kept of the pretrained network",
        "0.880 after 2 epochs, linear 0.850.",
        "375 rows of the rarest class",
        "of 375 training and 125 held rows",
        "-0.392".replace("-", "−"),
        "+3.0 points (95% interval +1.0 points to +5.0 points): a gain beyond noise",
        "woken in epoch 3",
        'id="plot-transfer"',
    ):
        assert words in page
    assert EVIL not in page


@pytest.mark.parametrize(
    ("rows", "similar", "usual"),
    [
        (50, True, "a linear head"),
        (500, True, "fine-tune all of it, the body slowly"),
        (50, False, "the last block too"),
        (500, False, "from scratch"),
    ],
)
def test_the_cell_of_these_data_is_marked(folder, rows, similar, usual):
    page = page_of(folder, section(per_class=rows, similar=similar))
    marked = [cell for cell in page.split("<td") if "these data" in cell]
    assert len(marked) == 1
    assert usual in marked[0]


def test_a_plan_that_was_asked_for_measured_nothing(folder):
    page = page_of(folder, section(auto=False, similar=None, pretrained=None, random=None, trials=[]))
    assert "this plan was asked for" in page
    assert "these data" not in page
    assert 'id="plot-transfer"' not in page
