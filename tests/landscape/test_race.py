"""A race is what every optimizer does alone; who is there when, counted by hand."""

import json
import math

import pytest
import torch

from ravine import optim
from ravine.core.errors import BadValue
from ravine.landscape import SURFACES, Surface, race
from ravine.landscape.entries import CONTESTANTS
from ravine.landscape.race import SEARCHED

ALONE = {
    "sgd": lambda p, lr: optim.SGD([p], lr=lr),
    "momentum": lambda p, lr: optim.SGD([p], lr=lr, momentum=0.9),
    "nesterov": lambda p, lr: optim.SGD([p], lr=lr, momentum=0.9, nesterov=True),
    "adagrad": lambda p, lr: optim.Adagrad([p], lr=lr),
    "rmsprop": lambda p, lr: optim.RMSprop([p], lr=lr),
    "adam": lambda p, lr: optim.Adam([p], lr=lr),
    "amsgrad": lambda p, lr: optim.Adam([p], lr=lr, amsgrad=True),
    "adamw": lambda p, lr: optim.AdamW([p], lr=lr, weight_decay=0),
    "nadam": lambda p, lr: optim.NAdam([p], lr=lr),
    "diffgrad": lambda p, lr: optim.DiffGrad([p], lr=lr),
    "radam": lambda p, lr: optim.RAdam([p], lr=lr),
    "adabelief": lambda p, lr: optim.AdaBelief([p], lr=lr),
    "angulargrad": lambda p, lr: optim.AngularGrad([p], lr=lr),
    "adainject": lambda p, lr: optim.AdaInject([p], lr=lr),
    "lion": lambda p, lr: optim.Lion([p], lr=lr),
    "lamb": lambda p, lr: optim.LAMB([p], lr=lr, weight_decay=0),
    "muon": lambda p, lr: optim.Muon([p], lr=lr),
    "schedule_free_sgd": lambda p, lr: optim.ScheduleFree([p], lr=lr, base="sgd"),
    "schedule_free_adamw": lambda p, lr: optim.ScheduleFree([p], lr=lr),
    "lookahead": lambda p, lr: optim.Lookahead(optim.SGD([p], lr=lr)),
    "sam": lambda p, lr: optim.SAM(optim.SGD([p], lr=lr)),
    "momentum:momentum=0.5": lambda p, lr: optim.SGD([p], lr=lr, momentum=0.5),
    "adam:beta1=0.5:eps=0.1": lambda p, lr: optim.Adam([p], lr=lr, betas=(0.5, 0.999), eps=0.1),
    "adamw:weight_decay=0.3": lambda p, lr: optim.AdamW([p], lr=lr, weight_decay=0.3),
    "sgd:weight_decay=0.3": lambda p, lr: optim.SGD([p], lr=lr, weight_decay=0.3),
    "rmsprop:momentum=0.9:centered=true": lambda p, lr: optim.RMSprop([p], lr=lr, momentum=0.9, centered=True),
    "angulargrad:mode=reference": lambda p, lr: optim.AngularGrad([p], lr=lr, mode="reference"),
    "schedule_free_sgd:weight_decay=0.3": lambda p, lr: optim.ScheduleFree([p], lr=lr, base="sgd", weight_decay=0.3),
    "lookahead:base=amsgrad:k=3:beta1=0.8": lambda p, lr: optim.Lookahead(
        optim.Adam([p], lr=lr, amsgrad=True, betas=(0.8, 0.999)), k=3
    ),
}


def alone(name: str, surface: Surface, lr: float, steps: int) -> torch.Tensor:
    """The path as anybody would write the loop."""
    shape = (1, 2) if name == "muon" else (2,)
    p = torch.tensor(surface.start, dtype=torch.float64).reshape(shape).requires_grad_()
    optimizer = ALONE[name](p, lr)
    path = [p.detach().clone()]

    def closure():
        optimizer.zero_grad()
        x, y = p.reshape(2)
        loss = surface.function(x, y)
        loss.backward()
        return loss

    for _ in range(steps):
        optimizer.step(closure)
        if hasattr(optimizer, "eval"):
            optimizer.eval()
        path.append(p.detach().clone())
        if hasattr(optimizer, "train"):
            optimizer.train()
    return torch.stack(path).reshape(steps + 1, 2)


@pytest.fixture(scope="module")
def everybody():
    return race("beale", list(ALONE), lr=0.013, steps=25)


def test_nobody_is_left_out():
    assert set(CONTESTANTS) <= set(ALONE)


@pytest.mark.parametrize("place", range(len(ALONE)), ids=list(ALONE))
def test_a_path_is_what_the_optimizer_does_alone(everybody, place):
    lane = everybody.lanes[place]
    expected = alone(lane.label, everybody.surface, 0.013, 25)
    torch.testing.assert_close(lane.points, expected, rtol=1e-10, atol=1e-12)
    assert not torch.equal(lane.points[0], lane.points[1])
    torch.testing.assert_close(lane.losses, everybody.surface(expected), rtol=1e-9, atol=1e-12)


def test_gradient_descent_on_the_ravine_is_there_when_its_closed_form_says():
    lr, steps = 0.37, 150
    (lane,) = race("ravine", ["sgd"], lr=lr, steps=steps).lanes
    x, y = SURFACES["ravine"].start
    way = [(x * (1 - lr / 10) ** t, y * (1 - 2 * lr) ** t) for t in range(steps + 1)]
    torch.testing.assert_close(lane.points, torch.tensor(way, dtype=torch.float64), rtol=1e-12, atol=1e-300)
    heights = [x**2 / 20 + y**2 for x, y in way]
    assert lane.reached == next(t for t, height in enumerate(heights) if height <= heights[0] * 1e-3)


def test_there_means_to_stay():
    """The ball with momentum crosses the tolerance on its way through, and that does not count."""
    (lane,) = race("ravine", ["momentum"], lr=0.1, steps=200, tolerance=0.01).lanes
    target = 0.01 * float(lane.losses[0])
    inside = [t for t, loss in enumerate(lane.losses.tolist()) if loss <= target]
    assert lane.reached is not None
    assert inside[0] < lane.reached
    assert inside[-(200 - lane.reached + 1)] == lane.reached
    assert float(lane.losses[lane.reached - 1]) > target


def test_a_search_finds_what_trying_every_rate_finds():
    found = race("rosenbrock", ["sgd", "momentum"], steps=80)
    assert found.searched == len(SEARCHED) == len(set(SEARCHED))
    for lane in found.lanes:
        tried = [race("rosenbrock", [lane.label], lr=rate, steps=80).lanes[0] for rate in SEARCHED]
        there = [one.reached for one in tried if one.reached is not None]
        if there:
            assert lane.reached == min(there)
        else:
            assert lane.loss == pytest.approx(min(one.loss for one in tried if math.isfinite(one.loss)), rel=1e-12)
        torch.testing.assert_close(lane.points, next(one.points for one in tried if one.lr == lane.lr))


def test_the_surface_is_evaluated_once_a_step_for_all_members():
    counts = []

    def counted(x, y):
        counts.append(x.numel())
        return x**2 + y**2

    surface = Surface(**{f: getattr(SURFACES["ravine"], f) for f in Surface.__slots__} | {"function": counted})
    race(surface, ["sgd", "adam", "adam:beta2=0.9", "lamb"], steps=10)
    assert counts.count(4 * len(SEARCHED)) == 10


def test_who_flies_away_does_not_disturb_the_others():
    together = race("rosenbrock", ["sgd", "adam"], lr=[1.0, 0.1], steps=40)
    gone, well = together.lanes
    assert gone.diverged
    assert not well.diverged
    torch.testing.assert_close(well.points, race("rosenbrock", ["adam"], lr=0.1, steps=40).lanes[0].points)
    assert "diverged" in together.table()
    told = json.loads(json.dumps(together.to_json(), allow_nan=False))
    assert told["lanes"][0]["loss"] is None
    assert told["lanes"][0]["diverged"]


def test_a_start_at_the_minimum_is_there_at_once():
    (lane,) = race("ravine", ["adam"], lr=0.1, steps=5, start=(0.0, 0.0)).lanes
    assert (lane.reached, lane.loss, lane.end) == (0, 0.0, (0.0, 0.0))


def test_table_and_json_say_the_same(four):
    header, *rows = four.table().splitlines()
    assert header.split("  ")[0] == "optimizer"
    told = four.to_json()
    assert [row.split()[0] for row in rows] == [lane["optimizer"] for lane in told["lanes"]]
    for row, lane in zip(rows, told["lanes"], strict=True):
        name, rate, there, *_ = row.split()
        assert (float(rate), name) == (lane["lr"], lane["rule"])
        assert there == ("not" if lane["steps_to_tolerance"] is None else str(lane["steps_to_tolerance"]))
        assert len(lane["path"]) == len(lane["losses"]) == told["steps"] + 1 == 81


def test_a_surface_of_ones_own():
    own = Surface(
        name="bowl",
        function=lambda x, y: (x - 1) ** 2 + y**2,
        formula="(x - 1)² + y²",
        about="Easy.",
        start=(3.0, 1.0),
        minima=((1.0, 0.0),),
        window=(-1.0, 4.0, -1.75, 1.75),
        source=SURFACES["ravine"].source,
    )
    (lane,) = race(own, ["sgd"], lr=0.5, steps=2).lanes
    assert lane.points.tolist() == [[3, 1], [1, 0], [1, 0]]
    assert lane.reached == 1


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"surface": "ravin"}, "unknown surface 'ravin'. Did you mean 'ravine'?"),
        ({"optimizers": ["adm"]}, "unknown optimizer 'adm'. Did you mean 'adam'?"),
        ({"optimizers": []}, "race: optimizers must name at least one; got []."),
        ({"optimizers": ["sgd", "sgd"]}, "race: optimizers names 'sgd' twice"),
        ({"optimizers": ["adam:beta1=1.0"]}, "adam: beta1 must be in [0, 1); got 1.0."),
        ({"optimizers": ["adam:beta=0.5"]}, "adam: no hyperparameter 'beta'. Did you mean 'beta2'?"),
        ({"optimizers": ["adam:0.5"]}, "race: 'adam:0.5' must read like momentum:momentum=0.99; got '0.5'"),
        ({"optimizers": ["adam:weight_decay=-1"]}, "adam: weight_decay must be at least 0; got -1."),
        ({"optimizers": ["adam:weight_decay=x"]}, "adam: weight_decay must be at least 0; got 'x'."),
        ({"optimizers": ["sam:base=adm"]}, "sam: base must be the name of a rule; got 'adm'."),
        ({"optimizers": ["sam:rho=0"]}, "sam: rho must be above 0; got 0."),
        ({"lr": 0.0}, "race: lr must be above 0; got 0.0."),
        ({"lr": [0.1, 0.2, 0.3]}, "race: lr must be one number, or 4, one for each optimizer"),
        ({"lr": math.nan}, "race: lr must be above 0; got nan."),
        ({"lr": "find"}, "race: lr must be 'search', a number"),
        ({"steps": 0}, "race: steps must be a whole number in [1, 10000]; got 0."),
        ({"steps": True}, "race: steps must be a whole number"),
        ({"steps": 10_001}, "race: steps must be a whole number"),
        ({"tolerance": 1.0}, "race: tolerance must be in (0, 1); got 1.0."),
        ({"start": (1.0,)}, "race: start must be two numbers, x and y; got [1.0]."),
        ({"start": (1.0, math.inf)}, "race: y of start must be finite; got inf."),
        ({"surface": "beale", "start": (1e200, 1e200)}, "race: start must be where the surface is finite"),
    ],
)
def test_bad_input_is_one_message(more, words):
    with pytest.raises(BadValue) as caught:
        race(**more)
    assert str(caught.value).startswith(words)
