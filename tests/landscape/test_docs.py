"""The pages on optimizers that the docs build makes."""

import importlib.util
import sys

import pytest

from ravine.cli.topics import pages
from ravine.landscape import SURFACES, race

pytest.importorskip("mkdocs", reason="MkDocs is not installed (make docs installs it)")


@pytest.fixture(scope="module")
def hook(request):
    folder = request.config.rootpath / "docs" / "build"
    sys.path.insert(0, str(folder))  # as MkDocs does for a hook
    try:
        spec = importlib.util.spec_from_file_location("optimizers_hook", folder / "optimizers.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
    return module


def optimizers(hook):
    """The pages that stand in that part of the docs."""
    return [page for kind in hook.KINDS for page in pages(kind)]


def test_a_page_holds_all_that_the_terminal_shows(hook):
    lanes = race("ravine", ["adam", "sgd"], lr=[0.5, 1e-4], steps=120).lanes
    for page in optimizers(hook):
        text = hook.text(page, lanes)
        for part in (page.summary, page.formula, page.text, page.departures, str(page.source), page.example):
            assert part in text
        assert all(f"| `{argument.name}` | `{argument.default}` |" in text for argument in page.arguments)
        assert f"({page.name}.png)" in text
    assert "sgd at a rate of 0.0001 is not there after 120 steps" in text


def test_the_list_and_the_navigation_have_every_page(hook):
    listed = hook.index(optimizers(hook))
    config = type("Config", (), {"nav": [{"Home": "index.md"}, {"Optimizers": []}]})()
    added = hook.on_config(config).nav[1]["Optimizers"]
    assert added == [{page.name: f"optimizers/{page.name}.md"} for page in optimizers(hook)]
    assert all(f"[{page.name}]({page.name}.md)" in listed for page in optimizers(hook))


def test_the_page_on_races_shows_every_surface(hook):
    text = hook.surfaces()
    for name, surface in SURFACES.items():
        assert f"### {name}\n" in text
        assert surface.formula in text
        assert f"(surface-{name}.png)" in text
