import math

import pytest
import torch
from scipy import stats

from ravine.data.task import Kind
from ravine.train.losses import loss_of
from ravine.transfer.judged import Judged, in_errors, judge


def judged(hits, loss=0.5):
    hits = torch.as_tensor(hits, dtype=torch.float32)
    return Judged(hits, torch.full_like(hits, loss))


def test_a_dearer_plan_must_be_better_beyond_noise():
    right, some, one_less = [1.0] * 20, [1.0] * 12 + [0.0] * 8, [1.0] * 19 + [0.0]
    assert judged(right).beats(judged(some))
    assert not judged(some).beats(judged(right))
    assert not judged(right).beats(judged(one_less))  # one row is luck
    assert judged(right, 0.2).beats(judged(right))  # as many right, and surer
    assert not judged(right).beats(judged(right))
    assert judged(right).clearly_better(judged(some))
    assert not judged(right).clearly_better(judged(one_less))


def test_room_is_left_where_two_rows_are_wrong():
    assert not judged([1.0] * 20).leaves_room
    assert not judged([1.0] * 19 + [0.0]).leaves_room
    assert judged([1.0] * 18 + [0.0] * 2).leaves_room


def test_errors_are_those_of_the_paired_t():
    gains = torch.randn(30, generator=torch.Generator().manual_seed(0)) + 0.2
    assert in_errors(gains) == pytest.approx(stats.ttest_1samp(gains.double().numpy(), 0.0).statistic)
    assert in_errors(torch.ones(4)) == math.inf
    assert in_errors(torch.zeros(4)) == 0.0


def test_all_held_rows_are_judged_in_their_order(setting_of, pictures):
    setting = setting_of()
    found = judge(setting.network, setting.held, loss_of(Kind.CLASSIFY), torch.device("cpu"))
    with torch.no_grad():
        outputs = setting.network(pictures[0][80:120])
    assert torch.equal(found.hits, (outputs.argmax(1) == pictures[1][80:120]).float())
    assert found.quality == pytest.approx(float(found.hits.mean()))
