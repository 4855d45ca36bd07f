"""Text tables, Parquet and JSONL against the csv module and polars; which column becomes what."""

import csv
import datetime
import gzip
import io
import json
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ravine.core.errors import BadData
from ravine.data.raw import Raw, Table
from ravine.data.sources.delimited import read_delimited
from ravine.data.sources.opening import open_source
from ravine.data.sources.settle import MISSING


def written(tmp_path: Path, text: str | bytes, name: str = "t.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def symptoms(raw: Raw) -> list[str]:
    return [finding.symptom for finding in raw.findings]


# ---- reading -------------------------------------------------------------------------------

word = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=8
).map(lambda text: "w" + text)
cell = word | st.builds(
    lambda a, b, c: f"{a}{c}{b}", word, word, st.sampled_from([",", "\n", ";", '"', "\t", "|", " "])
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80)
@given(data=st.data(), delimiter=st.sampled_from(",;\t|"), crlf=st.booleans(), mark=st.booleans())
def test_what_the_csv_module_writes_is_read_back(tmp_path, data, delimiter, crlf, mark) -> None:
    width = data.draw(st.integers(2, 4))
    rows = data.draw(st.lists(st.lists(cell, min_size=width, max_size=width), min_size=1, max_size=6))
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\r\n" if crlf else "\n").writerows(
        [[f"name{k}" for k in range(width)], *rows]
    )
    path = written(tmp_path, (b"\xef\xbb\xbf" if mark else b"") + text.getvalue().encode())
    frame, found = read_delimited(path, delimiter)
    assert frame.columns == [f"name{k}" for k in range(width)]
    assert [list(row) for row in frame.rows()] == rows
    assert found == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.none() | st.floats(allow_nan=False),
            st.none() | st.booleans(),
            st.none() | st.dates(datetime.date(1000, 1, 1)),
            st.sampled_from(["red", "green", "blue"]),
        ),
        min_size=1,
        max_size=30,
    ),
    marker=st.sampled_from(MISSING),
)
def test_types_and_missing_values_come_back(tmp_path: Path, rows: list[tuple], marker: str) -> None:
    names = ["i", "f", "b", "d", "s"]
    kinds = [pl.Int64, pl.Float64, pl.Boolean, pl.Date, pl.String]
    frame = pl.DataFrame(rows, schema=dict(zip(names, kinds, strict=True)), orient="row")
    text = io.StringIO()
    csv.writer(text).writerows([names, *([marker if v is None else v for v in row] for row in rows)])
    back, _ = read_delimited(written(tmp_path, text.getvalue()), None)
    for name, kind in zip(names, kinds, strict=True):
        if frame[name].null_count() < frame.height:
            assert back[name].dtype == kind, (name, back[name])
            assert back[name].to_list() == frame[name].to_list()


@pytest.mark.parametrize(
    ("delimiter", "name"), [(",", "a.csv"), (";", "a.csv"), ("\t", "a.csv"), ("|", "a.txt"), ("\t", "a.tsv")]
)
def test_the_delimiter_is_inferred(tmp_path: Path, delimiter: str, name: str) -> None:
    text = "\n".join(delimiter.join(row) for row in (["a", "b", "c"], ['"x, y; z"', "1", "2.5"], ["n", "3", "4"]))
    frame, _ = read_delimited(written(tmp_path, text, name), None)
    assert frame.rows() == [("x, y; z", 1, 2.5), ("n", 3, 4.0)]


def test_decimal_commas(tmp_path: Path) -> None:
    frame, _ = read_delimited(written(tmp_path, "a;b;c\n1,5;1.234,5;x,1\n-2,25;7;y,2\n;12.345.678,9;z,3\n"), None)
    assert frame.rows() == [(1.5, 1234.5, "x,1"), (-2.25, 7.0, "y,2"), (None, 12345678.9, "z,3")]


def test_decimal_commas_without_names(tmp_path: Path) -> None:
    frame, found = read_delimited(written(tmp_path, "1,5;2,5\n3,5;4,5\n"), None)
    assert frame.rows() == [(1.5, 2.5), (3.5, 4.5)]
    assert [finding.symptom for finding in found] == ["has-no-header"]


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("a,b\n 1, ?\n 2, 3\n", [pl.Int64, pl.Int64]),
        ("a,b\n-,true\n1.5,FALSE\n", [pl.Float64, pl.Boolean]),
        ("a,b\n+1,1e3\n-2,inf\n", [pl.Int64, pl.Float64]),
        ("a,b\n12/31/2020,2020-01-02 03:04:05\n01/02/2021,NA\n", [pl.Date, pl.Datetime("us")]),
        ("a,b\n31.12.2020,2020/12/31\n01.02.2021,2020/01/01\n", [pl.Date, pl.Date]),
        ("a,b\n123456789012345678901234567890,1\n2,18446744073709551615\n", [pl.Float64, pl.Float64]),
        ("a,b\n2020-02-30,x\n2020-02-28,-\n", [pl.String, pl.String]),
    ],
)
def test_usual_spellings(tmp_path: Path, text: str, types: list[pl.DataType]) -> None:
    raw = open_source(written(tmp_path, text.replace("\n", ",0\n").replace(",0\n", ",y\n", 1)), target="y")
    assert list(raw.inputs.frame.schema.values()) == types


def test_a_type_that_changes_far_down_is_seen(tmp_path: Path) -> None:
    rows = [f"{k},{k},2020-01-01,a" for k in range(12_000)] + ["12000,2.5,yesterday,b"]
    frame, _ = read_delimited(written(tmp_path, "n,x,d,c\n" + "\n".join(rows)), None)
    assert frame.dtypes == [pl.Int64, pl.Float64, pl.String, pl.String]
    assert frame.row(-1) == (12_000, 2.5, "yesterday", "b")
    assert frame.row(11_999) == (11_999, 11_999.0, "2020-01-01", "a")


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_ends(tmp_path: Path, ending: str) -> None:
    frame, _ = read_delimited(written(tmp_path, ending.join(["a,b", "1,x", "2,y", ""])), None)
    assert frame.rows() == [(1, "x"), (2, "y")]


def test_blank_lines_and_spreadsheet_tails_are_left_out(tmp_path: Path) -> None:
    raw = open_source(written(tmp_path, "\n\na,b,y\n1,2,3\n\n4,5,6\n,,\n,,\n"))
    assert raw.inputs.frame.rows() == [(1, 2), (4, 5)]
    assert raw.ids.tolist() == [1, 2]
    assert "has-blank-rows" in symptoms(raw)


def test_a_gzipped_table(tmp_path: Path) -> None:
    raw = open_source(written(tmp_path, gzip.compress(b"a,y\n1,2\n3,4\n"), "t.csv.gz"))
    assert raw.targets.tolist() == [2, 4]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("5.1,3.5,Iris-setosa\n4.9,3.0,Iris-setosa\n6.1,2.2,Iris-virginica\n", (5.1, 3.5, "Iris-setosa")),
        ("1,0,3\n4,5,6\n", (1, 0, 3)),
        ("p,x\ne,x\np,y\ne,x\n", ("p", "x")),
        ("b,30.83,?,+\na,58.67,4,+\na,?,5,-\nb,1,2,+\n", ("b", 30.83, None, "+")),
    ],
)
def test_a_table_without_names_gets_some(tmp_path: Path, text: str, first: tuple) -> None:
    frame, found = read_delimited(written(tmp_path, text), None)
    assert frame.row(0) == first
    assert frame.columns == [f"column_{k + 1}" for k in range(len(first))]
    assert [finding.symptom for finding in found] == ["has-no-header"]


@pytest.mark.parametrize(
    "text",
    [
        "country,2019,2020,2021\nfr,1,2,3\nde,4,5,6\n",
        "0,1,2\n7,8,9\n3,1,2\n",
        "a,b\nx,1\ny,2\n",
        "name,kind\njo,x\nal,x\n",
        "country,2019\nfr,5\nde,7\n",
    ],
)
def test_names_stay_names(tmp_path: Path, text: str) -> None:
    frame, found = read_delimited(written(tmp_path, text), None)
    assert frame.columns == text.partition("\n")[0].split(",")
    assert found == []


def test_parquet_and_jsonl_agree_with_csv(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "n": [1, 2, 3],
            "x": [0.5, None, 2.5],
            "c": ["u", "v", None],
            "d": [datetime.date(2020, 1, day) for day in (1, 2, 3)],
            "b": [True, False, None],
            "y": ["p", "q", "p"],
        }
    )
    frame.write_csv(tmp_path / "t.csv")
    frame.write_parquet(tmp_path / "t.parquet")
    (tmp_path / "t.jsonl").write_text("\n".join(json.dumps(row, default=str) for row in frame.to_dicts()))
    raws = [open_source(tmp_path / f"t.{ending}") for ending in ("csv", "parquet", "jsonl")]
    for raw in raws:
        assert isinstance(raw.inputs, Table)
        assert raw.inputs.frame.equals(frame.drop("y"))
        assert raw.targets.tolist() == ["p", "q", "p"]


def test_parquet_types_become_plain(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "cat": pl.Series(["a", "b"], dtype=pl.Categorical),
            "dec": pl.Series(["1.5", "2.5"]).cast(pl.Decimal(10, 2)),
            "dur": [datetime.timedelta(seconds=90), datetime.timedelta(days=1)],
            "time": [datetime.time(0, 0, 1), datetime.time(1)],
            "zone": pl.Series([datetime.datetime(2020, 1, 1), datetime.datetime(2020, 7, 1)]).dt.replace_time_zone(
                "Europe/Berlin"
            ),
            "none": [None, None],
            "y": [1, 2],
        }
    )
    frame.write_parquet(tmp_path / "t.parquet")
    plain = open_source(tmp_path / "t.parquet").inputs.frame
    assert plain.dtypes == [pl.String, pl.Float64, pl.Float64, pl.Float64, pl.Datetime("us"), pl.String]
    assert plain["dur"].to_list() == [90.0, 86400.0]
    assert plain["time"].to_list() == [1.0, 3600.0]
    assert plain["zone"][1] == datetime.datetime(2020, 6, 30, 22)


# ---- roles ---------------------------------------------------------------------------------

PEOPLE = "id,age,city,when,team,score\n" + "".join(
    f"p{k},{20 + k},{'AB'[k % 2]},2020-01-{k + 1:02},t{k // 3},{k * 0.5}\n" for k in range(9)
)


def test_the_last_column_is_the_target_and_said_so(tmp_path: Path) -> None:
    raw = open_source(written(tmp_path, PEOPLE))
    assert raw.target_names == ("score",)
    assert raw.targets.tolist() == [k * 0.5 for k in range(9)]
    assert symptoms(raw) == ["assumes-target", "drops-columns"]
    assert raw.ids.tolist() == [f"p{k}" for k in range(9)]
    assert raw.inputs.frame.columns == ["age", "city", "when", "team"]


def test_every_role_leaves_the_features(tmp_path: Path) -> None:
    raw = open_source(written(tmp_path, PEOPLE), target="age", id="id", group="team", time="when", drop=["city"])
    assert raw.inputs.frame.columns == ["score"]
    assert raw.ids[2] == "p2"
    assert raw.groups.tolist() == ["t0"] * 3 + ["t1"] * 3 + ["t2"] * 3
    assert raw.times.tolist() == [datetime.date(2020, 1, k + 1) for k in range(9)]
    assert symptoms(raw) == ["keeps-time-aside"]


def test_several_targets(tmp_path: Path) -> None:
    raw = open_source(written(tmp_path, "a,u,v\n1,2,3.5\n4,5,6\n"), target=["u", "v"])
    assert raw.target_names == ("u", "v")
    np.testing.assert_array_equal(raw.targets, [[2, 3.5], [5, 6]])
    flags = open_source(written(tmp_path, "a,u,v\n1,true,1\n4,false,0\n"), target=["u", "v"])
    assert flags.targets.tolist() == [[1, 1], [0, 0]]
    assert flags.targets.dtype == np.int64


def test_targets_keep_their_kind(tmp_path: Path) -> None:
    text = "a,n,f,b,s\n1,2,2.5,true,x\n4,5,3,false,y\n"
    kinds = {name: open_source(written(tmp_path, text), target=name).targets for name in "nfbs"}
    assert kinds["n"].dtype == np.int64
    assert kinds["f"].dtype == np.float64
    assert kinds["b"].tolist() == ["true", "false"]
    assert kinds["s"].tolist() == ["x", "y"]


def test_rows_to_predict_need_no_answers(tmp_path: Path) -> None:
    path = written(tmp_path, "id,a,b\nr1,1,long and unique words in every single row of it\nr2,2,x\n")
    raw = open_source(path, target="y", group="g", drop=["z"], need_target=False)
    assert raw.targets is None
    assert raw.target_names == ("y",)
    assert raw.inputs.frame.columns == ["id", "a", "b"]
    assert raw.ids.tolist() == ["r1", "r2"]
    kept = open_source(written(tmp_path, "a,y\n1,2\n3,4\n"), target="y", need_target=False)
    assert kept.targets.tolist() == [2, 4]
    partly = open_source(written(tmp_path, "a,y\n1,2\n3,\n"), target="y", need_target=False)
    assert partly.targets is None
    assert symptoms(partly) == ["misses-answers"]
    assert open_source(written(tmp_path, "a,b\n1,2\n"), need_target=False).inputs.frame.width == 2


def test_columns_that_only_name_rows_go(tmp_path: Path) -> None:
    rows = "".join(f"{k},T{k * 7},{k % 5},{k % 2}\n" for k in range(40))
    raw = open_source(written(tmp_path, ",ticket,kind,y\n" + rows))
    assert raw.inputs.frame.columns == ["kind"]
    assert raw.ids.tolist() == list(range(40))
    dropped = next(finding for finding in raw.findings if finding.symptom == "drops-columns")
    assert "ticket" in dropped.details["columns"]


def test_a_number_column_with_a_stray_word_is_told(tmp_path: Path) -> None:
    rows = [[str(k % 7), f"{k}.25", str(k % 2)] for k in range(40)]
    rows[16][0] = "six"
    raw = open_source(written(tmp_path, "\n".join(",".join(row) for row in [["a", "b", "y"], *rows])), target="y")
    (finding,) = raw.findings
    assert finding.symptom == "mixes-types"
    assert finding.evidence == "column 'a' is text because 1 of 40 values is no number (first: 'six' in data row 17)"
    rows[16][:2] = "6", "much"
    with pytest.raises(BadData, match=r"column 'b' is text because 1 of 40 .*'much' in data row 17.* --drop b"):
        open_source(written(tmp_path, "\n".join(",".join(row) for row in [["a", "b", "y"], *rows])), target="y")


@pytest.mark.parametrize(
    "name", ["id", "ID", "user_id", "userId", "PassengerID", "index", "Unnamed: 0", "rownames", "uuid"]
)
def test_names_that_mean_an_id(tmp_path: Path, name: str) -> None:
    raw = open_source(written(tmp_path, f"{name},a,y\n7,1,0\n9,1,1\n8,2,0\n"), target="y")
    assert raw.inputs.frame.columns == ["a"]
    assert raw.ids.tolist() == [7, 9, 8]


@pytest.mark.parametrize("name", ["paid", "valid", "android", "acid", "humid", "amount"])
def test_names_that_only_end_like_it(tmp_path: Path, name: str) -> None:
    raw = open_source(written(tmp_path, f"{name},a,y\n7,1,0\n9,1,1\n8,2,0\n"), target="y")
    assert raw.inputs.frame.columns == [name, "a"]


def test_many_rows_take_little_longer_than_polars_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = 200_000
    frame = pl.DataFrame({f"x{k}": rng.normal(size=rows) for k in range(5)} | {"y": rng.integers(0, 3, rows)})
    path = tmp_path / "big.csv"
    frame.write_csv(path)

    def seconds(function) -> float:
        start = time.perf_counter()
        function()
        return time.perf_counter() - start

    pairs = [
        (seconds(lambda: open_source(path)), seconds(lambda: pl.read_csv(path, infer_schema_length=10_000)))
        for _ in range(5)
    ]
    assert min(ours for ours, _ in pairs) < 4 * min(theirs for _, theirs in pairs)
