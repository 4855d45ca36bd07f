"""The generated parts of the docs hold everything that the code has."""

import importlib.util

import pytest

from ravine.train.recipe import Recipe

pytest.importorskip("markdown", reason="Markdown is not installed (it comes with tensorboard and mkdocs)")


@pytest.fixture(scope="module")
def reference(root):
    spec = importlib.util.spec_from_file_location("reference", root / "docs" / "build" / "reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_choice_of_the_recipe_is_explained(reference):
    text = reference.on_page_markdown("# The recipe\n\n<!-- recipe -->\n")
    for name, field in Recipe.model_fields.items():
        inner = getattr(field.annotation, "model_fields", None)
        assert (f"## `[{name}]`" if inner else f"| `{name}` |") in text
        for choice in inner or ():
            assert f"| `{choice}` |" in text
    assert "typing." not in text
    assert "Annotated" not in text
    assert "| `momentum` | number, ≥ 0, < 1 | `0.9` |" in text
    assert "number > 0 or `auto`" in text


def test_every_verb_and_every_name_is_listed(reference):
    from ravine.rules import RULES

    assert "## ravine export" in reference.commands(None)
    names = reference.catalogues(None)
    assert all(f"| `{name}` |" in names for name in RULES)


def test_every_module_of_a_room_is_in_the_reference(reference, root):
    rooms = {file.parent.name for file in (root / "src" / "ravine").glob("*/__init__.py")}
    pages = {page.stem for page in (root / "docs" / "api").glob("*.md")}
    assert rooms - pages <= {"cli", "diagnose"}
    for room in pages:
        text = reference.on_page_markdown((root / "docs" / "api" / f"{room}.md").read_text())
        modules = [
            ".".join(file.relative_to(root / "src").with_suffix("").parts).removesuffix(".__init__")
            for file in (root / "src" / "ravine" / room).rglob("*.py")
            if not file.stem.startswith("_") or file.stem == "__init__"
        ]
        assert all(f"::: {module}\n" in text for module in modules)


def test_a_doctest_that_stands_free_becomes_code(reference):
    import markdown

    html = markdown.markdown("text\n\n>>> 1 + 1\n2\n\nmore", extensions=[reference.DoctestExtension(), "fenced_code"])
    assert "blockquote" not in html
    assert "&gt;&gt;&gt; 1 + 1\n2\n</code>" in html
