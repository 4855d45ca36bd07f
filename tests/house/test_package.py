"""The package: one version everywhere, lazy, and what it promises is there."""

import re
import subprocess
import sys
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import ravine


@pytest.fixture(scope="module")
def project(root):
    return tomllib.loads((root / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def pinned(root) -> dict[str, Version]:
    lines = (root / "constraints.txt").read_text().split()
    return {normal(name): Version(version) for name, version in (line.split("==") for line in lines)}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_one_version_everywhere(root, project):
    newest = re.search(r"^## \[(?P<version>[^]]+)\]", (root / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert ravine.__version__ == project["project"]["version"] == newest["version"]


def test_every_package_we_ask_for_is_pinned_at_a_version_we_allow(project, pinned):
    lists = [project["project"]["dependencies"], *project["dependency-groups"].values()]
    asked = [Requirement(text) for texts in lists for text in texts]
    assert len(asked) > 20
    for requirement in asked:
        assert requirement.specifier.contains(pinned[normal(requirement.name)]), requirement


def test_the_torch_that_is_tested(pinned):
    assert pinned["torch"] == Version("2.13.0")


def test_importing_the_package_loads_nothing_heavy():
    program = (
        "import sys, ravine; print(*sorted({'torch', 'numpy', 'polars', 'pydantic', 'plotly'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("name", ravine.__all__)
def test_what_it_promises_is_there(name):
    assert getattr(ravine, name) is not None
    assert name in dir(ravine)


def test_rooms_are_reached_by_attribute():
    assert ravine.core.__name__ == "ravine.core"
    with pytest.raises(AttributeError, match="no attribute 'nothing_such'"):
        ravine.nothing_such  # noqa: B018 (the access is what is tested)


def test_fit_is_a_room_and_a_verb():
    """Importing anything inside the room must not hide the function."""
    program = "import ravine, ravine.fit.fit; assert callable(ravine.fit); from ravine.fit.fit import Run"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_package_says_that_it_is_typed(root):
    assert (root / "src" / "ravine" / "py.typed").exists()
