"""What every class promises, as torch.optim.Optimizer does."""

from __future__ import annotations

import copy
import inspect
import io
import pickle

import pytest
import torch
from torch import nn

import ravine.optim as ours
from ravine.core.errors import BadValue, RavineError
from ravine.optim import OPTIMIZERS, RuleOptimizer

ELEMENTWISE = [name for name in OPTIMIZERS if name not in ("lamb", "muon")]
MATRICES = [(3, 4), (4, 2)]


@pytest.fixture
def make(make_params):
    def make(name, **arguments):
        params = make_params(shapes=MATRICES) if name == "muon" else make_params()
        return OPTIMIZERS[name](params, **arguments)

    return make


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_restored_run_goes_on_bit_for_bit(name, engine, make, walk):
    whole = make(name, engine=engine)
    expected = walk(whole, 12)

    first = make(name, engine=engine)
    walk(first, 7)
    buffer = io.BytesIO()
    torch.save({"optimizer": first.state_dict(), "params": [p.detach() for p in _params(first)]}, buffer)
    buffer.seek(0)
    saved = torch.load(buffer, weights_only=True)
    second = make(name, engine=engine)
    for p, value in zip(_params(second), saved["params"], strict=True):
        p.data.copy_(value)
    second.load_state_dict(saved["optimizer"])
    assert torch.equal(walk(second, 5, start=7), expected)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))], ids=["deepcopy", "pickle"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_copy_goes_on_by_itself(name, clone, make, walk):
    first = make(name)
    walk(first, 3)
    second = clone(first)
    before = [p.detach().clone() for p in _params(first)]
    ended = walk(second, 4, start=3)
    assert all(torch.equal(a, b) for a, b in zip(before, _params(first), strict=True))
    assert torch.equal(walk(first, 4, start=3), ended)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_state_shares_no_memory_once_it_is_saved(name, make, walk):
    optimizer = make(name)
    walk(optimizer, 2)
    tensors = [v for r in optimizer.state_dict()["state"].values() for v in r.values() if isinstance(v, torch.Tensor)]
    filled = [t for t in tensors if t.numel()]
    assert len({t.untyped_storage().data_ptr() for t in filled}) == len(filled)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_signature_is_real(name):
    made = OPTIMIZERS[name]
    signature = inspect.signature(made)
    assert next(iter(signature.parameters)) == "params"
    defaults = {n: p.default for n, p in signature.parameters.items() if n not in ("params", "engine")}
    assert defaults == made.defaults_by_name()
    assert made.__doc__
    assert "Source:" in made.__doc__
    assert getattr(ours, made.__name__) is made


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_parameter_without_gradient_stays_and_joins_later(name, make):
    optimizer = make(name)
    first, second = _params(optimizer)[:2]
    kept = second.detach().clone()
    first.grad = torch.ones_like(first)
    optimizer.step()
    assert torch.equal(second, kept)
    assert second not in optimizer.state
    first.grad, second.grad = torch.ones_like(first), torch.ones_like(second)
    optimizer.step()
    assert not torch.equal(second, kept)
    assert (optimizer.state[first]["step"], optimizer.state[second]["step"]) == (2, 1)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_flat_and_alone_agree(name, make_params, walk, monkeypatch):
    flat = walk(OPTIMIZERS[name](make_params(), engine="eager"), 20)
    monkeypatch.setattr("ravine.optim.layout.SMALL", 0)
    monkeypatch.setattr("ravine.optim.lines.CHUNK", 1000)
    alone = walk(OPTIMIZERS[name](make_params(), engine="eager"), 20)
    torch.testing.assert_close(alone, flat, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_gradients_are_left_as_they_are(name, make_params):
    params = make_params(shapes=MATRICES)
    optimizer = OPTIMIZERS[name](params, clip_norm=0.1, clip_value=0.2, l1=0.1, centralize=True, maximize=True)
    kept = []
    for p in params:
        p.grad = torch.randn_like(p)
        kept.append(p.grad.clone())
    optimizer.step()
    assert all(torch.equal(p.grad, g) for p, g in zip(params, kept, strict=True))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_complex_parameters_are_pairs_of_real_ones(name, walk):
    z = torch.randn(5, 2, dtype=torch.complex128, generator=torch.Generator().manual_seed(1))
    one, two = z.clone().requires_grad_(), torch.view_as_real(z).clone().requires_grad_()
    first, second = OPTIMIZERS[name]([one]), OPTIMIZERS[name]([two])
    for step in range(6):
        g = torch.randn(5, 2, dtype=torch.complex128, generator=torch.Generator().manual_seed(step))
        one.grad, two.grad = g, torch.view_as_real(g)
        first.step()
        second.step()
    torch.testing.assert_close(torch.view_as_real(one.detach()), two.detach(), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_bfloat16_follows_float32_to_its_own_precision(name, make_params, walk):
    narrow = OPTIMIZERS[name](make_params(dtype=torch.bfloat16, shapes=[(30, 4)]), lr=1e-2)
    wide = OPTIMIZERS[name](make_params(dtype=torch.bfloat16, shapes=[(30, 4)]), lr=1e-2)
    group = wide.param_groups[0]
    group["params"] = [p.detach().float().requires_grad_() for p in group["params"]]
    a, b = walk(narrow, 5).float(), walk(wide, 5)
    assert a.isfinite().all()
    assert (a - b).abs().mean() < 0.05


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_memory_formats_do_not_matter(memory, walk):
    start = torch.randn(20, 30, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    p = start.clone(memory_format=memory).requires_grad_()
    plain = start.clone().requires_grad_()
    a = walk(ours.DiffGrad([p]), 3)
    assert p.is_contiguous(memory_format=memory)
    torch.testing.assert_close(a, walk(ours.DiffGrad([plain]), 3), rtol=1e-13, atol=1e-14)


def test_a_parameter_with_gaps_in_memory_is_stepped():
    base = torch.zeros(4, 6, dtype=torch.float64)
    p = base[:, ::2].requires_grad_()
    optimizer = ours.Lion([p], lr=1.0)
    p.grad = torch.ones_like(p)
    optimizer.step()
    assert torch.equal(base[:, ::2].detach(), -torch.ones(4, 3, dtype=torch.float64))
    assert base[:, 1::2].abs().sum() == 0


def test_the_learning_rate_may_be_a_tensor(make, walk):
    lr = torch.tensor(1e-3)
    held, plain = make("adamw", lr=lr), make("adamw", lr=float(lr))
    walk(held, 2)
    walk(plain, 2)
    lr.fill_(0.5)
    plain.param_groups[0]["lr"] = 0.5
    torch.testing.assert_close(walk(held, 3, start=2), walk(plain, 3, start=2))


def test_a_closure_is_called_once_with_gradients_on(make):
    optimizer = make("rmsprop")
    calls = []

    def closure():
        optimizer.zero_grad()
        loss = sum((p**2).sum() for p in _params(optimizer))
        loss.backward()
        calls.append(loss.item())
        return loss

    assert optimizer.step(closure).item() == calls[0]
    assert len(calls) == 1


def test_hooks_run_around_a_step(make, walk):
    optimizer = make("lion")
    seen = []
    before = optimizer.register_step_pre_hook(lambda *_: seen.append("before"))
    optimizer.register_step_post_hook(lambda *_: seen.append("after"))
    walk(optimizer, 1)
    before.remove()
    walk(optimizer, 1)
    assert seen == ["before", "after", "after"]


@pytest.mark.parametrize(
    "schedule",
    [
        lambda o: torch.optim.lr_scheduler.OneCycleLR(o, max_lr=0.1, total_steps=10),
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 10),
        lambda o: torch.optim.lr_scheduler.CyclicLR(o, 1e-4, 1e-2, step_size_up=3),
    ],
)
@pytest.mark.parametrize("name", ["SGD", "AdamW"])
def test_torch_schedulers_drive_rate_and_momentum(name, schedule, make_params):
    ends = []
    for library in (torch.optim, ours):
        params = make_params()
        optimizer = getattr(library, name)(params, lr=0.01, **({"momentum": 0.9} if name == "SGD" else {}))
        scheduler = schedule(optimizer)
        for step in range(9):
            for p in params:
                p.grad = torch.randn(p.shape, dtype=p.dtype, generator=torch.Generator().manual_seed(step))
            optimizer.step()
            scheduler.step()
        ends.append(torch.cat([p.detach().reshape(-1) for p in params]))
    torch.testing.assert_close(ends[1], ends[0], rtol=1e-11, atol=1e-12)


def test_grad_scaler_skips_a_step_with_infinities():
    p = torch.ones(3, requires_grad=True)
    optimizer = ours.AdaBelief([p], lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    for gradient, moves in ((float("inf"), False), (1.0, True)):
        kept = p.detach().clone()
        optimizer.zero_grad()
        scaler.scale((p * gradient).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        assert torch.equal(p.detach(), kept) is not moves


TWINS = [
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("Adam", {"weight_decay": 0.1}),
    ("Adam", {"amsgrad": True}),
    ("AdamW", {}),
    ("AdamW", {"amsgrad": True, "weight_decay": 0.2}),
    ("RMSprop", {"momentum": 0.5, "centered": True}),
    ("RMSprop", {}),
    ("Adagrad", {"lr_decay": 0.01}),
    ("RAdam", {}),
]


@pytest.mark.parametrize(("name", "arguments"), TWINS)
def test_torchs_state_is_taken_over_in_the_middle_of_a_run(name, arguments, make_params, walk):
    twin = getattr(torch.optim, name)(make_params(), **arguments)
    expected = walk(twin, 20)
    first = getattr(torch.optim, name)(make_params(), **arguments)
    walk(first, 8)
    second = getattr(ours, name)(first.param_groups[0]["params"])
    second.load_state_dict(first.state_dict())
    torch.testing.assert_close(walk(second, 12, start=8), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("name", "arguments"), TWINS)
def test_torch_takes_over_our_state(name, arguments, make_params, walk):
    expected = walk(getattr(torch.optim, name)(make_params(), **arguments), 20)
    first = getattr(ours, name)(make_params(), **arguments)
    walk(first, 8)
    second = getattr(torch.optim, name)(first.param_groups[0]["params"])
    second.load_state_dict(first.state_dict())
    torch.testing.assert_close(walk(second, 12, start=8), expected, rtol=1e-11, atol=1e-12)


def test_schedule_free_answers_at_the_average(make_params, walk):
    optimizer = ours.ScheduleFree(make_params())
    at_training = walk(optimizer, 5)
    optimizer.eval()
    at_average = torch.cat([p.detach().reshape(-1) for p in _params(optimizer)])
    assert not torch.allclose(at_average, at_training)
    with pytest.raises(BadValue, match="train"):
        walk(optimizer, 1)
    optimizer.train()
    back = torch.cat([p.detach().reshape(-1) for p in _params(optimizer)])
    torch.testing.assert_close(back, at_training, rtol=1e-12, atol=1e-13)


def _params(optimizer: RuleOptimizer) -> list[torch.Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"]]


P = [torch.zeros(2, requires_grad=True)]
REFUSED = [
    ("AdamW", P, {"lr": -1.0}, "adamw: lr must be at least 0; got -1.0."),
    ("AdamW", P, {"betas": (1.0, 0.9)}, "adamw: beta1 must be in [0, 1); got 1.0."),
    ("AdamW", P, {"betas": 0.9}, "adamw: betas must be a pair (beta1, beta2); got 0.9."),
    ("AdamW", P, {"weight_decay": float("nan")}, "adamw: weight_decay must be at least 0; got nan."),
    ("SGD", P, {"momentum": 1.0}, "sgd: momentum must be in [0, 1); got 1.0."),
    ("SGD", P, {"nesterov": "yes"}, "sgd: nesterov must be one of False, True; got 'yes'."),
    ("SGD", P, {"clip_norm": 0.0}, "sgd: clip_norm must be above 0; got 0.0."),
    ("SGD", P, {"maximize": 1}, "sgd: maximize must be True or False; got 1."),
    ("SGD", P, {"lr": "fast"}, "sgd: lr must be at least 0; got 'fast'."),
    ("Adam", P, {"beta1": 0.9}, "adam: no such argument 'beta1'."),
    ("Adam", P, {"engine": "rocket"}, "adam: engine must be one of 'auto', 'eager', 'compiled'; got 'rocket'."),
    ("Adam", [], {}, "adam: the list of parameters is empty."),
    ("Adam", P[0], {}, "adam: params must be an iterable of parameters or groups; got 'one tensor'."),
    ("Adam", [3.0], {}, "adam: parameter 0 must be a tensor; got 'float'."),
    ("Adam", [P[0] * 2], {}, "adam: parameter 0, shape (2,), is not a leaf"),
    ("Adam", [{"params": P, "beta": 1}], {}, "adam: no such argument 'beta' of a group. Did you mean 'betas'?"),
    ("Muon", P, {}, "muon: parameter 0, shape (2,), must be a matrix."),
]


@pytest.mark.parametrize(("name", "params", "arguments", "words"), REFUSED)
def test_bad_arguments_are_refused_in_words(name, params, arguments, words):
    with pytest.raises(RavineError) as caught:
        getattr(ours, name)(params, **arguments)
    assert words in str(caught.value)


def test_all_faults_come_at_once():
    with pytest.raises(RavineError, match="2 faults"):
        ours.AdamW(P, lr=-1.0, clip_norm=-1.0)


def test_a_value_changed_later_is_checked_too(make, walk):
    optimizer = make("adamw")
    walk(optimizer, 1)
    optimizer.param_groups[0]["betas"] = (2.0, 0.9)
    with pytest.raises(RavineError, match="beta1"):
        walk(optimizer, 1)


def test_sparse_gradients_are_refused():
    table = nn.Embedding(4, 2, sparse=True)
    optimizer = ours.AdamW(table.parameters())
    table(torch.tensor([1])).sum().backward()
    with pytest.raises(BadValue, match="must be dense"):
        optimizer.step()


def test_state_of_another_model_or_rule_is_refused(make, make_params, walk):
    adam = make("adam")
    walk(adam, 1)
    with pytest.raises(BadValue, match="groups of"):
        ours.Adam(make_params()[:2]).load_state_dict(adam.state_dict())
    with pytest.raises(BadValue, match="'square_avg'"):
        make("rmsprop").load_state_dict({**make("rmsprop").state_dict(), "state": adam.state_dict()["state"]})
    reshaped = make_params()
    reshaped[0] = torch.zeros(5, requires_grad=True)
    with pytest.raises(BadValue, match=r"must have shape \(5,\)"):
        ours.Adam(reshaped).load_state_dict(adam.state_dict())
    with pytest.raises(BadValue, match="param_groups"):
        adam.load_state_dict({})
