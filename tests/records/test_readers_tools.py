"""JSON, MLflow and folders, as the tools write them."""

import json

import pytest

from ravine.core.errors import BadData
from ravine.records.metrics import MetricsWriter
from ravine.records.readers import READERS, read_histories, read_history

KERAS = {"loss": [2.0, 1.5, 1.0], "val_loss": [2.1, 1.6, 1.4], "accuracy": [0.1, 0.5, 0.6]}
STATE = {
    "max_steps": 40,
    "train_batch_size": 8,
    "log_history": [
        {"epoch": 0.25, "grad_norm": 1.0, "learning_rate": 5e-5, "loss": 2.0, "step": 5},
        {"epoch": 0.5, "grad_norm": 1.0, "learning_rate": 4e-5, "loss": 1.8, "step": 10},
        {"epoch": 0.75, "grad_norm": 1.5, "learning_rate": 3e-5, "loss": 1.6, "step": 15},
        {"epoch": 1.0, "grad_norm": 1.0, "learning_rate": 3e-5, "loss": 1.4, "step": 20},
        {"epoch": 1.0, "eval_loss": 1.5, "eval_accuracy": 0.6, "eval_runtime": 3.0, "step": 20},
        {"epoch": 1.5, "grad_norm": 1.0, "learning_rate": 1e-5, "loss": 1.2, "step": 30},
        {"epoch": 2.0, "grad_norm": 1.0, "learning_rate": 0.0, "loss": 1.0, "step": 40},
        {"epoch": 2.0, "eval_loss": 1.3, "eval_accuracy": 0.7, "eval_runtime": 3.0, "step": 40},
        {"epoch": 2.0, "train_loss": 1.5, "train_runtime": 10.0, "step": 40},
    ],
}


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize(
    "content",
    [
        KERAS,
        {"history": KERAS, "epoch": [0, 1, 2]},
        {name: {str(n): value for n, value in enumerate(values)} for name, values in KERAS.items()},  # pandas
        [dict(zip(KERAS, row, strict=True)) for row in zip(*KERAS.values(), strict=True)],
        {"data": [{"epoch": n, "loss": KERAS["loss"][n], "val": {"loss": KERAS["val_loss"][n]}} for n in range(3)]},
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_json_of_any_shape(tmp_path, content, indent):
    history = read_history(write(tmp_path / "history.json", json.dumps(content, indent=indent)))
    assert history.series("train_loss").values == (2.0, 1.5, 1.0)
    assert history.series("val_loss").values == (2.1, 1.6, 1.4)
    assert history.series("val_loss").steps == (0, 1, 2)


@pytest.mark.parametrize("place", ["trainer_state.json", "checkpoint-40/trainer_state.json"])
def test_a_trainers_state(tmp_path, place):
    path = write(tmp_path / "out" / place, STATE)
    write(tmp_path / "out/checkpoint-9/trainer_state.json", {"log_history": STATE["log_history"][:1]})
    for given in (path, tmp_path / "out"):
        history = read_history(given)
        assert list(history.series("val_loss")) == [(20, 1.5), (40, 1.3)]
        assert list(history.series("val_accuracy")) == [(20, 0.6), (40, 0.7)]
        assert history.series("train_loss", "step").steps == (5, 10, 15, 20, 30, 40)
        assert history.series("train_loss").values == pytest.approx((1.7, 1.1))  # the mean up to each evaluation
        assert list(history.series("lr")) == [(20, 3e-5), (40, 0.0)]  # the rate at it
        assert history.about["total_steps"] == 40
        assert history.about["batch_size"] == 8
        assert history.about["steps_per_epoch"] == 20


def test_damaged_json_gives_the_rows_that_are_whole(tmp_path):
    text = json.dumps(STATE, indent=2)
    history = read_history(write(tmp_path / "trainer_state.json", text[: text.index('"eval_loss": 1.3')]))
    assert history.series("train_loss", "step").values[:4] == (2.0, 1.8, 1.6, 1.4)
    assert "damaged" in history.notes[0]
    with pytest.raises(BadData, match=r"damaged JSON \(line 1"):
        read_history(write(tmp_path / "h.json", '{"loss": [1.0, 0.5, 0.'))


@pytest.mark.parametrize("content", ['{"loss": 0.5}', "[]", "{}", "[1, 2]", '"text"', "[" * 100_000, "1" * 5000])
def test_json_without_a_history(tmp_path, content):
    with pytest.raises(BadData):
        read_history(write(tmp_path / "x.json", content))


def test_json_lines_nested_long_and_torn(tmp_path):
    path = write(
        tmp_path / "a.jsonl",
        '{"step":1,"train":{"loss":2.0}}\n{"step":2,"train":{"loss":1.0},"val":{"loss":1.5}}\n{"step":3,"tr',
    )
    assert list(read_history(path).series("train_loss")) == [(1, 2.0), (2, 1.0)]
    rows = [{"key": key, "value": 1 / step, "step": step} for step in (1, 2, 3) for key in ("train/loss", "val/loss")]
    history = read_history(write(tmp_path / "b.jsonl", "\n".join(map(json.dumps, rows))))
    assert list(history.series("val_loss")) == [(1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))]


def test_weights_and_biases_rows(tmp_path):
    rows = [{"_step": 0, "_runtime": 1.2, "_timestamp": 1.7e9, "train/loss": 2.0}, {"_step": 1, "train/loss": "NaN"}]
    history = read_history(write(tmp_path / "h.json", rows))
    assert str(history.series("train_loss", "step").values) == "(2.0, nan)"


def mlflow(folder, name="run", shift=0.0):
    for metric, values in {"train/loss": (0.9, 0.5), "val_loss": (0.8, 0.6), "system/cpu": (1, 2)}.items():
        lines = "".join(f"170000000000{n} {value + shift} {10 * n}\n" for n, value in enumerate(values))
        write(folder / "metrics" / metric, lines)
    write(folder / "tags/mlflow.runName", name)
    write(folder / "meta.yaml", "run_id: x\n")


def test_mlflow_by_run_by_metric_and_by_experiment(tmp_path):
    mlflow(tmp_path / "mlruns/0/abc", "calm-owl")
    for place in ("mlruns", "mlruns/0/abc", "mlruns/0/abc/metrics"):
        history = read_history(tmp_path / place)
        assert list(history.series("train_loss")) == [(0, 0.9), (10, 0.5)]
        assert "system/cpu" not in history.names()
    assert list(read_history(tmp_path / "mlruns/0/abc/metrics/train/loss").series("train_loss", "step")) == [
        (0, 0.9),
        (10, 0.5),
    ]
    mlflow(tmp_path / "mlruns/0/def", "red-fox", 0.1)
    assert [h.source.rpartition(": ")[2] for h in read_histories(tmp_path / "mlruns")] == ["calm-owl", "red-fox"]


def test_our_own_runs(tmp_path, monkeypatch):
    folder = tmp_path / "runs" / "digits-1"
    folder.mkdir(parents=True)
    writer = MetricsWriter(folder / "metrics.jsonl")
    writer.write({"kind": "epoch", "step": 5, "epoch": 1, "train_loss": 1.0, "val_loss": float("nan")})
    writer.write({"kind": "layer", "step": 5, "layer": "fc", "grad_norm": 2.0})
    writer.write({"kind": "about", "step": 5, "classes": 10})
    writer.close()
    write(
        folder / "results.json",
        {"split": {"train": 80, "val": 20}, "data": {"task": "classification", "classes": ["a", "b"]}},
    )
    monkeypatch.chdir(tmp_path)
    for given in (folder, folder / "metrics.jsonl", "digits-1"):
        history = read_history(given)
        assert history.series("train_loss").values == (1.0,)
        assert list(history.layers("grad_norm")) == ["fc"]
    assert history.about == {"task": "classification", "classes": 10, "train_rows": 80, "val_rows": 20}
    assert history.mapping == ()


def test_a_folder_of_versions_and_a_folder_of_anything(tmp_path):
    for version in (0, 1):
        write(tmp_path / f"lightning_logs/version_{version}/metrics.csv", "epoch,loss\n1,1\n2,0.5\n")
        write(tmp_path / f"lightning_logs/version_{version}/hparams.yaml", "{}")
    assert len(read_histories(tmp_path / "lightning_logs")) == 2
    assert len(read_history(tmp_path / "lightning_logs/version_1").series("train_loss")) == 2
    write(tmp_path / "two/a.csv", "epoch,loss\n1,1\n")
    write(tmp_path / "two/b.csv", "epoch,loss\n1,1\n")
    with pytest.raises(BadData, match=r"several files that may be logs: a.csv, b.csv"):
        read_history(tmp_path / "two")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadData, match="no log was found"):
        read_history(tmp_path / "empty")


def test_every_reader_is_named_after_its_file():
    assert all(reader.read.__module__.endswith(f".{name}") for name, reader in READERS.items())
