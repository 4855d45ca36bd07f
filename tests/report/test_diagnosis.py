"""The page of a diagnosis: evidence on the curves, in a real browser, whatever a log is called."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ravine.diagnose.doctor import Diagnosis, diagnose
from ravine.diagnose.symptom import Abstained
from ravine.records.finding import Finding, Severity
from ravine.records.history import History, Mapped
from ravine.report import write_diagnoses, write_diagnosis
from ravine.report.diagnosis import page
from ravine.report.diagnosis_compare import compared, run_names
from ravine.report.diagnosis_text import diagnosis_text

if TYPE_CHECKING:
    from playwright.sync_api import Browser

EVIL = "<script>window.hacked = 1</script>"


def history(rise: float = 0.04, source: str = "run.csv", *, layers: bool = False) -> History:
    rows: list[dict[str, Any]] = []
    for epoch in range(1, 41):
        val = 0.5 + max(0, epoch - 12) * rise + 0.5 * math.exp(-epoch / 4) + 0.005 * (-1) ** epoch
        accuracy = 0.9 - max(0, epoch - 12) * rise / 4
        values = {
            "train_loss": math.exp(-epoch / 8),
            "val_loss": val,
            "val_accuracy": accuracy,
            "lr": 0.1,
            "grad_norm": 1.0,
        }
        rows.append({"kind": "epoch", "step": 10 * epoch, "epoch": epoch, **values})
        rows += [
            {
                "kind": "layer",
                "step": 10 * epoch,
                "layer": f"fc{n}",
                "depth": n,
                "grad_norm": 10.0 ** (-n),
                "silent": n / 4,
            }
            for n in range(3)
            if layers
        ]
    return History(rows, source)


def spec(html: str, figure: str) -> dict[str, Any]:
    match = re.search(rf'<script type="application/json" data-figure="{figure}">(.*?)</script>', html)
    assert match
    found: dict[str, Any] = json.loads(match[1])
    return found


def test_a_finding_is_drawn_where_it_begins() -> None:
    seen = history()
    found = diagnose(seen)
    finding = found.findings[0]
    assert finding.symptom == "overfits"
    loss = spec(page([seen], [found]), "curve-loss")
    lines = [shape for shape in loss["layout"]["shapes"] if shape["x0"] == shape["x1"]]
    assert [line["x0"] for line in lines] == [f.first_step for f in found.findings]
    assert [note["text"] for note in loss["layout"]["annotations"]] == [f"<b>{n + 1}</b>" for n in range(len(lines))]
    levels = [trace for trace in loss["data"] if trace["mode"] == "lines+text"]
    assert {trace["y"][0] for trace in levels} <= {
        value for value in finding.details.values() if isinstance(value, float)
    }
    assert levels


def test_levels_outside_of_a_figure_are_not_drawn() -> None:
    finding = Finding(
        symptom="overfits",
        severity=Severity.WARNING,
        evidence="e",
        advice="a",
        first_step=100,
        details={"lowest": 50.0, "last": "x"},
    )
    loss = spec(page([history()], [Diagnosis("findings", (finding,), ())]), "curve-loss")
    assert not [trace for trace in loss["data"] if trace["mode"] == "lines+text"]


def test_names_are_the_shortest_that_differ() -> None:
    named = [History([], source) for source in ("/a/x/metrics.csv", "/a/y/metrics.csv")]
    assert run_names(named) == ["x/metrics.csv", "y/metrics.csv"]
    assert run_names([History([], "a.csv"), History([], "a.csv")]) == ["a.csv (1)", "a.csv (2)"]


def test_runs_are_compared_by_their_best() -> None:
    first, second = compared([history(), history(0.0, "other.csv")])[:2]
    assert (first.name, first.higher_is_better) == ("val_loss", False)
    assert (second.name, second.higher_is_better) == ("val_accuracy", True)
    low, other = first.entries
    assert low.best == min(history().series("val_loss").values)
    assert other.difference == pytest.approx((other.best or 0) - (low.best or 0))


def test_the_text_says_consequences_under_their_cause_and_what_to_measure() -> None:
    finding = Finding(
        symptom="diverges",
        severity=Severity.ERROR,
        evidence="E.",
        advice="A.",
        confidence=0.8,
        first_step=7,
        details={"explains": ["stalls", "bounces"]},
    )
    untold = tuple(Abstained(symptom=f"s{n}", why="nothing is written", measure=f"measure {n % 5}") for n in range(20))
    text = diagnosis_text(history(), Diagnosis("findings", (finding,), untold))
    assert "1. error: this run diverges (from step 7, confidence 80%)" in text
    assert "It explains that this run stalls and bounces." in text
    assert "20 symptoms could not be told" in text
    assert text.count("measure ") == 3
    assert (
        diagnosis_text(history(), Diagnosis("findings", (finding,), untold), every=True).count("To tell: measure") == 20
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api")
    where = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if where is None:
        pytest.skip("no browser")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(
            executable_path=where, args=[*arguments, "--disable-component-update", "--disable-sync"]
        )
        yield started
        started.close()


@pytest.mark.parametrize("kind", ["one", "several", "hostile", "empty"])
def test_the_page_in_a_browser(browser: Browser, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "page.html"
    if kind == "several":
        both = [history(), history(0.0, "other.csv", layers=True)]
        write_diagnoses(path, both, [diagnose(one) for one in both])
    elif kind == "hostile":
        evil = History(
            [{"kind": "epoch", "step": n, f"val_{EVIL}": n, "train_loss": n} for n in range(9)], f"/{EVIL}.csv"
        )
        evil.mapping, evil.notes = (Mapped(EVIL, "x", EVIL),), (EVIL,)
        finding = Finding(symptom=EVIL, severity=Severity.ERROR, evidence=EVIL, advice=EVIL, first_step=3)
        write_diagnosis(
            path, evil, Diagnosis("findings", (finding,), (Abstained(symptom=EVIL, why=EVIL, measure=EVIL),))
        )
    else:
        seen = history(layers=True) if kind == "one" else History([])
        write_diagnosis(path, seen, diagnose(seen))
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.goto(path.as_uri())
    for width in (1280, 390):
        opened.set_viewport_size({"width": width, "height": 900})
        opened.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
        opened.wait_for_timeout(400)
        assert opened.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
        assert (
            opened.evaluate(
                "[...document.querySelectorAll('.plot')].filter((p) => !p.querySelector('.main-svg')).length"
            )
            == 0
        )
    assert opened.evaluate("typeof window.hacked") == "undefined"
    ids = opened.evaluate("[...document.querySelectorAll('main [id]:not(svg [id])')].map((e) => e.id)")
    assert len(ids) == len(set(ids))
    assert complaints == []
    opened.close()
