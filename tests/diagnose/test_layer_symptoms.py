"""Symptoms of layers, inputs and facts, on histories whose cause is known; and silence on healthy ones."""

import random

import pytest

from ravine.diagnose.doctor import _all_causes, diagnose
from ravine.diagnose.symptoms import SYMPTOMS
from ravine.records.history import History

STEPS = (0, 1, 2, 3, 5, 10, 20, 30, 50, 100, 120, 150, 200, 250)


def rows(**layers):
    """Layer rows of a healthy network of four layers, with what is said of each layer instead."""
    table = []
    for step in STEPS:
        for depth in range(4):
            name = f"layer{depth}"
            row = {
                "kind": "layer",
                "step": step,
                "layer": name,
                "type": "Linear",
                "depth": depth,
                "weight_norm": 5.0,
                "grad_norm": 0.1,
                "update_norm": 5e-3,
                "in_mean": 0.4,
                "in_std": 0.6,
                "act_mean": 0.0,
                "act_std": 0.7,
            }
            table.append({**row, **layers.get(name, {}), **layers.get("every", {})})
    return table


def look(name, table):
    return SYMPTOMS[name].look(History(table))


def watched(*facts):
    return [{"kind": "fact", "step": 0, "fact": "looked-for", "check": "clearing"}, *facts]


LAYERS = ["starts-too-large", "starts-too-small", "has-dead-units", "saturates", "vanishes", "explodes"]


@pytest.mark.parametrize("name", [*LAYERS, "has-stale-batch-norm", "batch-too-small-for-batch-norm"])
def test_healthy_layers_are_met_with_silence(name):
    assert look(name, rows()) is None


@pytest.mark.parametrize("factor", [1e-1, 1e-2, 1e-3])
def test_a_gradient_that_is_smaller_in_front_has_not_vanished(factor):
    assert look("vanishes", rows(layer0={"grad_norm": 0.1 * factor})) is None


@pytest.mark.parametrize("factor", [1e-5, 1e-9, 0.0])
def test_one_that_is_ten_thousand_times_smaller_has(factor):
    finding = look("vanishes", rows(layer0={"grad_norm": 0.1 * factor}))
    assert "layer0" in finding.evidence


def test_a_branch_that_opens_with_the_first_step_does_not_vanish():
    table = [{**row, "grad_norm": 0.0} if row["step"] == 0 and row["depth"] == 0 else row for row in rows()]
    assert look("vanishes", table) is None


def test_a_run_that_has_converged_does_not_vanish():
    assert look("vanishes", rows(every={"grad_norm": 1e-9})) is None


def test_an_exploding_gradient_is_a_thousand_times_larger_in_front():
    assert look("explodes", rows(layer0={"grad_norm": 500.0})).symptom == "explodes"
    assert look("explodes", rows(every={"grad_norm": 500.0})) is None


def test_one_large_gradient_is_no_explosion():
    table = [{"kind": "step", "step": step, "grad_norm": 1e6 if step == 40 else 1.0} for step in range(80)]
    assert look("explodes", table) is None
    table = [{"kind": "step", "step": step, "grad_norm": 1.2**step} for step in range(80)]
    assert look("explodes", table).symptom == "explodes"


@pytest.mark.parametrize(
    ("shares", "found"), [((0.0, 0.3, 0.6), 0), ((0.9, 0.8, 0.8), 1), ((1.0, 1.0), 1), ((1.0,), 0)]
)
def test_dead_units_are_most_of_a_layer_twice(shares, found):
    table = rows() + [
        {"kind": "layer", "step": 10 * at, "layer": "relu", "type": "ReLU", "depth": 1, "dead": share, "zeros": 0.9}
        for at, share in enumerate(shares)
    ]
    assert (look("has-dead-units", table) is not None) == bool(found)


def test_sparsity_is_not_death():
    table = rows(layer1={"zeros": 0.9, "silent": 0.4, "dead": 0.1})
    assert look("has-dead-units", table) is None


@pytest.mark.parametrize(("first", "later", "found"), [(0.99, 0.99, 1), (0.9, 0.9, 0), (0.5, 0.995, 0), (0.99, 0.6, 0)])
def test_units_that_begin_all_but_dead_are_not_merely_sparse(first, later, found):
    """Nor is a sparsity that was learned, nor units that come to life."""
    shares = [first + (later - first) * min(1.0, at / 5) for at in range(len(STEPS))]
    table = rows() + [
        {"kind": "layer", "step": step, "layer": "relu", "type": "ReLU", "depth": 1, "zeros": share}
        for step, share in zip(STEPS, shares, strict=True)
    ]
    assert (look("has-dead-units", table) is not None) == bool(found)


def running(momentum, drift, steps=256):
    return [
        {"kind": "layer", "step": step, "layer": "norm", "type": "BatchNorm2d", "rows": 64, "values": 640,
         "momentum": momentum, "mean_drift": drift, "std_drift": drift}
        for step in range(0, steps, 16)
    ]  # fmt: skip


def test_a_momentum_too_small_for_so_few_steps_leaves_running_statistics_behind():
    assert "77%" in look("has-stale-batch-norm", running(0.001, 0.6, 257 + 15)).evidence
    assert look("has-stale-batch-norm", running(0.001, 0.1)) is None, "pretrained statistics fit already"
    assert look("has-stale-batch-norm", running(0.1, 0.6)) is None
    assert look("has-stale-batch-norm", running(0.001, 0.6, 3000)) is None, "by then they have followed"


def test_only_hidden_layers_saturate():
    bounded = [
        {"kind": "layer", "step": step, "layer": "tanh", "type": "Tanh", "depth": depth, "saturated": 0.8}
        for step in STEPS
        for depth in (1.5,)
    ]
    assert look("saturates", rows() + bounded).details["layer"] == "tanh"
    last = [{**row, "depth": 9} for row in bounded]
    assert look("saturates", rows() + last) is None


def test_first_weights_too_large_and_too_small():
    large = look("starts-too-large", rows(every={"act_std": 30.0, "in_std": 4.0}))
    assert large.first_step == 0
    small = rows(layer3={"in_mean": 0.0, "in_std": 1e-5})
    assert look("starts-too-small", small).symptom == "starts-too-small"
    normalized = rows(every={"act_std": 30.0, "in_std": 4.0}) + [
        {"kind": "layer", "step": 0, "layer": f"norm{i}", "type": "LayerNorm", "depth": i, "act_std": 1.0}
        for i in range(4)
    ]
    assert look("starts-too-large", normalized) is None


def inputs(part, mean, std, count=10, **more):
    return [
        {
            "kind": "input",
            "part": part,
            "step": step,
            "rows": 64,
            "mean": mean + 0.01 * random.Random(step).gauss(0, 1),
            "std": std,
            "least": mean - 3 * std,
            "most": mean + 3 * std,
            "nonfinite": 0,
            **more,
        }
        for step in range(count)
    ]


@pytest.mark.parametrize(("mean", "std", "found"), [(0, 1, 0), (0.3, 0.3, 0), (4.9, 6.0, 0), (33, 78, 1), (0, 255, 1)])
def test_inputs_of_more_than_twenty_are_unscaled(mean, std, found):
    assert (look("is-unscaled", inputs("train", mean, std)) is not None) == bool(found)


def test_a_network_that_normalizes_first_takes_any_inputs():
    assert look("is-unscaled", inputs("train", 33, 78, normalized=True)) is None


def test_one_column_that_drowns_the_others_is_unscaled():
    assert "column" in look("is-unscaled", inputs("train", 0, 8, widest=3000.0, typical=0.5)).evidence


def test_targets_that_the_model_scales_itself_are_fine():
    targets = {"target_mean": 150.0, "target_std": 77.0}
    assert look("has-unscaled-targets", inputs("train", 0, 1, **targets, output_mean=0.1, output_std=0.3))
    assert look("has-unscaled-targets", inputs("train", 0, 1, **targets, output_mean=140.0, output_std=30.0)) is None


@pytest.mark.parametrize(("mean", "std", "found"), [(0, 1, 0), (0.2, 0.8, 0), (127, 60, 1), (0, 0.1, 1)])
def test_validation_of_another_scale_differs_in_preprocessing(mean, std, found):
    table = inputs("train", 0, 1) + inputs("val", mean, std, count=3)
    assert (look("differs-in-preprocessing", table) is not None) == bool(found)


def clipped(limit, norm, share, count=100):
    table = [{"kind": "about", "step": 0, "clip_limit": limit}] if limit else []
    for step in range(count):
        hit = step < share * count
        table.append(
            {"kind": "step", "step": step, "grad_norm": norm if hit else 0.5 * (limit or 1.0), "clipped": float(hit)}
        )
    return table


@pytest.mark.parametrize(
    ("limit", "norm", "share", "found"),
    [(1.0, 2.0, 0.3, 0), (1.0, 5.0, 1.0, 0), (1e-4, 0.2, 1.0, 1), (0.01, 3.0, 0.95, 1)],
)
def test_clipping_is_too_tight_at_a_twentieth_of_the_norm(limit, norm, share, found):
    assert (look("clips-too-tight", clipped(limit, norm, share)) is not None) == bool(found)


def test_without_the_limit_nobody_knows():
    seen = look("clips-too-tight", clipped(None, 3.0, 1.0))
    assert "limit" in seen.why


def test_spikes_that_throw_the_loss_back_need_clipping():
    draw = random.Random(0)
    table, loss = [], 1.0
    for step in range(300):
        spike = step in (120, 200, 260)
        loss = 3.0 if spike else 0.4 + 0.95 * (loss - 0.4) + draw.gauss(0, 0.005)
        table.append(
            {
                "kind": "step",
                "step": step,
                "train_loss": loss,
                "grad_norm": 100.0 if step + 1 in (120, 200, 260) else 1.0,
            }
        )
    assert look("needs-clipping", table).first_step == 119
    assert look("needs-clipping", [{**row, "clipped": 0.0} for row in table]) is None
    calm = [{**row, "train_loss": 0.5 + draw.gauss(0, 0.005)} for row in table]
    assert look("needs-clipping", calm) is None


def test_stale_statistics_stay_away_from_the_batches():
    def norm(drift, values=64.0):
        return [
            {
                "kind": "layer",
                "step": step,
                "layer": "bn",
                "type": "BatchNorm1d",
                "rows": values,
                "values": values,
                "mean_drift": drift(step),
                "std_drift": 0.1,
            }
            for step in STEPS
        ]

    assert look("has-stale-batch-norm", norm(lambda step: 3.0 * 0.9**step)) is None
    assert look("has-stale-batch-norm", norm(lambda _: 3.0)).symptom == "has-stale-batch-norm"
    assert look("has-stale-batch-norm", norm(lambda _: 3.0, values=4.0)) is None
    assert look("batch-too-small-for-batch-norm", norm(lambda _: 0.1, values=4.0)) is not None
    assert look("batch-too-small-for-batch-norm", norm(lambda _: 0.1, values=16.0)) is None


def test_a_watched_run_without_facts_is_looked_at_and_one_from_a_log_is_not():
    def named(table):
        return {one.symptom for one in diagnose(History(table)).abstained}

    log = [{"kind": "epoch", "step": 10 * epoch, "train_loss": 1 / (epoch + 1)} for epoch in range(20)]
    structural = {"accumulates-gradients", "trains-in-eval-mode", "leaks", "broadcasts-loss"}
    assert structural <= named(log)
    assert not structural & named(log + watched())


def test_the_root_comes_first_and_names_its_consequences():
    table = watched(
        {
            "kind": "fact",
            "step": 2,
            "fact": "steps-without-gradients",
            "optimizer": "SGD",
            "order": ["step", "backward"],
        },
        {
            "kind": "fact",
            "step": 25,
            "fact": "parameters-without-gradients",
            "parameters": ["a"],
            "count": 1,
            "cut": "b",
        },
    )
    (finding,) = diagnose(History(table)).findings
    assert finding.symptom == "steps-before-backward"
    assert finding.details["explains"] == ["skips-parameters"]


@pytest.mark.parametrize("name", SYMPTOMS)
def test_no_symptom_brings_itself_about(name):
    """Two that explain each other would both be hidden."""
    assert name not in _all_causes(name)
