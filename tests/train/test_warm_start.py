"""Weights of another training put into a network: what fits, what does not, and what is said of it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ravine import Trainer
from ravine.core.errors import BadRun, BadValue
from ravine.train import warm_start
from ravine.train.warm_start import Weights, schedule_behind

Data = tuple[Tensor, Tensor]


def net(seed: int = 0, hidden: int = 8, outputs: int = 3) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, outputs))


def same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


@pytest.mark.parametrize("form", ["safetensors", "pt", "checkpoint"])
def test_a_file_fills_the_network(tmp_path: Path, form: str) -> None:
    theirs, ours = net(1), net(2)
    path = tmp_path / ("weights.safetensors" if form == "safetensors" else "weights.pt")
    if form == "safetensors":
        save_file(theirs.state_dict(), path)
    else:
        state = theirs.state_dict()
        torch.save(state if form == "pt" else {"epoch": 3, "state_dict": state}, path)
    found = warm_start(ours, path)
    assert same(ours, theirs)
    assert (len(found.same), found.renamed, found.missing, found.extra) == (7 + 2, {}, (), ())
    assert found.words == f"9 of 9 tensors from {path}"


def test_other_prefixes_are_found_by_suffix_and_shape() -> None:
    theirs, ours = net(1), net(2)
    wrapped = {f"module.body.{name}": value for name, value in theirs.state_dict().items()}
    found = warm_start(ours, Weights(wrapped, "there"))
    assert same(ours, theirs)
    assert found.renamed["0.weight"] == "module.body.0.weight"
    assert "9 under another name: 0.weight ← module.body.0.weight" in found.words


def test_what_does_not_fit_is_named_and_left_as_it_was() -> None:
    theirs, ours = net(1, outputs=4), net(2)
    before = copy.deepcopy(ours.state_dict())
    state: dict[str, Tensor] = dict(theirs.state_dict())
    state["0.wieght"] = state.pop("0.weight")  # their spelling
    found = warm_start(ours, Weights(state, "there"))
    assert found.missing == ("0.weight",)
    assert found.extra == ("0.wieght",)
    assert found.other_shape == {"3.weight": ((4, 8), (3, 8)), "3.bias": ((4,), (3,))}
    assert found.faults() == [
        "of other shape: 3.weight (4, 8) there, (3, 8) here, 3.bias (4,) there, (3,) here",
        "not there: 0.weight Did you mean '0.wieght'?",
        "not used: 0.wieght",
    ]
    for name in ("0.weight", "3.weight", "3.bias"):
        assert torch.equal(ours.state_dict()[name], before[name])
    assert torch.equal(ours.state_dict()["0.bias"], state["0.bias"])


def test_two_equally_near_names_are_left_alone() -> None:
    ours = nn.Sequential(nn.Linear(2, 2))
    ours.add_module("free", nn.Linear(2, 2))
    state = {"a.0.weight": torch.ones(2, 2), "b.0.weight": torch.zeros(2, 2), "free.bias": torch.ones(2)}
    found = warm_start(ours, Weights(state, "there"))
    assert found.same == ("free.bias",)
    assert found.renamed == {}
    assert set(found.extra) == {"a.0.weight", "b.0.weight"}


def test_weights_of_another_network_change_nothing() -> None:
    ours = net()
    before = copy.deepcopy(ours)
    with pytest.raises(BadRun, match=r"there: its weights are those of another network: not there: 0\.weight"):
        warm_start(ours, Weights({"stem.kernel": torch.ones(3)}, "there"))
    with pytest.raises(BadRun, match=r"of other shape: 0\.weight \(8, 6\) there, \(8, 5\) here"):
        warm_start(ours, Weights({"0.weight": torch.ones(8, 6)}, "there"))
    assert same(ours, before)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("gone.safetensors", None, "no such file"),
        ("torn.safetensors", b"\x08\x00", "is no safetensors file"),
        ("torn.pt", b"no zip", "no file of tensors alone"),
        ("gone", None, "gone"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    ours = net()
    before = copy.deepcopy(ours)
    with pytest.raises(BadRun, match=words):
        warm_start(ours, path)
    assert same(ours, before)


def test_a_file_with_code_in_it_is_not_run(tmp_path: Path) -> None:
    torch.save(net(), tmp_path / "whole.pt")
    with pytest.raises(BadRun, match=r"no file of tensors alone.*Save model\.state_dict"):
        warm_start(net(), tmp_path / "whole.pt")
    torch.save({"epoch": 3}, tmp_path / "empty.pt")
    with pytest.raises(BadRun, match="holds no tensors by name"):
        warm_start(net(), tmp_path / "empty.pt")


def test_an_unfinished_run_gives_its_newest_snapshot(tmp_path: Path) -> None:
    x, y = torch.randn(64, 5), torch.randint(3, (64,))
    trained = net(1)
    Trainer(trained, epochs=2, batch_size=16, plan="safe", run_dir=tmp_path).fit((x, y))
    (tmp_path / "recipe.toml").write_text("")
    ours = net(2)
    found = warm_start(ours, tmp_path)
    assert found.epochs == 2.0
    assert len(found.same) == 9


def test_the_schedule_goes_on_where_it_ended_or_begins_anew() -> None:
    """Two epochs after three are the last two of five."""
    x, y = torch.randn(64, 5), torch.randint(3, (64,))

    def rates(**choices: Any) -> list[float]:
        seen: list[float] = []
        trainer = Trainer(net(), batch_size=16, lr=0.1, warmup="2 steps", plan="safe", **choices)
        trainer.on("step", lambda trainer: seen.append(trainer.optimizer.param_groups[0]["lr"]))
        trainer.fit((x, y))
        return seen

    assert rates(epochs=2, after_epochs=3) == rates(epochs=5)[12:]
    assert rates(epochs=2)[0] < rates(epochs=2)[1]  # warmed up again
    found = warm_start(net(1), Weights(net(2).state_dict(), "there"))
    assert schedule_behind(found, rewarm=True) == 0.0
    with pytest.raises(BadValue, match="there does not say how long it was trained"):
        schedule_behind(found, rewarm=False)


def test_resumed_on_a_schedule_that_goes_on(tmp_path: Path) -> None:
    x, y = torch.randn(64, 5), torch.randint(3, (64,))

    def trainer(folder: Path | None, resume: bool = False, after: float = 3) -> Trainer:
        return Trainer(
            net(), epochs=4, batch_size=16, lr=0.1, plan="safe", run_dir=folder, resume=resume, after_epochs=after
        )

    def stop(trainer: Trainer) -> None:
        if trainer.step == 6:
            import signal

            trainer.interrupt.asked = signal.SIGINT

    whole = trainer(None)
    whole.fit((x, y))
    assert trainer(tmp_path).on("step", stop).fit((x, y)).interrupted
    again = trainer(tmp_path, resume=True, after=0)  # the snapshot knows
    again.fit((x, y))
    assert same(again.model, whole.model)
