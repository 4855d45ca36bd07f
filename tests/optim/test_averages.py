"""Averages of the weights beside torch's, beside the formula, and taken up again."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, get_swa_multi_avg_fn

from ravine.core.errors import BadRun, BadValue
from ravine.core.time import Clockwork
from ravine.optim.averages import AVERAGES, EMA, LAWA, SWA, Average, Averaged, Polyak, parse

RUN = Clockwork(total_steps=40, steps_per_epoch=4, batch_size=8)


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))


def walked(model: nn.Module, steps: int) -> Iterator[int]:
    """A training of random steps; running statistics move too."""
    generator = torch.Generator().manual_seed(1)
    for step in range(1, steps + 1):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype))
            model.train()(torch.randn(8, 5, generator=generator, dtype=next(model.parameters()).dtype))
        yield step


def weights(model: nn.Module) -> Tensor:
    return torch.cat([value.flatten().double() for value in model.state_dict().values()])


def test_polyak_is_torchs_mean() -> None:
    model = net()
    ours = Averaged(model, Polyak().fitted(RUN))
    theirs = AveragedModel(model, multi_avg_fn=get_swa_multi_avg_fn())
    for _ in walked(model, 40):
        ours.update()
        theirs.update_parameters(model)
    for mine, other in zip(ours.module.parameters(), theirs.module.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_ema_is_torchs() -> None:
    model = net()
    ours = Averaged(model, EMA(0.9, warmup=False))
    theirs = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    theirs.update_parameters(model)  # torch copies what it sees first; ours begins with it
    for _ in walked(model, 40):
        ours.update()
        theirs.update_parameters(model)
    for mine, other in zip(ours.module.parameters(), theirs.module.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("how", "taken"),
    [
        (Polyak("25%"), list(range(11, 41))),
        (SWA("50%"), [20, 24, 28, 32, 36, 40]),
        (SWA(30, every=3), [30, 33, 36, 39]),
        (LAWA(3), [32, 36, 40]),
        (LAWA(4, every="7 steps"), [14, 21, 28, 35]),
    ],
)
def test_it_is_the_mean_of_what_the_formula_names(how: Average, taken: list[int]) -> None:
    model = net().double()
    averaged = Averaged(model, how.fitted(RUN))
    seen = {}
    for step in walked(model, 40):
        averaged.update()
        seen[step] = [parameter.detach().clone() for parameter in model.parameters()]
        assert averaged.ready == (averaged.taken > 0)
    assert averaged.steps == 40
    for place, parameter in enumerate(averaged.module.parameters()):
        torch.testing.assert_close(parameter, torch.stack([seen[step][place] for step in taken]).mean(0))


def test_the_decay_rises() -> None:
    assert [1 - EMA(0.99).weight(t) for t in (1, 10, 10_000)] == pytest.approx([2 / 11, 11 / 20, 0.99])


@pytest.mark.parametrize("text", ["0.9", "ema(0.99)", "polyak(start=3 steps)", "swa(start=50%)", "lawa(3)"])
@pytest.mark.parametrize("stop", [1, 9, 23, 30])
def test_resumed_is_bit_identical(text: str, stop: int) -> None:
    how = parse(float(text) if text[0] == "0" else text)
    assert how is not None
    fitted = how.fitted(RUN)
    model = net()
    whole = Averaged(model, fitted)
    state: dict[str, Any] = {}
    again = None
    for step in walked(model, 40):
        whole.update()
        if again is not None:
            again.update()
        if step == stop:
            state = copy.deepcopy(whole.state_dict())
            again = Averaged(model, fitted)
            again.load_state_dict(state)
    assert again is not None
    assert torch.equal(weights(again.module), weights(whole.module))
    assert (again.steps, again.taken) == (whole.steps, whole.taken)


def test_another_kinds_state_is_refused() -> None:
    model = net()
    lawa = Averaged(model, LAWA(3, every=1))
    lawa.update()
    with pytest.raises(BadRun, match="another kind than polyak"):
        Averaged(model, Polyak(0)).load_state_dict(lawa.state_dict())


def test_swas_tail_joins_without_a_gap_and_cycles() -> None:
    def before(t: float) -> float:
        return 1 - t / 40

    held = SWA("75%").fitted(RUN).tail(before)
    assert [held(t) for t in (0, 29, 30, 39)] == [1.0, before(29), before(29), before(29)]
    cyclic = SWA("75%", every=5, rate=0.5, low=0.1).fitted(RUN).tail(before)
    assert [round(cyclic(t), 12) for t in range(29, 36)] == [before(29), 0.42, 0.34, 0.26, 0.18, 0.1, 0.42]
    # weights are taken after the step with the lowest rate
    assert [t for t in range(30, 40) if SWA("75%", every=5).fitted(RUN).due(t + 1)] == [34, 39]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lawa(0)", "lawa: snapshots must be a whole number of at least 1; got 0"),
        ("ema(1)", r"ema: decay must be in \[0, 1\); got 1"),
        ("ema(0.9, warm=1)", "ema: no such argument 'warm'. Did you mean 'warmup'"),
        ("swa(start=soon)", "swa: start: length: a length must read like 100"),
        ("swa(every=0)", "swa: every must be longer than nothing; got 0"),
        ("swa(rate=0.1, low=0.5)", "swa: low must be at most rate, 0.1; got 0.5"),
        ("swag", "unknown average 'swag'. Did you mean 'swa'"),
        ("swa(1", "average: must be a number"),
        ("polyak(1, 2)", "'2' has no place"),
    ],
)
def test_bad_texts_are_refused(text: str, words: str) -> None:
    with pytest.raises(BadValue, match=words):
        parse(text)


def test_an_average_that_begins_after_the_end_is_refused() -> None:
    with pytest.raises(BadValue, match="swa: start must lie within the run of 40 steps; got '50 steps'"):
        SWA("50 steps").fitted(RUN)
    with pytest.raises(BadValue, match="start is '75%' and no number of steps yet"):
        Averaged(net(), SWA())


def test_every_average_has_a_source_and_words() -> None:
    for name, kind in AVERAGES.items():
        assert kind().name == name
        assert kind().told
        assert str(kind.source)
