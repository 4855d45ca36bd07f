"""Each probe on a planted fault, and on the same thing without it."""

import math

import pytest
import torch
from torch import nn

from made import checked_models as made
from ravine.check.catalogue import PROBES
from ravine.check.probe import State
from ravine.diagnose.symptoms import SYMPTOMS

# What a few hundred steps reach may say too little: a baseline may be ahead of a loss that still falls.
MAY_BE_UNSURE = {"baselines", "learning-rate-test"}
PLANTED = [(probe, symptom, fault) for probe, faults in made.FAULTY.items() for symptom, fault in faults.items()]


@pytest.mark.parametrize(("probe", "symptom", "fault"), PLANTED, ids=[f"{p}-{s}" for p, s, _ in PLANTED])
def test_a_planted_fault_is_found_by_its_probe(checked, probe, symptom, fault):
    found = checked(fault, only=[probe])
    assert found.verdict == "findings"
    assert found.findings[0].symptom == symptom
    assert any(character.isdigit() for character in found.findings[0].evidence) or symptom == "applies-softmax-twice"
    assert found.findings[0].advice


def test_every_probe_has_a_planted_fault_and_names_symptoms_of_the_catalogue():
    assert set(made.FAULTY) == set(PROBES)
    for name, probe in PROBES.items():
        assert set(probe.symptoms) <= set(SYMPTOMS)
        assert set(made.FAULTY[name]) <= set(probe.symptoms)


@pytest.mark.parametrize("name", made.HEALTHY)
def test_every_probe_is_silent_on_a_healthy_model(checked, name):
    found = checked(made.HEALTHY[name], seconds=1.5)
    assert (found.verdict, found.findings) == ("healthy", []), str(found)
    assert [one.probe.name for one in found.asked] == list(PROBES)


@pytest.mark.slow
@pytest.mark.parametrize("name", made.HEALTHY)
def test_with_time_every_probe_comes_to_an_answer_on_a_healthy_model(checked, name):
    found = checked(made.HEALTHY[name], seconds=90.0)
    assert found.verdict == "healthy"
    unsure = {one.probe.name for one in found.asked if one.seen.state is State.UNSURE}
    assert unsure <= MAY_BE_UNSURE, str(found)


def said(found):
    return found.asked[0].seen.said


def test_the_first_loss_is_held_against_the_closed_forms(checked):
    assert f"{math.log(10):.4g} (ln 10)" in said(checked(made.log_probabilities, only=["first-loss"]))
    assert f"{math.log(2):.4g} (ln 2)" in said(checked(made.yes_or_no, only=["first-loss"]))
    _, y = made.sugar()
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))[:256]
    variance = float(y[order].var(correction=0))
    assert f"{variance:.4g} (the variance of the targets)" in said(checked(made.regression, only=["first-loss"]))


def test_batch_norm_in_training_is_said_and_is_no_fault(checked):
    assert said(checked(made.convnet, only=["mixing"])).endswith("in training on the batch (batch norm)")


def test_tokens_that_mix_are_found_without_a_gradient(checked):
    found = checked(made.tokens_mixed, only=["mixing"]).findings[0]
    assert found.symptom == "mixes-examples"
    assert "attention (MultiheadAttention)" in found.evidence


def test_a_mean_over_the_batch_is_found(checked):
    found = checked(made.batch_softmax, only=["mixing"]).findings[0]
    assert "2 (Softmax)" in found.evidence
    assert 0 < found.details["evaluation"] < 1


def test_what_a_model_keeps_is_told_from_what_it_draws(checked):
    kept = checked(made.keeps_state, only=["evaluated-twice"]).findings[0]
    drawn = checked(made.dropout_left_on, only=["evaluated-twice"]).findings[0]
    assert "same random numbers too" in kept.evidence
    assert "first in 2 (Lambda)" in drawn.evidence


@pytest.mark.parametrize("form", [made.no_mask_beside, made.no_mask_own_loss])
def test_the_answer_is_found_in_a_tuple(checked, form):
    found = checked(form, only=["first-loss", "mixing", "causal-mask"])
    assert [one.seen.state for one in found.asked] == [State.PASSED, State.PASSED, State.FINDING]
    assert f"{math.log(64):.4g} (ln 64)" in said(found)


def test_targets_that_are_the_inputs_leak(checked):
    assert "has only to copy" in checked(made.not_shifted, only=["causal-mask"]).findings[0].evidence


def test_a_model_that_may_look_both_ways_is_not_asked_for_a_mask(checked):
    assert checked(made.reader, only=["causal-mask"]).asked[0].seen.state is State.NOT_ASKED


def test_the_module_with_the_wrong_backward_is_named(checked):
    found = checked(made.wrong_backward, only=["gradient-check"]).findings[0]
    assert "_Doubled" in found.details["culprit"]


def test_examples_are_learned_by_heart_above_the_floor_of_label_smoothing(checked):
    """The lowest loss under smoothing s with C classes: −(1 − s + s/C)·ln(…) − (C − 1)·(s/C)·ln(s/C)."""
    found = checked(made.batch_norm_mlp, only=["overfit-one-batch"])
    right, wrong = 0.9 + 0.01, 0.01
    floor = -right * math.log(right) - 9 * wrong * math.log(wrong)
    losses = found.asked[0].seen.traces[0].y
    assert found.verdict == "healthy"
    assert floor < losses[-1] <= floor + 0.05 * (math.log(10) - floor) + 0.01


def test_a_small_model_that_learns_two_examples_is_no_fault(checked):
    def tiny():
        x, y = made.sugar()
        return nn.Linear(2, 1), nn.MSELoss(), (x[:, :2], y)

    found = checked(tiny, only=["overfit-one-batch"])
    assert found.verdict == "healthy"
    assert "two of them" in said(found)


def test_the_source_of_a_cut_graph_is_the_cause_and_not_its_effects(checked):
    found = checked(made.softmax_twice, only=["watched-steps", "overfit-one-batch"])
    assert [one.symptom for one in found.findings] == ["applies-softmax-twice"]
    assert found.findings[0].details["explains"] == ["stalls"]


def test_statistics_computed_anew_show_that_they_were_stale(checked):
    details = checked(made.no_momentum, only=["train-against-eval"]).findings[0].details
    assert details["layers"] == ["1"]
    assert details["recomputed"] < details["training"] + 0.1 < details["evaluated"]


def test_a_linear_model_is_fitted_as_scikit_learn_does(checked):
    from sklearn.linear_model import Ridge

    found = checked(made.linear_regression, only=["baselines"])
    ridge = float(said(found).rpartition("ridge regression ")[2].split(":")[0])
    x, y = made.sugar()
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    x, y = x[order], y[order]
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    cut = int(0.75 * len(y))
    train, held = order[:cut], order[cut:]
    fit = Ridge(alpha=0.01 * cut).fit(x[train].numpy(), y[train].numpy())
    theirs = nn.HuberLoss()(torch.tensor(fit.predict(x[held].numpy()), dtype=torch.float32).reshape(-1, 1), y[held])
    assert ridge == pytest.approx(float(theirs), rel=0.1)
