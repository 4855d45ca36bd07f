"""Programs of every style: what is written of them is what they did."""

from __future__ import annotations

import math
import warnings
from importlib.util import find_spec

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.optim.optimizer import _global_optimizer_pre_hooks

import ravine
from ravine.watch.instrument import Instrument
from ravine.watch.watcher import Watcher


class Diary(Instrument):
    """Writes down every event."""

    name = "diary"

    def __init__(self):
        self.events = []

    def loss(self, scene, seen):
        self.events.append(("loss", seen.name, round(seen.value.item(), 4), seen.with_gradient))

    def zero_grad(self, scene, owner):
        self.events.append("zero_grad")

    def backward_begin(self, scene, root):
        self.events.append("backward_begin")

    def backward_end(self, scene, root):
        self.events.append("backward_end")

    def clip(self, scene, seen):
        self.events.append(("clip", len(seen.params), seen.limit))

    def step_begin(self, scene, optimizer):
        has = any(p.grad is not None for group in optimizer.param_groups for p in group["params"])
        self.events.append(("step_begin", has))

    def step_end(self, scene, optimizer):
        self.events.append(("step_end", scene.step))

    def scheduler(self, scene, scheduler):
        self.events.append("scheduler")

    def mode(self, scene, module, training):
        self.events.append(("mode", scene.name_of(module), training))


@pytest.fixture
def diary():
    diary = Diary()
    watcher = Watcher(quiet=True, instruments=[diary]).start()
    yield diary.events
    watcher.stop()


@pytest.fixture
def watcher():
    watcher = Watcher(quiet=True).start()
    yield watcher
    watcher.stop()


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(64, 6, generator=generator)
    return inputs, (inputs.sum(1) > 0).long()


def test_the_order_of_a_plain_step(diary, data):
    model = nn.Linear(6, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    model.train()
    optimizer.zero_grad()
    loss = nn.CrossEntropyLoss()(model(data[0]), data[1])
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    optimizer.step()
    scheduler.step()
    assert diary == [
        ("mode", "", True),
        "zero_grad",
        ("loss", "cross_entropy", round(loss.item(), 4), True),
        "backward_begin",
        "backward_end",
        ("clip", 2, 0.5),
        ("step_begin", True),
        ("step_end", 1),
        "scheduler",
    ]


@pytest.mark.parametrize("kind", [torch.optim.LBFGS, torch.optim.Adam])
def test_a_closure_steps_when_its_gradients_are_there(diary, data, kind):
    model = nn.Linear(6, 2)
    optimizer = kind(model.parameters(), lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(data[0]), data[1])
        loss.backward()
        return loss

    optimizer.step(closure)
    names = [event if isinstance(event, str) else event[0] for event in diary]
    assert names[:5] == ["zero_grad", "loss", "backward_begin", "backward_end", "step_begin"]
    assert diary[4] == ("step_begin", True)
    assert diary[-1] == ("step_end", 1)
    assert names.count("step_begin") == names.count("step_end") == 1


def test_a_gan_has_two_curves(watcher):
    torch.manual_seed(0)
    maker, judge = nn.Linear(3, 2), nn.Linear(2, 1)
    of_judge = torch.optim.SGD(judge.parameters(), lr=0.1)
    of_maker = torch.optim.SGD(maker.parameters(), lr=0.01)
    loss_of = nn.BCEWithLogitsLoss()
    judged, made = [], []
    for _ in range(5):
        fake = maker(torch.randn(8, 3))
        of_judge.zero_grad()
        real_loss = loss_of(judge(torch.ones(8, 2)), torch.ones(8, 1))
        fake_loss = loss_of(judge(fake.detach()), torch.zeros(8, 1))
        (real_loss + fake_loss).backward()
        of_judge.step()
        judged.append((real_loss.item() + fake_loss.item()) / 2)
        of_maker.zero_grad()
        loss = loss_of(judge(fake), torch.ones(8, 1))
        loss.backward()
        of_maker.step()
        made.append(loss.item())
    watcher.stop()
    record = watcher.history
    assert record.series("train_loss", "step").values == pytest.approx(judged)
    assert record.series("train_loss_2", "step").values == pytest.approx(made)
    assert set(record.series("lr", "step").values) == {0.1}
    assert set(record.series("lr_2", "step").values) == {0.01}
    assert record.about["optimizers"] == 2
    assert [watcher.scene.name_of(p) for p in (judge.weight, maker.weight)] == ["weight", "Linear2.weight"]


def test_two_optimizers_after_one_backward_pass_share_the_step(watcher, data):
    model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 2))
    optimizers = [torch.optim.SGD(part.parameters(), lr=0.1) for part in model]
    for _ in range(3):
        functional.cross_entropy(model(data[0]), data[1]).backward()
        for optimizer in optimizers:
            optimizer.step()
    assert watcher.steps == 3


@pytest.mark.parametrize("how", ["in place", "data", "gradients asked for"])
def test_parameters_changed_by_hand(watcher, data, how):
    torch.manual_seed(0)
    model = nn.Linear(6, 2)
    losses = []
    for _ in range(6):
        loss = functional.cross_entropy(model(data[0]), data[1])
        losses.append(loss.item())
        if how == "gradients asked for":
            with torch.no_grad():
                for p, gradient in zip(
                    model.parameters(), torch.autograd.grad(loss, list(model.parameters())), strict=True
                ):
                    p -= 0.1 * gradient
            continue
        loss.backward()
        for p in model.parameters():
            if how == "data":
                p.data.add_(p.grad, alpha=-0.1)
            else:
                with torch.no_grad():
                    p -= 0.1 * p.grad
            p.grad = None
    assert watcher.steps == 5  # the last change has nothing after it
    watcher.stop()
    assert watcher.steps == 6
    assert watcher.history.series("train_loss", "step").values == pytest.approx(losses)


def test_accumulated_batches_are_one_step(watcher, data):
    model = nn.Linear(6, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for part in range(4):
        x, y = data[0][part * 16 :][:16], data[1][part * 16 :][:16]
        loss = functional.cross_entropy(model(x), y)
        losses.append(loss.item())
        (loss / 4).backward()
    optimizer.step()
    watcher.stop()
    record = watcher.history
    assert record.series("train_loss", "step").values == pytest.approx([sum(losses) / 4])
    assert record.series("objective", "step").values == pytest.approx([sum(losses) / 4])
    norm = torch.cat([p.grad.flatten() for p in model.parameters()]).norm().item()
    assert record.series("grad_norm", "step").values == pytest.approx([norm])


def test_evaluation_is_weighted_by_rows(watcher, data):
    model = nn.Linear(6, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        model.train()
        functional.cross_entropy(model(data[0]), data[1]).backward()
        optimizer.step()
        model.eval()
        with torch.no_grad():
            for x, y in ((data[0][:50], data[1][:50]), (data[0][50:], data[1][50:])):
                functional.cross_entropy(model(x), y, reduction="sum")
    watcher.stop()
    with torch.no_grad():
        whole = functional.cross_entropy(model(data[0]), data[1]).item()
        right = (model(data[0]).argmax(1) == data[1]).float().mean().item()
    record = watcher.history
    assert record.series("val_loss").values[-1] == pytest.approx(whole)
    assert record.series("val_accuracy").values[-1] == pytest.approx(right)
    assert record.series("val_loss").steps == (1, 2)
    assert record.about["val_rows"] == 64
    assert record.about["classes"] == 2


def test_an_evaluation_with_gradients_nobody_goes_back_from(watcher, data):
    model = nn.Linear(6, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        model.train()
        functional.cross_entropy(model(data[0][:32]), data[1][:32]).backward()
        optimizer.step()
        model.eval()
        last = functional.cross_entropy(model(data[0][32:]), data[1][32:]).item()
    model.train()
    watcher.stop()
    assert watcher.history.series("val_loss").values[-1] == pytest.approx(last)
    assert len(watcher.history.series("train_loss", "step")) == 2


def test_a_loss_written_out_by_hand_is_seen_where_it_is_gone_back_from(watcher, data):
    model = nn.Linear(6, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss = ((model(data[0])[:, 0] - data[1]) ** 2).mean()
    loss.backward()
    optimizer.step()
    watcher.stop()
    assert watcher.history.series("train_loss", "step").values == pytest.approx([loss.item()])


def test_a_loss_that_the_model_returns(watcher, data):
    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(6, 1)

        def forward(self, x, y):
            return {"loss": (self.inner(x)[:, 0] - y).pow(2).mean()}

    model = Whole()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        model(*data)["loss"].backward()
        optimizer.step()
        with torch.no_grad():
            held_out = model(*data)["loss"].item()
    watcher.stop()
    record = watcher.history
    assert record.about["loss"] == "returned"
    assert record.series("val_loss").values[-1] == pytest.approx(held_out)


def test_a_scaled_loss_is_written_unscaled(watcher, data):
    model = nn.Linear(6, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    loss = model(data[0]).pow(2).mean()
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    watcher.stop()
    assert watcher.history.series("train_loss", "step").values == pytest.approx([loss.item()])


def test_nan_is_kept(watcher, data):
    model = nn.Linear(6, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    (functional.cross_entropy(model(data[0]), data[1]) * float("nan")).backward()
    optimizer.step()
    functional.cross_entropy(model(data[0]), data[1]).backward()
    optimizer.step()
    watcher.stop()
    values = watcher.history.series("train_loss", "step").values
    assert math.isfinite(values[0])
    assert math.isnan(values[1])


def test_what_is_compiled_is_left_whole(data):
    torch.manual_seed(0)
    with Watcher(quiet=True).start() as w, warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*global hooks.*")
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        compiled = torch.compile(model, backend="eager", fullgraph=True)
        counted = torch._dynamo.testing.CompileCounter()
        loss_of = torch.compile(lambda x, y: functional.cross_entropy(model(x), y), backend=counted, fullgraph=True)
        losses = []
        for n in range(12):
            optimizer.zero_grad()
            loss = functional.cross_entropy(compiled(data[0]), data[1]) if n % 2 else loss_of(*data)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert w.scene.name_of(model[2].weight) == "2.weight"
    assert counted.frame_count == 1
    assert w.history.series("train_loss", "step").values == pytest.approx(losses)


def test_functional_transforms_and_scripts_are_left_alone(watcher, data):
    def loss(w, x, y):
        return functional.cross_entropy((x @ w)[None], y[None])

    gradients = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(torch.zeros(6, 2), *data)
    assert gradients.shape == (64, 6, 2)
    traced = torch.fx.symbolic_trace(lambda x, y: functional.mse_loss(x, y))
    assert traced(torch.ones(2), torch.zeros(2)) == 1
    assert watcher.steps == 0


def test_nothing_is_left_behind(data):
    before = {
        (owner, name): getattr(owner, name)
        for owner, name in (
            (functional, "cross_entropy"),
            (torch.autograd, "backward"),
            (torch.autograd, "grad"),
            (torch.optim.Optimizer, "zero_grad"),
            (nn.Module, "train"),
            (nn.Module, "parameters"),
            (nn.utils, "clip_grad_norm_"),
            (torch, "compile"),
            (torch.optim.lr_scheduler.StepLR, "step"),
            (torch.utils.data.DataLoader, "__iter__"),
        )
    }
    watcher = Watcher(quiet=True).start()
    assert functional.cross_entropy is not before[functional, "cross_entropy"]
    watcher.stop()
    watcher.stop()
    assert all(getattr(owner, name) is what for (owner, name), what in before.items())
    assert not nn.modules.module._has_any_global_hook()
    assert not _global_optimizer_pre_hooks
    assert "__init_subclass__" not in torch.optim.lr_scheduler.LRScheduler.__dict__


def test_with_a_block_in_code(data, capsys, tmp_path):
    model = nn.Linear(6, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with ravine.watch(model, optimizer, run_dir=tmp_path / "run") as w:
        assert ravine.watch() is w
        for _ in range(30):
            optimizer.zero_grad()
            functional.cross_entropy(model(data[0]), data[1]).backward()
            optimizer.step()
        assert len(w.history.series("train_loss", "step")) >= 29
    assert "30 steps" in capsys.readouterr().err
    assert w.diagnose().findings == tuple(w.findings)
    with pytest.raises(ravine.core.errors.BadRun, match="already holds a record"):
        ravine.watch(run_dir=tmp_path / "run")
    with pytest.raises(ValueError, match=r"watch: overhead must be a share in \(0, 1\); got 2\."):
        ravine.watch(overhead=2)
    with pytest.raises(ValueError, match=r"watch: model must be a torch\.nn\.Module; got 'int'"):
        ravine.watch(3)


LIGHTNING = """
    import warnings; warnings.simplefilter("ignore")
    import logging; logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    import torch, lightning
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    class Net(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
        def training_step(self, batch, _):
            return nn.functional.cross_entropy(self.body(batch[0]), batch[1])
        def validation_step(self, batch, _):
            nn.functional.cross_entropy(self.body(batch[0]), batch[1])
        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=0.01)

    torch.manual_seed(0)
    x = torch.randn(128, 6)
    data = TensorDataset(x, (x[:, 0] > 0).long())
    held_out = TensorDataset(x[:32], (x[:32, 0] > 0).long())
    trainer = lightning.Trainer(max_epochs=4, logger=False, enable_checkpointing=False, enable_progress_bar=False,
                                enable_model_summary=False, accelerator="cpu", gradient_clip_val=0.5)
    net = Net()
    trainer.fit(net, DataLoader(data, 16, shuffle=True), DataLoader(held_out, 16))
    print(net.body[0].weight.double().sum().item())
"""


@pytest.mark.skipif(find_spec("lightning") is None, reason="lightning is not installed")
def test_lightning(program, python, watched, history):
    program(LIGHTNING)
    alone, seen = python("train.py"), watched("train.py")
    assert seen.stdout == alone.stdout, seen.stderr
    record = history()
    assert len(record.series("train_loss", "step")) == 32
    assert len(record.series("val_loss")) >= 4
    assert len(record.series("clipped", "step")) == 32
    assert record.about["classes"] == 2


SKORCH = """
    import numpy as np, torch
    from torch import nn
    from skorch import NeuralNetClassifier
    torch.manual_seed(0)
    x = np.random.default_rng(0).normal(size=(200, 6)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64)
    net = NeuralNetClassifier(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2)), max_epochs=4, verbose=0,
                              criterion=nn.CrossEntropyLoss, lr=0.1, iterator_train__shuffle=True)
    net.fit(x, y)
    print(net.history[-1, "valid_loss"])
"""


@pytest.mark.skipif(find_spec("skorch") is None, reason="skorch is not installed")
def test_skorch(program, watched, history):
    program(SKORCH)
    seen = watched("train.py")
    assert seen.returncode == 0, seen.stderr
    record = history()
    assert record.series("val_loss").values[-1] == pytest.approx(float(seen.stdout))
    assert len(record.series("val_loss")) == 4


@pytest.mark.parametrize("scheduled", [False, True])
def test_models_trained_one_after_another_are_trainings_of_their_own(data, scheduled, tmp_path):
    def train(rate, steps):
        torch.manual_seed(0)
        model = nn.Linear(6, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=rate)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1000) if scheduled else None  # a cycle of references
        for _ in range(steps):
            optimizer.zero_grad()
            functional.cross_entropy(model(data[0]), data[1]).backward()
            optimizer.step()
            if scheduler is not None:
                scheduler.step()

    with ravine.watch(run_dir=tmp_path / "run", quiet=True) as w:
        for n in range(3):
            train(0.1 + n, 20 + n)
    assert [steps for steps, _ in w.past] == [20, 21]
    assert w.steps == 22
    for record in (w.history, ravine.records.history.History.of_run(tmp_path / "run" / "metrics.jsonl")):
        assert set(record.series("lr", "step").values) == {2.1}
        assert len(record.series("lr", "step")) == 22
