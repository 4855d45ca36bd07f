"""The benchmark is a package of the repository, not of the library."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))


@pytest.fixture(autouse=True)
def _with_the_data_it_needs(request: pytest.FixtureRequest) -> None:
    """Series come with the packages of `make bench`, which `make test` does without."""
    if "mnist1d" in request.node.name:
        pytest.importorskip("mnist1d")
