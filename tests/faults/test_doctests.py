"""Examples in the benchmark's docstrings, which pytest does not collect there."""

from __future__ import annotations

import doctest

import pytest
from benchmarks.faults import fixes, gate, plan, score


@pytest.mark.parametrize("module", [fixes, gate, plan, score])
def test_examples(module):
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed
