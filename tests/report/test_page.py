"""The page as text: complete, closed in itself, and harmless; judged by Python's own HTML parser."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ravine.core.errors import BadRun
from ravine.records.folder import RunFolder
from ravine.records.results import Residuals, Results
from ravine.report import write_report
from ravine.report.page import page

KINDS = ["pictures", "regression", "labels", "partial", "empty", "hostile", "crowded"]
_VOID = {"br", "hr", "img", "link", "meta"}


class Page(HTMLParser):
    """Elements in order, each with its attributes; checks that every one is closed."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in ("script", "style"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(params=KINDS)
def any_page(request: pytest.FixtureRequest, run_of: Callable[[str], RunFolder]) -> Page:
    folder = run_of(request.param)
    assert folder.report.stat().st_size < 6_000_000
    return Page(folder.report)


def test_structure_is_sound_for_every_kind_of_run(any_page: Page) -> None:
    ids = Counter(attributes["id"] for _, attributes in any_page.elements if "id" in attributes)
    assert max(ids.values()) == 1
    links = [attributes["href"] for attributes in any_page.all("a")]
    assert links
    assert all(link.startswith("#") and link[1:] in ids for link in links)
    assert all(attributes["aria-labelledby"] in ids for attributes in any_page.all("section"))
    assert all("scope" in attributes for attributes in any_page.all("th"))
    assert all("alt" in attributes for attributes in any_page.all("img"))
    assert all(attributes["aria-label"] for _, attributes in any_page.elements if attributes.get("role") == "img")
    assert len(any_page.all("caption")) == len(any_page.all("table"))
    assert next(tag for tag, _ in any_page.elements if tag in ("h1", "h2")) == "h1"
    assert len(any_page.all("h1")) == 1
    assert any_page.all("html")[0]["lang"] == "en"


def test_nothing_is_fetched_and_nothing_foreign_runs(any_page: Page) -> None:
    for tag, attributes in any_page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "srcset", "action", "data"):
            assert attributes.get(name, "#")[:1] == "#" or attributes[name].startswith("data:"), (tag, attributes)
    kinds = Counter(attributes.get("type", "code") for attributes in any_page.all("script"))
    assert kinds["code"] == 2
    assert set(kinds) <= {"code", "application/json"}
    policy = next(a["content"] for a in any_page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none';")
    assert "unsafe-inline" not in policy.split("style-src")[0]


def test_a_finished_run_tells_everything(run_of: Callable[[str], RunFolder]) -> None:
    text = Page(run_of("pictures").report).text
    for words in (
        "finished",
        "A network (convnet, 29,130 parameters) that tells 10 classes apart, trained on 1,149 of 1,797 pictures.",
        "98.6%",
        "95% interval 96.8% to 99.4%, 360 rows",
        "network +2.8 points",
        "beyond the noise of 360 test rows",
        "shares rows",
        "Drop duplicates, or name the column",
        "30 epochs, 270 steps; the best was epoch 24. Stopped by the end of the schedule.",
        "Stratified by class, seed 0.",
        "Each channel standardized",
        "BatchNorm2d",
        "logistic regression",
        "bfloat16 autocast, 2 threads",
        "no C++ compiler was found",
        "log loss lower is better",
        "expected calibration error",
        "ravine predict",
        "ravine export",
        "ravine.load(",
        'optimizer = "adamw"',
        "7.67 GiB",
    ):
        assert words in text, words


def test_findings_come_first_and_the_gravest_first(run_of: Callable[[str], RunFolder]) -> None:
    page = Page(run_of("pictures").report)
    assert page.all("section")[0]["id"] == "findings"
    grades = [a["class"] for a in page.all("article") if a["class"].startswith("finding")]
    assert grades == ["finding severity-error", "finding severity-warning", "finding severity-note"]


def test_a_regression_shows_residuals_and_importance(run_of: Callable[[str], RunFolder]) -> None:
    page = Page(run_of("regression").report)
    sections = [attributes["id"] for attributes in page.all("section")]
    assert {"residuals", "importance", "mistakes"} <= set(sections)
    assert not {"findings", "confusion", "calibration"} & set(sections)
    for words in (
        "no findings",
        "0.9861",
        "0.9852 to 0.9871",
        "90.3% of the test rows",
        "beats the best baseline",
        "carat",
    ):
        assert words in page.text, words


def specs(folder: RunFolder) -> dict[str, dict[str, object]]:
    found = re.findall(r'data-figure="([^"]+)">(.*?)</script>', folder.report.read_text(encoding="utf-8"))
    return {name: json.loads(spec) for name, spec in found}


def test_the_metric_watched_may_name_its_part(run_of: Callable[[str], RunFolder]) -> None:
    folder = run_of("regression")
    assert "plot-r2" in specs(folder)
    assert "validation R² 0.987" in Page(folder.report).text


@pytest.mark.parametrize("log", [False, True])
def test_the_interval_is_drawn_in_units_of_the_target(fresh: Callable[[str], RunFolder], log: bool) -> None:
    folder = fresh("regression")
    results = Results.read(folder.results)
    assert results.test
    found = Residuals(truth=[1.0, 2.0, 3.0], predicted=[1.5, 2.0, 4.0], interval=0.5, scale=0.2, coverage=0.9, log=log)
    for residuals, traces in ((found, 3), (found.model_copy(update={"scale": None}), 2)):
        results.model_copy(update={"test": results.test.model_copy(update={"residuals": residuals})}).write(
            folder.results
        )
        write_report(folder)
        drawn = specs(folder)["plot-agreement"]["data"]
        assert isinstance(drawn, list)
        assert len(drawn) == traces
        if traces == 3:
            points = list(zip(drawn[0]["x"], drawn[0]["y"], strict=True))
            above, below = points[0], points[-1]
            expected = (math.exp(0.1), math.exp(-0.1)) if log else (1.1, 0.9)
            assert (above[0], below[0]) == (1.0, 1.0)
            assert (above[1], below[1]) == pytest.approx(expected)


def test_a_partial_run_says_so(run_of: Callable[[str], RunFolder]) -> None:
    page = Page(run_of("partial").report)
    for words in (
        "interrupted",
        "Not reached: the end of the training, test.",
        "So far 10 epochs.",
        "Best validation accuracy so far",
        "1 value of the training loss",
        "ravine resume",
    ):
        assert words in page.text, words
    assert "test" not in [attributes["id"] for attributes in page.all("section")]
    assert "ravine predict" not in page.text


def test_a_run_that_has_just_begun_gives_a_page(run_of: Callable[[str], RunFolder]) -> None:
    page = Page(run_of("empty").report)
    assert "still running" in page.text
    assert "Nothing has been read yet." in page.text
    assert {attributes["id"] for attributes in page.all("section")} == {"next", "recipe"}


def test_a_failed_run_and_a_status_of_its_own(fresh: Callable[[str], RunFolder]) -> None:
    folder = fresh("empty")
    Results(status="failed").write(folder.results)
    assert "This run failed" in Page(write_report(folder)).text
    Results(status="paused").write(folder.results)
    assert "paused" in Page(write_report(folder)).text


def test_words_of_the_data_stay_words(run_of: Callable[[str], RunFolder]) -> None:
    page = Page(run_of("hostile").report)
    assert "<script>window.hacked=1</script>" in page.text
    assert "<b>bold</b>" in page.text
    assert "اختبار العمود" in page.text
    assert "\x1b" not in page.text
    assert all(attributes["src"].startswith("data:image/png;base64,") for attributes in page.all("img"))


def test_half_a_character_is_written_as_a_mark(fresh: Callable[[str], RunFolder]) -> None:
    folder = fresh("labels")
    value = json.loads(folder.results.read_text())
    value["data"]["name"] = "half \ud83d"
    folder.results.write_text(json.dumps(value))
    assert "half \ufffd" in Page(write_report(folder)).text


def test_a_thousand_classes_and_five_hundred_columns_are_cut_with_a_word(run_of: Callable[[str], RunFolder]) -> None:
    page = Page(run_of("crowded").report)
    for words in (
        "1,000 classes are too many for a matrix",
        "Shown are 15 of",
        "Shown are 60 of 1,000 classes.",
        "Shown are 60 of 500 columns.",
        "Shown are 100 of 500 columns.",
        "20 findings more in findings.json",
        "mistakes more in results.json",
        "of 3,000 epochs.",
    ):
        assert words in page.text, words
    assert len(page.all("tr")) < 1000


def test_made_without_torch_and_again_the_same(fresh: Callable[[str], RunFolder]) -> None:
    folder = fresh("pictures")
    code = (
        "import sys\n"
        "from ravine.records.folder import RunFolder\n"
        "from ravine.report import summary, write_report\n"
        "from pathlib import Path\n"
        "folder = RunFolder(Path(sys.argv[1]))\n"
        "write_report(folder), summary(folder)\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(folder.path)], check=True)
    once = folder.report.read_bytes()
    write_report(folder)
    assert folder.report.read_bytes() == once


@pytest.mark.parametrize("text", ['{"findings": 3}', '{"findings": [{"symptom": "x"}]}', "[]", '{"findings": [7]}'])
def test_findings_that_are_none_name_their_file(fresh: Callable[[str], RunFolder], text: str) -> None:
    folder = fresh("labels")
    folder.findings.write_text(text)
    with pytest.raises(BadRun, match=r"findings\.json"):
        write_report(folder)


def test_a_page_that_cannot_be_written_names_its_path(fresh: Callable[[str], RunFolder]) -> None:
    folder = fresh("empty")
    folder.report.mkdir()
    with pytest.raises(BadRun, match=r"report\.html: cannot be written"):
        write_report(folder)


def test_curves_over_steps_when_no_epoch_is_counted(fresh: Callable[[str], RunFolder]) -> None:
    folder = fresh("empty")
    rows = [{"kind": "epoch", "step": step, "val_loss": 1 / step, "val_rmse": 1.0 / step} for step in (10, 20, 30)]
    folder.metrics.write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = Page(write_report(folder))
    assert "Best validation RMSE so far" in made.text
    drawn = re.findall(r'data-figure="([^"]+)">(.*?)</script>', folder.report.read_text(encoding="utf-8"))
    assert [name for name, _ in drawn] == ["plot-loss", "plot-rmse"]
    for spec in (json.loads(spec) for _, spec in drawn):
        assert spec["layout"]["xaxis"]["title"]["text"] == "step"
        assert spec["data"][0]["x"] == [10, 20, 30]


def test_class_scores_agree_with_scikit_learn(run_of: Callable[[str], RunFolder]) -> None:
    from sklearn.metrics import precision_recall_fscore_support

    results = Results.read(run_of("pictures").results)
    assert results.test
    truth = [row for row, line in enumerate(results.test.confusion) for number in line for _ in range(number)]
    guess = [column for line in results.test.confusion for column, number in enumerate(line) for _ in range(number)]
    expected = precision_recall_fscore_support(truth, guess)
    shown = run_of("pictures").report.read_text()
    table = re.search(r"<caption>10 classes.*?</table>", shown, re.DOTALL)
    assert table
    rows = re.findall(r"<tr>(<th scope=\"row\".*?)</tr>", table[0])
    assert len(rows) == 10
    for row in rows:
        name, there, recall, precision, f1 = re.findall(r">([\d.,]+)%?<", row)
        place = int(name)
        assert int(there) == expected[3][place]
        for said, known in zip((precision, recall, f1), (e[place] for e in expected[:3]), strict=True):
            assert float(said) == pytest.approx(100 * known, abs=0.0501)


def test_page_is_text_of_the_material_alone(run_of: Callable[[str], RunFolder]) -> None:
    from ravine.report.material import Material

    folder = run_of("labels")
    assert page(Material.of(folder)) == folder.report.read_text(encoding="utf-8")
