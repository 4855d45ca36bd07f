"""`ravine explain`: one page a name, and examples that run."""

import inspect
import tomllib

import pytest
import torch

from ravine.cli import main
from ravine.cli.backprop import WEIGHTS
from ravine.cli.choices import techniques
from ravine.cli.page import Page
from ravine.cli.topics import TOPICS, explained, pages
from ravine.models.unit_graph_picture import BACK, FORWARD
from ravine.optim.methods import METHODS
from ravine.regularize.catalogue import TECHNIQUES
from ravine.regularize.chosen import choose
from ravine.regularize.technique import Acts
from ravine.rules import RULES, WRAPPERS

EVERY = [*RULES, *WRAPPERS]


@pytest.mark.parametrize("name", EVERY)
def test_a_page_says_everything(capsys, name):
    assert main(["explain", name]) == 0
    out = " ".join(capsys.readouterr().out.split())
    member = RULES.get(name) if name in RULES else WRAPPERS[name]
    page = explained(name)
    assert page.formula == member.formula
    for text in (member.formula, str(member.source), page.summary, page.departures):
        assert " ".join(text.split()) in out
    arguments = member.hyperparameters if name in RULES else member.defaults
    assert [argument.name for argument in page.arguments] == list(arguments)
    for word in (*arguments, *(slot.name for slot in page.state)):
        assert word in out
    assert all(slot.meaning.startswith("like p") for slot in page.state)
    for heading in ("Formula", "What it does", "State per parameter", "In short", "Source", "In Python"):
        assert heading in out


@pytest.mark.parametrize("name", EVERY)
def test_the_example_runs_and_runs_this_very_rule(name):
    page = explained(name)
    assert len(page.example.splitlines()) == 3
    model = torch.nn.Linear(3, 2, bias=False)
    before = model.weight.detach().clone()
    loss = model(torch.ones(1, 3)).square().sum()

    def closure():
        optimizer.zero_grad()
        again = model(torch.ones(1, 3)).square().sum()
        again.backward()
        return again

    scope = {"model": model, "loss": loss, "closure": closure}
    lines = page.example.splitlines()
    exec("\n".join(lines[:2]), scope)  # the text is ours, and that it runs is what is tested
    optimizer = scope["optimizer"]
    exec(lines[2], scope)
    assert not torch.equal(before, model.weight)
    if name in RULES:
        assert optimizer.family.rule_of(optimizer.param_groups[0]).update is RULES[name].update


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_its_page_and_an_example_that_runs(capsys, name):
    assert main(["explain", name]) == 0
    out = " ".join(capsys.readouterr().out.split())
    method, page = METHODS[name], explained(name)
    for text in (method.formula, method.state, str(method.source), page.summary):
        assert " ".join(text.split()) in out
    taken = inspect.signature(method.make).parameters
    assert [argument.name for argument in page.arguments] == list(taken)
    assert "Attributes:" not in page.text
    x, y = torch.tensor([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0]]), torch.tensor([[1.0], [2.0], [0.5]])
    model, loss_of = torch.nn.Linear(2, 1), torch.nn.MSELoss()
    before = loss_of(model(x), y)

    def closure():
        model.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        return loss

    scope = {"model": model, "x": x, "y": y, "loss_of": loss_of, "closure": closure, "loss": loss_of(model(x), y)}
    exec(page.example, scope)  # the text is ours, and that it runs is what is tested
    assert isinstance(scope["optimizer"], method.make)
    assert loss_of(model(x), y) < before


def test_bounds_defaults_and_departures_in_full(capsys):
    assert main(["explain", "adabelief"]) == 0
    out = capsys.readouterr().out
    rows = {line.split()[0]: " ".join(line.split()) for line in out.splitlines() if line.strip()}
    assert rows["beta1"].startswith("beta1 0.9 in [0, 1) β₁, memory of the mean")
    assert rows["eps"].startswith("eps 1e-16 at least 0 ε, added twice")
    assert rows["rectify"].startswith("rectify False False, True RAdam's rectification")
    assert "https://arxiv.org/abs/2010.07468" in out
    assert "  u = m̂ / (√ŝ + ε)" in out
    assert explained("angulargrad").departures.startswith('`mode="reference"` is the authors\' code')
    assert explained("amsgrad").departures.startswith("Four conventions are in use.")


@pytest.mark.parametrize("name", TECHNIQUES)
def test_a_technique_has_its_page_and_an_example_that_runs(capsys, name):
    assert main(["explain", name]) == 0
    out = " ".join(capsys.readouterr().out.split())
    technique, page = TECHNIQUES[name], explained(name)
    for text in (technique.formula, str(technique.source), page.summary):
        assert " ".join(text.split()) in out
    line = next((value for label, value in page.facts if label == "recipe"), None)
    if line is not None:  # what it says of recipe and command line is what they take
        table = tomllib.loads(line.replace("] ", "]\n"))["regularize"]
        word = next(value for label, value in page.facts if label == "command line").rpartition(" ")[2]
        assert choose(table).words == choose(techniques([word])).words != []
    assert "State" not in out
    taken = inspect.signature(technique.make).parameters
    assert [argument.name for argument in page.arguments] == list(taken)
    assert all(argument.meaning for argument in page.arguments)
    compile(page.example, name, "exec")
    scope = {}
    exec(page.example.splitlines()[0 if technique.acts is not Acts.WEIGHTS else 1], scope)  # the text is ours
    assert scope[technique.make.__name__] is technique.make


def test_backpropagation_with_numbers_that_autograd_finds_too(capsys, tmp_path):
    from PIL import Image

    file = tmp_path / "backprop.png"
    assert main(["explain", "backprop", "-o", str(file)]) == 0
    out = capsys.readouterr().out
    weights = torch.tensor([0.5, -0.3, -0.4, 0.8, 1.2, 0.6, -0.7, 0.9, 0.2], dtype=torch.float64, requires_grad=True)
    w = dict(zip(WEIGHTS, weights, strict=True))
    assert [value.item() for value in w.values()] == list(WEIGHTS.values())
    h1 = torch.tanh(w["x1", "h1"] + 2 * w["x2", "h1"])
    h2 = torch.tanh(w["x1", "h2"] + 2 * w["x2", "h2"])
    h3 = torch.tanh(h1 * w["h1", "h3"] + h2 * w["h2", "h3"])
    y = h3 * w["h3", "y"] + h2 * w["h2", "y"] + 2 * w["x2", "y"]
    (gradients,) = torch.autograd.grad((y - 1) ** 2 / 2, weights)
    lines = [line.split() for line in out.splitlines() if " → " in line and "∂loss" not in line]
    for (u, v), gradient in zip(WEIGHTS, gradients.tolist(), strict=True):
        (line,) = [line for line in lines if line[:3] == [u, "→", v]]
        assert float(line[-1].replace("−", "-")) == pytest.approx(gradient, abs=5e-4)
    assert f"loss = ½(o[y] − 1.000)² = {((y - 1) ** 2 / 2).item():.3f}" in out
    assert "a = 0.500·1.000 − 0.300·2.000 = −0.100" in out
    assert f"drawn into {file}" in " ".join(out.split())
    with Image.open(file) as image:
        assert image.format == "PNG"
        colors = {color for _, color in image.getcolors(1 << 20)}
    assert {FORWARD, BACK} <= colors


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["adam", "-o", "adam.png"], "error: explain: there is no picture of adam. With a picture: constant, "),
        (["backprop", "-o", "a.svg"], "error: explain: --output must end in .png; got 'a.svg'."),
        (["-o", "a.png"], "error: explain: -o draws one example, so it needs a NAME."),
    ],
)
def test_what_cannot_be_drawn_is_said(words, text, capsys):
    assert main(["explain", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(text)


def test_without_a_name_everything_is_listed(capsys):
    assert main(["explain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = [line.split()[0] for line in lines if line.strip()]
    assert set(names) >= {page.name for page in pages()}
    assert [line for line in lines if line in {topic.title for topic in TOPICS}] == [topic.title for topic in TOPICS]


@pytest.mark.parametrize("spelling", ["AdaBelief", "schedule-free-sgd", " adam "])
def test_case_and_hyphens_do_not_matter(spelling, capsys):
    assert main(["explain", spelling]) == 0
    assert capsys.readouterr().out.split()[0] in EVERY


@pytest.mark.parametrize(("name", "near"), [("adabelif", "adabelief"), ("lookahed", "lookahead"), ("Adem", "adam")])
def test_an_unknown_name_suggests_the_nearest_of_all_topics(name, near, capsys):
    assert main(["explain", name]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: explain: unknown name {name!r}. Did you mean {near!r}? Known: sgd, ")
    assert err.count("\n") == 1


def test_topics_are_asked_in_turn(monkeypatch):
    """Another kind of thing is one more topic, and nothing else."""
    from ravine.cli import topics

    adam = explained("adam")
    page = Page(**{name: getattr(adam, name) for name in Page.__slots__} | {"name": "limps", "kind": "ailment"})
    more = topics.Topic("ailment", "Ailments", lambda: {"limps": page, "adam": page}, lambda member: member)
    monkeypatch.setattr(topics, "TOPICS", (*TOPICS, more))
    assert explained("limps").kind == "ailment"
    assert explained("adam").kind == "optimizer"
    assert [page.name for page in pages("ailment")] == ["limps", "limps"]


def test_names_complete(ravine):
    import os

    more = {"_RAVINE_COMPLETE": "complete_bash", "COMP_WORDS": "ravine explain ada", "COMP_CWORD": "2"}
    done = ravine(env={**os.environ, **more})
    assert done.stdout.split() == ["adagrad", "adam", "adamw", "adabelief", "adainject"]
