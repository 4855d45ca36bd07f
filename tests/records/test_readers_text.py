"""Text logs, line by line as programs print them."""

import pytest

from ravine.core.errors import BadData
from ravine.records.readers import read_history


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "train.log"
        path.write_bytes(text.encode())
        return read_history(path)

    return read


def values(history, name, kind="epoch"):
    return history.series(name, kind).values


def test_words_and_numbers(read):
    history = read(
        "starting 2 workers\nepoch 1 loss 0.9 val_acc 60.2%\n"
        "epoch 2 loss 0.6 val_acc 80%\nepoch 3 loss 0.41 val_acc 88.2%\n"
    )
    assert list(history.series("train_loss")) == [(1, 0.9), (2, 0.6), (3, 0.41)]
    assert values(history, "val_accuracy") == pytest.approx((0.602, 0.8, 0.882))


def test_a_number_alone_behind_an_epoch_is_the_loss(read):
    assert values(read("Epoch 1/10 ... 0.523\nEpoch 2/10 ... 0.123\n"), "train_loss") == (0.523, 0.123)


@pytest.mark.parametrize(
    "line",
    [
        "2024-01-01 12:00:00,123 - INFO - epoch={e} train_loss={t} val_loss={v} lr=0.001",
        "[12:00:01] Epoch {e}/2: train loss = {t}, validation loss = {v}, learning rate = 1e-3",
        "Epoch: [{e}/2] | Train: loss {t} acc 0.5 | Val: loss {v} acc 0.4 | lr 0.001",
        "{{'epoch': {e}, 'loss': {t}, 'val_loss': {v}, 'learning_rate': 0.001}}",
        "\x1b[32mEpoch {e}\x1b[0m - loss: {t} - val_loss: {v} - lr: 0.0010",
        "ep {e}: Train Loss: {t} Valid Loss: {v} LR: 1.0e-03",
        "epoch {e} train_loss: tensor({t}, device='cuda:0') val_loss: tensor({v}) lr: 0.001",
    ],
)
def test_lines_of_many_styles(read, line):
    history = read("\n".join(line.format(e=e, t=t, v=v) for e, t, v in ((1, "0.5", "0.6"), (2, "2.5e-1", "nan"))))
    assert list(history.series("train_loss")) == [(1, 0.5), (2, 0.25)]
    assert str(values(history, "val_loss")) == "(0.6, nan)"
    assert values(history, "lr") == pytest.approx((0.001, 0.001))


def test_the_mnist_example_of_pytorch(read):
    lines = []
    for epoch in (1, 2):
        lines += [
            f"Train Epoch: {epoch} [{n}/60000 ({n / 600:.0f}%)]\tLoss: {1 / (epoch + n / 60000):.6f}"
            for n in range(0, 60000, 6400)
        ]
        lines += ["", f"Test set: Average loss: 0.0{6 - epoch}, Accuracy: 98{epoch}0/10000 (98%)", ""]
    history = read("\n".join(lines))
    assert values(history, "val_loss") == (0.05, 0.04)
    assert values(history, "val_accuracy") == pytest.approx((0.981, 0.982))
    assert len(history.series("train_loss", "step")) == 20
    assert len(history.series("train_loss")) == 2


def test_bars_show_running_means_and_their_last_is_the_epochs(read):
    history = read(
        "Epoch 1/2\n\r 1/10 [=>...] - ETA: 0s - loss: 2.3 - accuracy: 0.1\r10/10 [=====] - 3s 1ms/step - loss: 1.9"
        " - accuracy: 0.3 - val_loss: 1.5 - val_accuracy: 0.5\nEpoch 2/2\n\r 1/10 [=>...] - ETA: 0s - loss: 1.3 - "
        "accuracy: 0.4\r10/10 [=====] - 3s 1ms/step - loss: 1.2 - accuracy: 0.55 - val_loss: 1.1 - val_accuracy: 0.6\n"
    )
    assert values(history, "train_loss") == (1.9, 1.2)
    assert values(history, "val_accuracy") == (0.5, 0.6)
    assert history.series("train_loss", "step").steps == (1, 10, 11, 20)


def test_tqdm_counts_batches(read):
    bar = "Epoch {e}: {p}%|███  | {n}/100 [00:10<00:10,  5.0it/s, loss={v}, v_num=0]"
    history = read("\r".join(bar.format(e=e, p=n, n=n, v=1 / (e + n / 100)) for e in (1, 2) for n in (50, 100)))
    assert history.series("train_loss", "step").steps == (50, 100, 150, 200)
    assert "v_num" not in history.names("step")


def test_headings_tell_the_part(read):
    history = read(
        "Epoch 1\nTraining:\n  loss: 0.3\nValidation:\n  loss: 0.5\n"
        "Epoch 2\nTraining:\n  loss: 0.2\nValidation:\n  loss: 0.4\n"
    )
    assert values(history, "train_loss") == (0.3, 0.2)
    assert values(history, "val_loss") == (0.5, 0.4)


def test_steps_and_evaluations_between_them(read):
    lines = [f"iter {n}: loss {4 - n / 100:.4f}, time 30.1ms, mfu 2.00%" for n in range(0, 200, 10)]
    lines[10:10] = ["step 100: train loss 3.1, val loss 3.2"]
    lines += ["step 200: train loss 2.1, val loss 2.2"]
    history = read("\n".join(lines))
    assert list(history.series("val_loss")) == [(100, 3.2), (200, 2.2)]
    assert list(history.series("train_loss")) == [(100, 3.1), (200, 2.1)]
    assert len(history.series("train_loss", "step")) == 20


def test_a_table_of_fastai(read):
    history = read(
        "epoch     train_loss  valid_loss  accuracy  time    \n"
        "0         1.200000    0.900000    0.70  00:10     \n"
        "1         0.800000    0.800000    0.75  00:10     \n"
    )
    assert values(history, "val_accuracy") == (0.7, 0.75)
    assert values(history, "val_loss") == (0.9, 0.8)


def test_text_without_a_training(read):
    with pytest.raises(BadData, match="no loss or metric was found in this text"):
        read("Dear all,\nthe meeting is at 10:30 in room 5.\n")
