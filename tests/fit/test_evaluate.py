"""The final evaluation: every number against scikit-learn or a law that it must obey."""

import base64
import io

import numpy as np
import polars as pl
import pytest
from PIL import Image
from sklearn import metrics as sk

from ravine.core.errors import BadData, BadValue
from ravine.data.raw import Arrays, Images, Raw, Table
from ravine.data.task import Kind, Task
from ravine.fit.baselines import FittedBaseline, fit_baselines
from ravine.fit.evaluate.answers import Answers
from ravine.fit.evaluate.calibration import calibration, temperature
from ravine.fit.evaluate.confusion import confusion
from ravine.fit.evaluate.evaluate import evaluate
from ravine.fit.evaluate.importance import permutation_importance
from ravine.fit.evaluate.measures import deciding, measure, measures_of
from ravine.fit.evaluate.mistakes import picture, raw_row, worst_mistakes
from ravine.fit.evaluate.residuals import half_widths, residuals
from ravine.fit.evaluate.scores import scores
from ravine.fit.evaluate.verdict import verdict
from ravine.fit.intervals import Bootstrap, wilson
from ravine.records.results import TestSection as Section

CLASSES = Task(kind=Kind.CLASSIFY, classes=("a", "b", "c"))
LABELS = Task(kind=Kind.MULTI_LABEL, classes=("x", "y", "z"))
PRICE = Task(kind=Kind.REGRESS, targets=("price",), mean=(50.0,), std=(10.0,))


def _classes(rows=400, skill=2.0, seed=0, task=CLASSES):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, len(task.classes), rows)
    outputs = rng.normal(size=(rows, len(task.classes))) + skill * np.eye(len(task.classes))[truth]
    return Answers(task, outputs.astype(np.float32), truth)


def _numbers(rows=400, noise=0.5, seed=0, task=PRICE):
    rng = np.random.default_rng(seed)
    target = rng.normal(size=(rows, len(task.targets)))
    return Answers(task, (target + noise * rng.normal(size=target.shape)).astype(np.float32), target)


def _labels(rows=400, seed=0):
    rng = np.random.default_rng(seed)
    truth = (rng.random((rows, 3)) < [0.5, 0.2, 0.1]).astype(np.float32)
    return Answers(LABELS, (rng.normal(size=(rows, 3)) + 3 * truth - 1.5).astype(np.float32), truth)


def _by_name(found):
    return {score.name: score for score in found}


# --- scores -------------------------------------------------------------------------------------


def test_scores_of_classes():
    answers = _classes()
    truth, choice, chances = answers.target, answers.outputs.argmax(1), answers.probabilities
    found = _by_name(scores(answers, Bootstrap(len(answers))))
    expected = {
        "accuracy": sk.accuracy_score(truth, choice),
        "balanced_accuracy": sk.balanced_accuracy_score(truth, choice),
        "f1": sk.f1_score(truth, choice, average="macro"),
        "log_loss": sk.log_loss(truth, chances),
        "roc_auc": sk.roc_auc_score(truth, chances, multi_class="ovr", average="macro"),
    }
    assert {name: found[name].value for name in expected} == pytest.approx(expected)
    assert (found["accuracy"].low, found["accuracy"].high) == wilson(int((truth == choice).sum()), len(truth))
    for name in expected:
        assert found[name].low < found[name].value < found[name].high
    assert [found[name].higher_is_better for name in ("f1", "log_loss", "ece")] == [True, False, False]
    assert next(iter(found)) == deciding(CLASSES).name == "accuracy"


def test_two_classes_have_one_area():
    answers = _classes(task=Task(kind=Kind.CLASSIFY, classes=("no", "yes")))
    found = _by_name(scores(answers, Bootstrap(len(answers))))
    assert found["roc_auc"].value == pytest.approx(sk.roc_auc_score(answers.target, answers.probabilities[:, 1]))


def test_a_class_without_test_rows_is_left_out_as_scikit_learn_does():
    answers = _classes()
    answers = answers[np.flatnonzero((answers.target != 2) & (answers.choice != 2))]
    found = _by_name(scores(answers, Bootstrap(len(answers))))
    assert found["balanced_accuracy"].value == sk.balanced_accuracy_score(answers.target, answers.choice)
    assert found["f1"].value == pytest.approx(sk.f1_score(answers.target, answers.choice, average="macro"))
    one = answers[np.flatnonzero(answers.target == 0)]
    assert _by_name(scores(one, Bootstrap(len(one))))["roc_auc"].value is None


@pytest.mark.parametrize("log", [False, True])
def test_scores_of_numbers_are_in_their_units(log):
    task = Task(kind=Kind.REGRESS, targets=("u", "v"), log=log, mean=(2.0, 3.0), std=(0.5, 0.7))
    answers = _numbers(task=task)
    y, said = (values * task.std + task.mean for values in (answers.target, answers.outputs.astype(np.float64)))
    units, said_units = (np.exp(y), np.exp(said)) if log else (y, said)
    found = _by_name(scores(answers, Bootstrap(len(answers))))
    expected = {
        "r2": sk.r2_score(units, said_units),
        "rmse": sk.root_mean_squared_error(units, said_units),
        "mae": sk.mean_absolute_error(units, said_units),
    }
    if log:
        expected = {"r2_log": sk.r2_score(y, said), **expected}
    assert {name: score.value for name, score in found.items()} == pytest.approx(expected)
    assert list(found) == list(expected)
    for score in found.values():
        assert score.low < score.value < score.high


def test_r2_far_from_zero_keeps_its_digits():
    task = Task(kind=Kind.REGRESS, mean=(1e9,), std=(1.0,))
    answers = _numbers(task=task)
    value = _by_name(scores(answers, Bootstrap(len(answers))))["r2"].value
    assert value == pytest.approx(sk.r2_score(answers.target, answers.outputs), rel=1e-5)


def test_scores_of_labels():
    answers = _labels()
    truth, said = answers.target, answers.outputs > 0
    found = _by_name(scores(answers, Bootstrap(len(answers))))
    assert found["f1"].value == pytest.approx(sk.f1_score(truth, said, average="macro"))
    assert found["exact_match"].value == sk.accuracy_score(truth, said)
    assert found["roc_auc"].value == pytest.approx(sk.roc_auc_score(truth, answers.outputs, average="macro"))
    chances = answers.probabilities
    losses = [sk.log_loss(truth[:, j], chances[:, j]) for j in range(3)]
    assert found["log_loss"].value == pytest.approx(np.mean(losses))
    for label, name in enumerate(LABELS.classes):
        assert found[f"f1: {name}"].value == pytest.approx(sk.f1_score(truth[:, label], said[:, label]))
        area = sk.roc_auc_score(truth[:, label], answers.outputs[:, label])
        assert found[f"roc_auc: {name}"].value == pytest.approx(area)


def test_measures_by_name():
    assert measure(PRICE, "mae").name == "mae"
    with pytest.raises(BadValue, match=r"regress: no metric 'f1'. Known: r2, rmse, mae."):
        measure(PRICE, "f1")


@pytest.mark.parametrize("answers", [_classes(), _numbers(), _labels()], ids=["classes", "numbers", "labels"])
def test_gain_over_oneself_is_nothing_and_its_sign_says_better(answers):
    worse = Answers(answers.task, answers.outputs[::-1].copy(), answers.target)
    boot = Bootstrap(len(answers))
    for candidate in measures_of(answers.task):
        assert candidate.gain(boot, answers, answers)[0] == 0.0
        gain, bounds = candidate.gain(boot, answers, worse)
        assert gain > 0
        assert 0 < bounds.low < gain < bounds.high


def test_outputs_that_do_not_belong_to_the_targets_are_refused():
    with pytest.raises(BadData, match=r"outputs must be \(rows, 3\) .* got outputs \(4, 2\) and targets \(4,\)"):
        Answers(CLASSES, np.zeros((4, 2)), np.zeros(4))


# --- parts --------------------------------------------------------------------------------------


def test_confusion_counts():
    answers = _classes()
    expected = sk.confusion_matrix(answers.target, answers.choice)
    np.testing.assert_array_equal(confusion(answers), expected)


def test_calibration_bins_have_equal_mass_and_find_overconfidence():
    rng = np.random.default_rng(0)
    chances = rng.dirichlet([0.5, 0.5, 0.5], 30_000)
    truth = (rng.random((30_000, 1)) > chances.cumsum(1)).sum(1)
    honest = Answers(CLASSES, np.log(chances), truth)
    found = calibration(honest)
    assert len(found.bins) == 15
    assert {part.count for part in found.bins} == {2000}
    # Each bin's share of 2,000 rows is off by about 0.01·√(2/π) at most.
    assert found.expected_error < 0.012
    bold = Answers(CLASSES, 3 * np.log(chances), truth)
    assert calibration(bold).expected_error > 0.1
    few = calibration(honest[np.arange(45)])
    assert [part.count for part in few.bins] == [23, 22]


def test_temperature_undoes_what_was_multiplied():
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(20_000, 3)) * 2
    truth = (logits + rng.gumbel(size=logits.shape)).argmax(1)  # softmax(logits) is the true chance
    for factor in (0.4, 1.0, 2.5):
        assert temperature(Answers(CLASSES, factor * logits, truth)) == pytest.approx(factor, rel=0.05)
    labels = (rng.random((20_000, 3)) < 1 / (1 + np.exp(-logits))).astype(np.float64)
    assert temperature(Answers(LABELS, 2 * logits, labels)) == pytest.approx(2, rel=0.05)


def test_temperature_stays_near_one_on_few_rows_without_a_mistake():
    sure = Answers(CLASSES, 4 * np.eye(3)[[0, 1, 2] * 3].astype(np.float32), np.array([0, 1, 2] * 3))
    assert 0.8 < temperature(sure) <= 1.0
    assert temperature(Answers(CLASSES, np.full((2, 3), np.nan), np.zeros(2))) == 1.0


def test_conformal_intervals_cover_what_they_promise_whatever_the_noise():
    rng, covered, rows = np.random.default_rng(2), [], 60
    for _ in range(800):
        target = rng.normal(size=(rows + 50, 1))
        noisy = Answers(PRICE, target + rng.standard_t(2, size=target.shape), target)
        (half,) = half_widths(noisy[np.arange(rows)])
        fresh = noisy[np.arange(rows, rows + 50)]
        covered.append(residuals(fresh, (half,)).coverage)
    # Exactly ⌈61·0.9⌉/61 = 0.9016 on average; the mean of 800 shares varies by about 0.0015.
    assert np.mean(covered) == pytest.approx(55 / 61, abs=0.006)


def test_too_few_rows_promise_nothing():
    assert half_widths(_numbers(rows=8)) is None
    assert half_widths(_numbers(rows=9)) is not None


def test_residuals_are_a_sample_in_units():
    answers = _numbers(rows=5000)
    found = residuals(answers, (0.5,))
    assert len(found.truth) == len(found.predicted) == 2000
    assert set(found.truth) <= set((answers.target[:, 0] * 10 + 50).tolist())
    assert found.interval == 0.5
    error = np.abs(answers.outputs[:, 0] - answers.target[:, 0])
    assert found.coverage == pytest.approx((error <= 0.5).mean())
    assert residuals(answers, None).coverage is None


# --- mistakes -----------------------------------------------------------------------------------


def test_mistakes_are_the_wrong_rows_of_highest_loss():
    answers = _classes(rows=100)
    frame = pl.DataFrame({"size": np.arange(100) / 7, "when": [None] + [f"d{i}" for i in range(99)]})
    raw = Raw(name="t", origin="", inputs=Table(frame), targets=None, ids=np.array([f"r{i}" for i in range(100)]))
    rows = np.arange(100)[::-1].copy()
    found = worst_mistakes(answers, raw, rows)
    wrong = np.flatnonzero(answers.choice != answers.target)
    expected = wrong[np.argsort(-answers.losses[wrong])][:12]
    assert [mistake.id for mistake in found] == [f"r{rows[place]}" for place in expected]
    first, place = found[0], expected[0]
    assert (first.truth, first.predicted) == ("abc"[answers.target[place]], "abc"[answers.choice[place]])
    assert first.confidence == pytest.approx(answers.probabilities[place].max())
    assert first.row == {"size": rows[place] / 7, "when": frame["when"][int(rows[place])]}
    assert raw_row(Arrays(np.zeros((2, 2), np.float32)), 0) == {}


def test_mistakes_of_numbers_and_labels():
    raw = Raw(name="t", origin="", inputs=Arrays(np.zeros((400, 1), np.float32)), targets=None, ids=np.arange(400))
    numbers = _numbers()
    worst = int(np.argmax(np.abs(numbers.outputs - numbers.target)))
    found = worst_mistakes(numbers, raw, np.arange(400), count=3)
    assert len(found) == 3
    assert found[0].id == str(worst)
    assert float(found[0].truth) == pytest.approx(numbers.target[worst, 0] * 10 + 50, rel=1e-5)
    labels = _labels()
    first = worst_mistakes(labels, raw, np.arange(400))[0]
    row = int(first.id)
    names = np.array(LABELS.classes)
    assert first.truth == (", ".join(names[labels.target[row] > 0]) or "none")
    assert first.predicted == (", ".join(names[labels.outputs[row] > 0]) or "none")


@pytest.mark.parametrize(("shape", "size", "mode"), [((8, 8, 1), (8, 8), "L"), ((300, 150, 3), (48, 96), "RGB")])
def test_thumbnails_are_small_pngs(shape, size, mode):
    pixels = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    kind, _, data = picture(pixels).partition(",")
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert kind == "data:image/png;base64"
    assert (image.format, image.size, image.mode) == ("PNG", size, mode)
    if max(shape) <= 96:
        np.testing.assert_array_equal(np.asarray(image), pixels[..., 0])


# --- importance ---------------------------------------------------------------------------------


def test_importance_ranks_columns_as_they_were_made(finished):
    done = finished("houses")
    found = permutation_importance(done.model, done.raw, done.split.test)
    assert [one.feature for one in found][:3] == ["size", "rooms", "garden"]
    drops = {one.feature: one for one in found}
    assert drops["size"].low > drops["rooms"].high > drops["rooms"].low > 0
    assert abs(drops["noise"].drop) < 0.05
    again = permutation_importance(done.model, done.raw, done.split.test)
    assert found == again


def test_importance_moves_categories_and_dates_as_one(finished):
    done = finished("flowers")
    found = {one.feature: one for one in permutation_importance(done.model, done.raw, done.split.test)}
    assert set(found) == {"petal", "colour", "noise", "day"}
    assert min(found["petal"].low, found["colour"].low) > 0
    assert max(abs(found["noise"].drop), abs(found["day"].drop)) < 0.1


def test_importance_of_arrays_and_of_what_has_no_columns(finished):
    done = finished("pairs")
    found = permutation_importance(done.model, done.raw, done.split.test)
    assert {one.feature for one in found[:3]} == {"x0", "x1", "x2"}
    for name in ("pictures", "waves"):
        other = finished(name)
        assert permutation_importance(other.model, other.raw, other.split.test) == []


# --- all together -------------------------------------------------------------------------------


def test_verdict_says_better_worse_or_within_noise():
    boot = Bootstrap(400)

    def rival(answers):
        return [FittedBaseline(name="logistic regression", answers=answers, seconds=0.0)]

    good, weak = _classes(skill=3.0), _classes(skill=0.5, seed=1)
    weak = Answers(CLASSES, weak.outputs - 0.5 * np.eye(3)[weak.target] + 0.5 * np.eye(3)[good.target], good.target)
    text = verdict(good, rival(weak), boot)
    assert text.startswith("The network is better than every baseline, beyond noise: accuracy 9")
    assert "for logistic regression on the same 400 test rows (difference +" in text
    assert "McNemar p < 0.001" in text
    assert "worse than the best baseline, beyond noise" in verdict(weak, rival(good), boot)
    assert "within noise of the best baseline" in verdict(good, rival(good), boot)
    assert "no baseline was fitted" in verdict(good, [], boot)
    better, noisy = _numbers(noise=0.3), _numbers(noise=0.8)
    assert "better than every baseline, beyond noise: R² 0.9" in verdict(better, rival(noisy), boot)


def test_a_network_no_better_than_its_rival_is_seldom_called_better():
    calls = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        truth = rng.integers(0, 3, 150)
        mine, theirs = (
            Answers(CLASSES, (rng.normal(size=(150, 3)) + 1.5 * np.eye(3)[truth]).astype(np.float32), truth)
            for _ in range(2)
        )
        boot = Bootstrap(150, seed=seed, resamples=50)
        calls += "beyond noise" in verdict(mine, [FittedBaseline(name="r", answers=theirs, seconds=0.0)], boot)
    assert calls / 200 <= 0.07  # McNemar's exact test errs at most 5 times in 100


@pytest.mark.parametrize("name", ["flowers", "houses", "pairs", "songs", "pictures"])
def test_the_section_is_whole_and_survives_the_record(finished, name):
    done = finished(name)
    rivals = fit_baselines(
        done.fields,
        done.model.preparation,
        done.model.task,
        done.encoded,
        train=done.split.train,
        val=done.split.val,
        test=done.split.test,
    )
    section = evaluate(done.model, done.raw, done.split.test, baselines=rivals)
    assert section == evaluate(done.model, done.raw, done.split.test, baselines=rivals)
    assert Section.model_validate_json(section.model_dump_json()) == section
    assert section.rows == len(done.split.test)
    assert section.metric == section.scores[0].name == deciding(done.model.task).name
    assert section.scores[0].value > 0.7
    regress = done.model.task.kind is Kind.REGRESS
    assert (section.residuals is not None) == regress == (section.calibration is None)
    assert bool(section.confusion) == (done.model.task.kind is Kind.CLASSIFY)
    assert bool(section.importance) == (not isinstance(done.raw.inputs, Images))
    assert "test rows" in section.verdict
    if regress:
        assert 0.75 < section.residuals.coverage <= 1.0


def test_nothing_to_test_on(finished):
    done = finished("flowers")
    with pytest.raises(BadData, match=r"flowers.csv: there are no rows with targets to test on"):
        evaluate(done.model, done.raw, np.arange(0))
