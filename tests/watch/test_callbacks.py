"""Callbacks tell what hooks cannot know, and nothing twice."""

from __future__ import annotations

import json
from importlib.util import find_spec

import pytest
import torch
from torch import nn

from made.framework_scripts import HUGGING_FACE, LIGHTNING
from ravine.watch.following import Following
from ravine.watch.watcher import Watcher, running

TOLD = """
    import json
    from ravine.records.history import History
    from pathlib import Path
    history = History.of_run(Path("run/metrics.jsonl"))
    print(json.dumps([history.about, list(history.series("val_f1")), len(history.series("val_loss")), len(trained)]))
"""


def answer(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_what_is_measured_beside_loss_and_accuracy():
    following = Following(quiet=True)
    following.begin(nn.Linear(2, 1), total_steps=40, epochs=None)
    following.measured({"val_f1": torch.tensor(0.5), "eval_loss": 1.0, "train_f1": 0.9, "val_auc": float("nan")})
    watcher = following.watcher
    assert running() is watcher
    following.end()
    assert running() is None
    assert watcher.history.about == {"total_steps": 40}
    assert list(watcher.history.of_kind("epoch")) == [{"kind": "epoch", "step": 0, "val_f1": 0.5}]


def test_who_began_before_goes_on():
    with Watcher(quiet=True).start() as watcher:
        following = Following()
        following.begin(None)
        following.end()
        assert running() is watcher


@pytest.mark.slow
@pytest.mark.skipif(find_spec("lightning") is None, reason="lightning is not installed")
def test_lightning(program, python):
    text = LIGHTNING.replace("max_epochs=6,", "max_epochs=6, callbacks=[WatchCallback(run_dir='run', quiet=True)],")
    text = text.replace(
        "def validation_step(self, batch, _):", "def validation_step(self, batch, _):\n        self.log('val_f1', 0.5)"
    )
    program("from ravine.watch.lightning import WatchCallback\n" + text + "\n".join(map(str.strip, TOLD.splitlines())))
    about, scores, losses, _ = answer(python("train.py"))
    assert about["total_steps"] == 264
    assert [score for _, score in scores] == [0.5] * 6
    assert losses == 6


@pytest.mark.slow
@pytest.mark.skipif(find_spec("transformers") is None, reason="transformers is not installed")
def test_hugging_face(program, python):
    text = HUGGING_FACE.replace("eval_dataset=val)", "eval_dataset=val, compute_metrics=lambda _: {'f1': 0.5})")
    text = text.replace(
        "trainer.train()", "trainer.add_callback(WatchCallback(run_dir='run', quiet=True))\ntrainer.train()"
    )
    program(
        "from ravine.watch.huggingface import WatchCallback\n" + text + "\n".join(map(str.strip, TOLD.splitlines()))
    )
    about, scores, losses, _ = answer(python("train.py"))
    assert about["total_steps"] == 250
    assert [score for _, score in scores] == [0.5] * 5
    assert losses == 5
