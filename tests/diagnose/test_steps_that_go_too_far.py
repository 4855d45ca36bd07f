"""Rates, batches and spikes, as successive gradients show them: beside each fault its nearest healthy history."""

import math
import random

import pytest

from ravine.diagnose.agreement import agreement, pairs
from ravine.diagnose.symptoms.batch_too_small import batch_too_small
from ravine.diagnose.symptoms.bounces import bounces
from ravine.diagnose.symptoms.decays_too_late import decays_too_late
from ravine.diagnose.symptoms.diverges import diverges
from ravine.diagnose.symptoms.needs_clipping import needs_clipping
from ravine.diagnose.symptoms.starts_too_hot import starts_too_hot
from ravine.records.finding import Finding
from ravine.records.history import History

ABOUT = {"kind": "about", "step": 0, "loss": "cross_entropy", "task": "classification", "classes": 10}


def descent(*, rate, rows=50, steps=300, noise=1.0, last=None, seed=0, warmup=0):
    """Gradient descent on L = ½ Σ λ·w², λ from 1 down to 0.05 in 40 directions, with the noise of a batch: all rows.

    A rate above 1 leads beyond the lowest point along the steepest direction, above 2 it diverges.
    """
    draw = random.Random(seed)
    slopes = [0.05 ** (place / 39) for place in range(40)]
    w = [draw.gauss(0, 1.5) for _ in slopes]
    table = [{**ABOUT, "batch_size": rows}]
    gradients, moves = [], []
    for step in range(steps):
        now = rate * min(1.0, (step + 1) / warmup) if warmup else rate
        now *= 0.05 if last is not None and step >= last * steps else 1.0
        gradient = [k * x + draw.gauss(0, noise * math.sqrt(k / rows)) for k, x in zip(slopes, w, strict=True)]
        loss = 0.1 + 0.5 * sum(k * x * x for k, x in zip(slopes, w, strict=True))
        moves.append([-now * g for g in gradient])
        gradients.append(gradient)
        w = [x + m for x, m in zip(w, moves[-1], strict=True)]
        table.append({"kind": "step", "step": step, "train_loss": loss, "lr": now})
    for step in range(1, steps, 8):
        before, after, moved = gradients[step - 1], gradients[step], moves[step - 1]
        table.append(
            {
                "kind": "gradients",
                "step": step,
                "apart": 1,
                "rows": rows,
                "rows_before": rows,
                "dot": dot(before, after),
                "norm": math.sqrt(dot(after, after)),
                "norm_before": math.sqrt(dot(before, before)),
                "moved": math.sqrt(dot(moved, moved)),
                "slope_before": dot(before, moved),
                "slope": dot(after, moved),
            }
        )
    return History(table)


def dot(a, b):
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


def test_the_noise_scale_is_that_of_the_closed_form():
    """At a rate of nothing the weights stay: |G|² and tr Σ are known."""
    rows, noise = 20, 3.0
    history = descent(rate=1e-9, rows=rows, noise=noise, steps=4000)
    draw = random.Random(0)
    slopes = [0.05 ** (place / 39) for place in range(40)]
    square = sum((k * draw.gauss(0, 1.5)) ** 2 for k in slopes)
    expected = noise**2 * sum(slopes) / square
    said = agreement(pairs(history))
    value, low, high = said.noise_scale
    assert low < expected < high
    assert value == pytest.approx(expected, rel=0.2)
    assert said.rows == rows


def test_what_a_step_leaves_of_its_slope():
    """Along one direction of curvature λ a step of rate η leaves 1 − ηλ of the slope."""
    rows = [
        {"kind": "gradients", "step": step, "apart": 1, "dot": 0.4, "norm": 1.0, "norm_before": 1.0, "moved": 1.4,
         "slope_before": -1.4 - 0.01 * step, "slope": 0.4 * (1.4 + 0.01 * step)}
        for step in range(10)
    ]  # fmt: skip
    said = agreement(pairs(History(rows)))
    assert said.left.value == pytest.approx(-0.4)
    assert said.overshooting.value == 1
    assert said.too_far > 3
    assert agreement(pairs(History(rows[:5]))) is None


def test_damaged_rows_are_left_out():
    whole = next(iter(descent(rate=0.1, steps=20).of_kind("gradients")))
    for name in ("dot", "norm", "norm_before", "moved", "slope_before"):
        assert pairs(History([{**whole, name: math.nan}])) == []
        assert pairs(History([{key: value for key, value in whole.items() if key != name}])) == []
    apart = {key: value for key, value in whole.items() if key != "slope"}
    assert pairs(History([{**apart, "apart": 9}]))[0].after is None


@pytest.mark.parametrize("seed", range(5))
def test_steps_too_long_from_the_first_on_bounce(seed):
    assert isinstance(bounces(descent(rate=1.85, seed=seed)), Finding)
    assert not isinstance(bounces(descent(rate=0.5, seed=seed)), Finding)  # it comes to rest on a floor as well
    assert not isinstance(bounces(descent(rate=1.0, seed=seed)), Finding)
    assert not isinstance(bounces(descent(rate=1.85, seed=seed, last=0.6)), Finding)  # the schedule ends low
    resumed = [{"kind": "about", "step": 0, "resumed": True}, *descent(rate=1.85, seed=seed).rows]
    assert not isinstance(bounces(History(resumed)), Finding)


@pytest.mark.parametrize("seed", range(5))
def test_a_rate_that_falls_in_the_last_steps_alone(seed):
    assert isinstance(decays_too_late(descent(rate=1.85, seed=seed, last=0.95)), Finding)
    # warmup, a stable part that descends, and a short decay
    assert decays_too_late(descent(rate=0.1, seed=seed, last=0.9, warmup=20)) is None


@pytest.mark.parametrize("seed", range(5))
def test_few_rows_that_do_not_agree_are_too_few(seed):
    assert isinstance(batch_too_small(descent(rate=0.02, rows=2, noise=4.0, seed=seed)), Finding)
    assert batch_too_small(descent(rate=0.02, rows=2, noise=0.3, seed=seed)) is None  # they agree
    assert batch_too_small(descent(rate=0.02, rows=50, noise=20.0, seed=seed)) is None  # they are not few


def spiking(*, times, often=40, after=0.0, steps=240, clipped=None, norms=8, optimizer="SGD"):
    """A loss that falls from 2 to 0.5, with a steep batch now and then, after which it is higher for a while."""
    draw = random.Random(1)
    rows = [{**ABOUT, "optimizer": optimizer}]
    since = steps
    for step in range(steps):
        steep = times > 1 and step % often == often - 1
        loss = 0.5 + 1.5 * math.exp(-step / 60) + draw.gauss(0, 0.05) + after * math.exp(-since / 15)
        since = 0 if steep else since + 1
        row = {"kind": "step", "step": step, "train_loss": loss * (times if steep else 1)}
        if step % norms == 0 or (norms == 1):
            row["grad_norm"] = math.exp(draw.gauss(0, 0.3)) * (times if steep else 1)
        if clipped is not None:
            row["clipped"] = clipped
        rows.append(row)
    return History(rows)


def test_spikes_between_readings_of_the_norm_are_seen_by_the_loss():
    assert isinstance(needs_clipping(spiking(times=30, after=0.6)), Finding)
    assert isinstance(needs_clipping(spiking(times=30, optimizer="AdamW", norms=1)), Finding)
    assert needs_clipping(spiking(times=30, after=0.6, clipped=0.1)) is None
    assert needs_clipping(spiking(times=30, often=150, after=0.6)) is None  # once is no pattern
    assert needs_clipping(spiking(times=2.0)) is None  # a hard batch
    assert needs_clipping(spiking(times=1.0)) is None


def test_rare_rows_that_are_wrong_are_no_spikes():
    """Of a hundred rows one is of another class: its batches cost much, but no more than the first."""
    draw = random.Random(2)
    rows = [ABOUT]
    for step in range(280):
        rare = step > 60 and draw.random() < 0.05
        loss = 0.9 if rare else 0.01 + 2.2 * math.exp(-step / 8) + abs(draw.gauss(0, 0.003))
        rows.append({"kind": "step", "step": step, "train_loss": loss, "grad_norm": 3.0 if rare else 0.05 + loss})
    assert needs_clipping(History(rows)) is None


def steps_of(losses, **more):
    return [{"kind": "step", "step": step, "train_loss": loss, **more} for step, loss in enumerate(losses)]


def validated(right, loss, epochs=14):
    return [
        {
            "kind": "epoch",
            "step": 20 * n,
            "train_loss": loss + 0.003 * (-1) ** n,
            "val_loss": loss,
            "val_accuracy": right,
        }
        for n in range(1, epochs + 1)
    ]


def test_a_leap_from_which_a_loss_never_comes_back_needs_no_layers():
    draw = random.Random(3)
    leap = [2.3, 9.0, 40.0, 25.0, *(2.6 + 0.05 * draw.random() for _ in range(200))]
    assert isinstance(diverges(History([*steps_of(leap), *validated(0.1, 2.6)])), Finding)
    back = [2.3, 9.0, 40.0, 25.0, *(2.6 * math.exp(-n / 50) for n in range(200))]
    assert not isinstance(diverges(History([*steps_of(back), *validated(0.7, 0.9)])), Finding)


@pytest.mark.parametrize(("level", "right", "fires"), [(2.345, 0.1, True), (2.306, 0.1, False), (2.345, 0.2, False)])
def test_answers_of_a_guess_at_more_than_its_loss_are_thrown_about(level, right, fires):
    found = diverges(History([{"kind": "about", "step": 0, "classes": 10}, *validated(right, level)]))
    assert isinstance(found, Finding) is fires


def test_rewards_may_leap():
    rates = {"lr": 0.01}
    leap = [0.06, 0.1, 0.4, 0.5, 0.45, 0.5, 0.4, 0.3, *(-0.3 for _ in range(80))]
    assert starts_too_hot(History(steps_of(leap, **rates))) is None
    assert isinstance(starts_too_hot(History([*steps_of(leap, **rates), *validated(0.7, 0.9)])), Finding)
