"""Event files against TensorBoard's own writer and reader."""

import struct
import warnings

import numpy as np
import pytest

from ravine.core.errors import BadData
from ravine.records.readers import read_histories, read_history
from ravine.records.readers.events import scalars

tensorboard = pytest.importorskip("tensorboard")


@pytest.fixture
def writer():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.utils.tensorboard import SummaryWriter
    return SummaryWriter


@pytest.fixture
def events(tmp_path):
    """Writes events one by one with TensorBoard's protocol buffers."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    def write(rows, folder=tmp_path):
        file = EventFileWriter(str(folder))
        for step, tag, value in rows:
            summary = Summary(
                value=[
                    Summary.Value(
                        tag=tag, **({"tensor": value} if hasattr(value, "dtype") else {"simple_value": value})
                    )
                ]
            )
            file.add_event(Event(step=step, wall_time=1.0, summary=summary))
        file.close()
        return next(folder.glob("*tfevents*"))

    return write


def test_what_torch_writes(tmp_path, writer):
    with writer(str(tmp_path)) as board:
        for step in range(300):
            board.add_scalar("train/loss", 1 / (step + 1), step)
            board.add_scalar("epoch", step // 100, step)
            board.add_scalar("new", 0.5, step, new_style=True)
            if step % 100 == 99:
                board.add_scalar("val/loss", 2 / (step + 1), step)
                board.add_histogram("weights", np.zeros(1000), step)
                board.add_text("note", "words", step)
                board.add_image("picture", np.zeros((3, 8, 8)), step)
    history = read_history(tmp_path)
    assert history.series("train_loss", "step").values == tuple(np.float32(1 / (np.arange(300) + 1)).tolist())
    assert history.series("val_loss").steps == (99, 199, 299)
    assert history.series("new", "step").values == (0.5,) * 300
    assert history.about["steps_per_epoch"] == 100


def test_scalars_agree_with_tensorboards_own_reader(tmp_path, events):
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    draw = np.random.default_rng(0)
    steps = [0, 1, 127, 128, 16384, 2**31, 2**53, 2**62]
    path = events([(step, f"tag-{n % 3}" * (1 + 60 * (n == 4)), float(draw.normal())) for n, step in enumerate(steps)])
    found, fault = scalars(path.read_bytes())
    assert fault == ""
    theirs = {}
    for event in LegacyEventFileLoader(str(path)).Load():
        for value in event.summary.value:
            theirs.setdefault(value.tag, []).append((event.step, value.simple_value))
    assert {tag: list(zip(s.tolist(), v.tolist(), strict=True)) for tag, (s, v) in found.items()} == theirs


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32", "int64", "uint8", "bool"])
def test_tensors_of_one_number(events, dtype, raw):
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.util import tensor_util

    value = np.array(1.5 if dtype.startswith("float") else 1, dtype=dtype)
    tensor = tensor_util.make_tensor_proto(value)
    if raw:
        tensor = TensorProto(dtype=tensor.dtype, tensor_content=value.tobytes())
    vector = tensor_util.make_tensor_proto(np.arange(3, dtype="float32"))
    words = tensor_util.make_tensor_proto("words")
    found, _ = scalars(events([(1, "loss", tensor), (1, "vector", vector), (1, "words", words)]).read_bytes())
    assert {tag: values.tolist() for tag, (_, values) in found.items()} == {"loss": [float(value)]}


def test_keras_counts_epochs_in_folders_of_its_own(tmp_path, events):
    for part in ("train", "validation"):
        (tmp_path / part).mkdir()
        rows = [(epoch, "epoch_loss", 1 / (epoch + 1 + (part == "train"))) for epoch in range(5)]
        rows += [(batch, "evaluation_loss_vs_iterations", 0.5) for batch in range(0, 500, 100)]
        events(rows, tmp_path / part)
    history = read_history(tmp_path)
    assert history.series("train_loss").steps == history.series("val_loss").steps == (0, 1, 2, 3, 4)
    assert history.about["step_unit"] == "epoch"


def test_folders_are_runs_and_add_scalars_is_one(tmp_path, writer):
    for run in ("a", "b"):
        with writer(str(tmp_path / run)) as board:
            for step in range(5):
                board.add_scalars("loss", {"train": 1.0, "val": 2.0}, step)
                board.add_scalar("lr", 0.1, step)
    found = read_histories(tmp_path)
    assert [h.source.rpartition(": ")[2] for h in found] == ["a", "b"]
    assert found[0].series("val_loss").values == (2.0,) * 5
    assert found[0].series("train_loss").values == (1.0,) * 5


@pytest.mark.parametrize("cut", [1, 3, 11, 20, 35])
def test_a_truncated_file_gives_what_is_whole(events, cut):
    data = events([(step, "loss", 0.5) for step in range(20)]).read_bytes()
    found, fault = scalars(data[:-cut])
    assert len(found["loss"][0]) == 19 if cut < 36 else 18
    assert "ends inside a record" in fault


def test_a_damaged_record_is_left_out(events):
    data = bytearray(events([(step, "loss", 0.5) for step in range(20)]).read_bytes())
    place = data.index(b"loss", 200)
    data[place - 1] = 0xFF  # the length of the tag
    found, fault = scalars(bytes(data))
    assert len(found["loss"][0]) == 19
    assert "1 damaged" in fault


def test_a_file_without_scalars(tmp_path, events):
    path = events([])
    with pytest.raises(BadData, match="no loss or metric"):
        read_history(path)
    with pytest.raises(BadData, match="no scalars"):
        read_history(tmp_path)


def test_infinite_lengths_are_no_endless_work():
    header = struct.pack("<Q", 24) + bytes(4) + b"\x09" + bytes(8) + b"\x1a\x0dbrain.Event:2" + bytes(4)
    assert scalars(header + struct.pack("<Q", 2**63) + bytes(40))[1] == "ends inside a record, or is damaged there."
