"""What README, CONTRIBUTING and the pages tell people to type is there."""

import itertools
import os
import re
import subprocess
import sys

import pytest
import typer

from ravine.cli.app import app

PAGES = ("README.md", "CONTRIBUTING.md", "docs/index.md", "docs/getting-started.md", "docs/guide/*.md")


@pytest.fixture(scope="module")
def texts(root) -> dict[str, str]:
    files = [file for pattern in PAGES for file in root.glob(pattern)]
    assert len(files) > 8
    return {file.relative_to(root).as_posix(): file.read_text(encoding="utf-8") for file in files}


@pytest.fixture(scope="module")
def typed(texts) -> list[str]:
    """Lines after a prompt, and code between backticks, that begin with one of our two programs."""
    lines = []
    for text in texts.values():
        lines += re.findall(r"^\$ (.+?)(?:\s+#.*)?$", text, re.MULTILINE)
        lines += re.findall(r"(?<!`)`((?:make|ravine) [^`]+)`", text)
    assert len(lines) > 25
    return lines


def test_every_make_command_is_in_the_makefile(root, typed):
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(), re.MULTILINE))
    asked = {line.split()[1] for line in typed if line.startswith("make ")}
    assert {"fit", "test"} <= asked
    assert asked <= targets


def test_every_target_is_explained_by_make_help(root):
    makefile = (root / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert phony is not None
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    shown, bare = (
        subprocess.run(words, cwd=root, env=environment, capture_output=True, text=True, check=True).stdout
        for words in (["make", "help"], ["make"])
    )
    assert {line.split()[1] for line in shown.splitlines()} == set(phony[1].split())
    assert bare == shown


def test_every_verb_and_option_is_one_the_command_line_has(typed):
    verbs = typer.main.get_command(app).commands
    asked = [line.split() for line in typed if line.startswith("ravine ")]
    assert len(asked) > 10
    for _, verb, *words in asked:
        if verb.startswith("-"):
            continue
        if verb == "watch":  # what follows the program is the program's own
            words = list(itertools.takewhile(lambda word: not word.endswith(".py"), words))
        known = {name for option in verbs[verb].params for name in option.opts} | {"--help"}
        assert {word for word in words if re.match("--?[a-z]", word)} <= known, (verb, words)


def test_the_test_command_is_the_one_ci_runs(root, texts):
    script = (root / ".ci" / "run").read_text()
    assert os.access(root / ".ci" / "run", os.X_OK)
    for command in ("make lint", "make test"):
        assert command in script
        assert command in texts["README.md"] + texts["CONTRIBUTING.md"]
    subprocess.run(["bash", "-n", ".ci/run"], cwd=root, check=True)


def python_blocks(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_examples_in_the_readme_and_the_guide_run(texts, tmp_path):
    (ten_lines,) = python_blocks(texts["README.md"])
    assert len([line for line in ten_lines.splitlines() if line.strip()]) <= 10
    listening = python_blocks(texts["docs/guide/trainer.md"])[-1]
    program = f"{ten_lines}\nprint('---')\n{listening}"
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.split("---\n")
    assert "epochs=10" in first
    assert len(re.findall(r"^\d\.\d+(?:e-\d+)?$", second, re.MULTILINE)) == 10


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_to_files_of_ours_lead_somewhere(root, page):
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", (root / page).read_text(encoding="utf-8"))
    assert [target for target in targets if not (root / target).exists()] == []
