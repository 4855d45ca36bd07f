"""`ravine predict` without the command line: from a file to a file, ids and order kept."""

import io
import json
import math

import numpy as np
import polars as pl
import pytest
from PIL import Image
from sklearn.metrics import accuracy_score, r2_score

from ravine.core.errors import BadData, BadRun, BadValue
from ravine.data.raw import Raw
from ravine.fit.model_folder import save_model
from ravine.fit.predict import as_table, open_rows, predict_file
from ravine.train.recipe import Recipe


@pytest.fixture
def run(finished, tmp_path):
    """A run folder that holds a finished model."""

    def of(name, **data):
        folder = tmp_path / f"run-{name}"
        folder.mkdir()
        (folder / "recipe.toml").write_text(Recipe.of({"data": data}).to_toml())
        save_model(folder / "model", finished(name).model)
        return folder

    return of


@pytest.fixture
def flower_rows(finished):
    """Thirty flowers as a table with names and answers, in an odd order."""
    done = finished("flowers")
    rows = np.random.default_rng(0).permutation(len(done.raw))[:30]
    frame = done.raw.inputs.frame[rows].with_columns(
        pl.Series("name", done.raw.ids[rows]), pl.Series("kind", done.raw.targets[rows])
    )
    return (
        frame,
        done.model.predict(Raw(name="", origin="", inputs=done.raw.inputs, targets=None, ids=done.raw.ids)),
        rows,
    )


READERS = {
    "csv": lambda path: pl.read_csv(path),
    "tsv": lambda path: pl.read_csv(path, separator="\t"),
    "parquet": lambda path: pl.read_parquet(path),
    "jsonl": lambda path: pl.read_ndjson(path),
    "json": lambda path: pl.DataFrame([json.loads(line) for line in path.read_text().splitlines()]),
}


@pytest.mark.parametrize("ending", list(READERS))
def test_classes_with_ids_in_order(run, flower_rows, tmp_path, ending):
    frame, expected, rows = flower_rows
    frame.drop("kind").write_csv(tmp_path / "new.csv")
    output = tmp_path / f"out.{ending}"
    said = predict_file(run("flowers", id="name"), str(tmp_path / "new.csv"), output)
    assert said == f"{output}: 30 rows predicted"
    table = READERS[ending](output)
    assert table.columns == ["id", "prediction", "p_iris", "p_rose", "p_tulip"]
    assert table["id"].to_list() == frame["name"].to_list()
    assert table["prediction"].to_list() == expected.labels[rows].tolist()
    np.testing.assert_allclose(table.select("^p_.*$").to_numpy(), expected.probabilities[rows], atol=1e-6)


def test_columns_in_another_order_and_one_too_many(run, flower_rows, tmp_path):
    frame, expected, rows = flower_rows
    frame.select("name", "noise", "colour", pl.lit(1).alias("extra"), "day", "petal").write_csv(tmp_path / "new.csv")
    said = predict_file(run("flowers", id="name"), str(tmp_path / "new.csv"), tmp_path / "out.csv")
    assert "columns the model was not trained on are ignored: extra" in said
    assert pl.read_csv(tmp_path / "out.csv")["prediction"].to_list() == expected.labels[rows].tolist()


def test_a_model_predicts_from_whatever_holds_the_rows(finished, flower_rows, tmp_path):
    frame, expected, rows = flower_rows
    frame.write_csv(tmp_path / "new.csv")
    model = finished("flowers").model
    for data in (tmp_path / "new.csv", str(tmp_path / "new.csv"), frame):
        np.testing.assert_allclose(model.predict(data).probabilities, expected.probabilities[rows], atol=1e-6)


@pytest.mark.parametrize("called", ["kind", "answer"])
def test_answers_in_the_source_are_compared(run, flower_rows, tmp_path, called):
    frame, expected, rows = flower_rows
    frame.rename({"kind": called}).write_parquet(tmp_path / "new.parquet")
    target = None if called == "kind" else called
    said = predict_file(run("flowers", id="name"), str(tmp_path / "new.parquet"), tmp_path / "o.csv", target=target)
    accuracy = accuracy_score(frame["kind"], expected.labels[rows])
    assert f"against the answers there, with 95% intervals: accuracy {100 * accuracy:.1f}% (" in said
    assert "log loss" in said


def test_rows_of_the_training_flatter_and_that_is_said(run, flower_rows, tmp_path):
    source = str(tmp_path / "flowers.csv")
    flower_rows[0].write_csv(source)
    folder = run("flowers", id="name", source=source)
    assert "were trained on, which flatters" in predict_file(folder, source, tmp_path / "out.csv")
    flower_rows[0].write_csv(tmp_path / "other.csv")
    assert "flatters" not in predict_file(folder, str(tmp_path / "other.csv"), tmp_path / "out.csv")


def test_answers_the_model_cannot_know_do_not_stop_it(run, flower_rows, tmp_path):
    frame = flower_rows[0].with_columns(pl.lit("orchid").alias("kind"))
    frame.write_csv(tmp_path / "new.csv")
    said = predict_file(run("flowers", id="name"), str(tmp_path / "new.csv"), tmp_path / "out.csv")
    assert "not compared with the answers there: the target kind holds classes the model does not know" in said
    frame.with_columns(pl.lit(None, dtype=pl.String).alias("kind")).write_csv(tmp_path / "new.csv")
    predict_file(tmp_path / "run-flowers", str(tmp_path / "new.csv"), tmp_path / "out.csv")
    assert pl.read_csv(tmp_path / "out.csv").height == 30


def test_without_output_the_csv_comes_back(run, flower_rows, tmp_path):
    frame, expected, rows = flower_rows
    frame.write_csv(tmp_path / "new.csv")
    text = predict_file(run("flowers", id="name"), str(tmp_path / "new.csv"))
    assert pl.read_csv(io.StringIO(text))["prediction"].to_list() == expected.labels[rows].tolist()
    assert len(text.splitlines()) == 31


def test_numbers_with_intervals(run, finished, tmp_path):
    done = finished("houses")
    frame = done.raw.inputs.frame.with_columns(pl.Series("price", done.raw.targets))
    frame.write_csv(tmp_path / "new.csv")
    said = predict_file(run("houses"), str(tmp_path / "new.csv"), tmp_path / "out.csv")
    table = pl.read_csv(tmp_path / "out.csv")
    assert table.columns == ["id", "prediction", "low", "high"]
    assert table["id"].to_list() == list(range(1, len(frame) + 1))
    np.testing.assert_allclose(table["prediction"], done.model.predict(done.raw).values[:, 0], rtol=1e-6)
    inside = (table["low"].to_numpy() <= done.raw.targets) & (done.raw.targets <= table["high"].to_numpy())
    assert 0.85 < inside.mean() < 0.97
    r2 = r2_score(np.log(done.raw.targets), np.log(table["prediction"]))
    assert f"R² log {r2:.3f}" in said or f"R² log {r2:.2f}" in said


def test_several_targets_and_labels(finished):
    pair = as_table(finished("pairs").model.predict(finished("pairs").raw), finished("pairs").raw.ids)
    assert pair.columns == [
        "id", "prediction_u", "low_u", "high_u", "prediction_v", "low_v", "high_v",
    ]  # fmt: skip
    songs = finished("songs")
    table = as_table(songs.model.predict(songs.raw), songs.raw.ids)
    assert table.columns == ["id", "prediction", "p_slow", "p_loud", "p_sad"]
    for row in table.head(50).iter_rows(named=True):
        there = [name for name in ("slow", "loud", "sad") if row[f"p_{name}"] > 0.5]
        assert row["prediction"] == ", ".join(there)


def test_pictures_from_a_folder_of_any_size(run, finished, tmp_path):
    done = finished("pictures")
    folder = tmp_path / "new"
    folder.mkdir()
    for number in range(12):
        image = Image.fromarray(done.raw.inputs.pixels[number, ..., 0])
        image = image.resize((32, 32), Image.Resampling.NEAREST) if number % 2 else image
        image.convert("RGB" if number % 3 else "L").save(folder / f"{number:02}.png")
    predict_file(run("pictures"), str(folder), tmp_path / "out.csv")
    table = pl.read_csv(tmp_path / "out.csv")
    assert [name.rpartition("/")[2] for name in table["id"]] == [f"{number:02}.png" for number in range(12)]
    assert table["prediction"].to_list() == done.model.predict(done.raw).labels[:12].tolist()


def test_arrays_from_python(finished):
    done = finished("waves")
    values = done.raw.inputs.values[:5]
    for given in (values, done.raw.inputs, done.raw):
        opened = open_rows(done.model, given)
        np.testing.assert_allclose(
            done.model.outputs(opened)[:5], done.model.outputs(done.raw, np.arange(5)), rtol=1e-5
        )
    with pytest.raises(BadData, match=r"the model reads arrays \(rows, length, features\)"):
        done.model.predict(open_rows(done.model, values[:, :6]))


def test_torch_loaders_are_refused(finished):
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    loader = DataLoader(TensorDataset(torch.zeros(3, 2)))
    with pytest.raises(BadData, match="gives torch data sets or loaders"):
        open_rows(finished("waves").model, loader)


def test_bad_rows_are_one_clear_refusal_and_leave_no_file(run, flower_rows, tmp_path):
    folder, frame = run("flowers", id="name"), flower_rows[0]
    output = tmp_path / "out.csv"
    frame.drop("colour").write_csv(tmp_path / "lacking.csv")
    frame.rename({"colour": "color"}).write_csv(tmp_path / "misspelt.csv")
    frame.head(0).write_csv(tmp_path / "headed.csv")
    (tmp_path / "empty.csv").write_text("")
    for name, words in {
        "lacking": "lacks 1 of the 4 columns the model was trained on: 'colour'",
        "misspelt": r"'colour'. Did you mean 'color'\?",
        "headed": "headed.csv: has a line of column names but no rows of data",
        "empty": "empty.csv: the file is empty",
        "absent": "no built-in data set, file or folder",
    }.items():
        with pytest.raises(BadData, match=words):
            predict_file(folder, str(tmp_path / f"{name}.csv"), output)
    with pytest.raises(BadData, match="the model reads a table; got pictures"):
        predict_file(folder, "digits", output)
    assert not output.exists()


def test_bad_outputs_are_refused_before_any_work(run, tmp_path):
    with pytest.raises(BadValue, match=r"out.xlsx: predictions are written as .csv, .* got the ending '.xlsx'"):
        predict_file(tmp_path / "no-run", "nothing.csv", tmp_path / "out.xlsx")
    with pytest.raises(BadRun, match="no such run"):
        predict_file(tmp_path / "no-run", "nothing.csv", tmp_path / "out.csv")


def test_an_output_that_cannot_be_written_is_one_line(run, flower_rows, tmp_path):
    flower_rows[0].write_csv(tmp_path / "new.csv")
    with pytest.raises(BadRun, match=r"nowhere/out.csv: cannot be written \(No such file or directory\)"):
        predict_file(run("flowers", id="name"), str(tmp_path / "new.csv"), tmp_path / "nowhere" / "out.csv")


def test_probabilities_sum_to_one_in_the_file(run, flower_rows, tmp_path):
    flower_rows[0].write_csv(tmp_path / "new.csv")
    text = predict_file(run("flowers", id="name"), str(tmp_path / "new.csv"))
    for line in text.splitlines()[1:]:
        assert math.fsum(float(cell) for cell in line.split(",")[2:]) == pytest.approx(1.0, abs=1e-5)
