"""Findings and results: what is written is read back the same; what is foreign is refused."""

import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ravine.core.errors import BadRun
from ravine.records import results as sections
from ravine.records.finding import Finding, Severity, read_findings, write_findings
from ravine.records.results import DataSection, Results, Score, Section

safe_floats = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | safe_floats | st.text()
findings = st.builds(
    Finding,
    symptom=st.text(),
    severity=st.sampled_from(Severity),
    evidence=st.text(),
    advice=st.text(),
    confidence=st.floats(0, 1),
    first_step=st.none() | st.integers(0, 10**9),
    details=st.dictionaries(st.text(), json_values, max_size=3),
)


@given(found=st.lists(findings, max_size=3))
def test_findings_come_back_as_they_went(found, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "findings.json"
    write_findings(path, found)
    assert read_findings(path) == found


def test_findings_not_written_yet_are_none(tmp_path):
    assert read_findings(tmp_path / "findings.json") == []


@pytest.mark.parametrize("content", ["[]", "{}", '{"findings": [{"symptom": "x"}]}', '{"findings": [3]}'])
def test_foreign_findings_are_a_bad_run(tmp_path, content):
    path = tmp_path / "findings.json"
    path.write_text(content)
    with pytest.raises(BadRun, match=r"findings\.json"):
        read_findings(path)


st.register_type_strategy(float, safe_floats)
st.register_type_strategy(int, st.integers(-(2**53), 2**53))
SECTIONS = sorted(
    (kind for kind in vars(sections).values() if isinstance(kind, type) and issubclass(kind, Section)),
    key=lambda kind: kind.__name__,
)


def row_of_mistake(kind):
    """Mistake.row holds any JSON: typing.Any tells hypothesis nothing, so it is told here."""
    if kind is sections.Mistake:
        return st.builds(kind, row=st.dictionaries(st.text(), json_values, max_size=2))
    return st.builds(kind)


@pytest.mark.parametrize("kind", [kind for kind in SECTIONS if kind not in (Section, Results)])
def test_every_section_survives_json(kind):
    @settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(section=row_of_mistake(kind))
    def survives(section):
        assert kind.model_validate(json.loads(section.model_dump_json())) == section

    survives()


def data(**changes) -> DataSection:
    given = {"name": "digits", "origin": "digits", "form": "image", "rows": 9, "task": "classify", "target": "digit"}
    return DataSection(**{**given, **changes})


def test_results_come_back_as_they_went(tmp_path):
    path = tmp_path / "results.json"
    assert Results.read(path) == Results()
    written = Results().with_section(status="done", data=data(target_histogram=[(0.0, 1.0, 3)]))
    written.write(path)
    assert Results.read(path) == written


def test_a_score_that_is_nan_is_written_as_unknown(tmp_path):
    baselines = sections.BaselineSection(
        metric="r2", baselines=[sections.Baseline(name="mean", scores=[Score(name="r2", value=math.nan)])]
    )
    Results(baselines=baselines).write(tmp_path / "results.json")
    again = Results.read(tmp_path / "results.json")
    assert again.baselines is not None
    assert again.baselines.baselines[0].scores[0].value is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[]", "results.json"),
        ('{"status": "done", "future": 1}', r"future: .*another version"),
        ('{"data": {"name": 3}}', r"data\.name: "),
        ("{", "damaged JSON at line 1"),
    ],
)
def test_foreign_results_are_a_bad_run(tmp_path, content, words):
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(BadRun, match=words):
        Results.read(path)
