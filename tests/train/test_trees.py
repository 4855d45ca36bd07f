"""Nested states survive being taken apart, put through JSON, and put together."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ravine.core.errors import BadRun
from ravine.train.trees import flatten, unflatten

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers() | st.just("~"), inner)
    ),
    max_leaves=20,
)


@given(TREES)
def test_what_goes_in_comes_out(tree: object) -> None:
    skeleton, tensors = flatten(tree)
    back = unflatten(json.loads(json.dumps(skeleton, allow_nan=False)), tensors)
    assert back == tree
    assert type(back) is type(tree)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.tensor(3.0),
        torch.zeros(0, 4),
        torch.randn(3, 4, dtype=torch.bfloat16),
        torch.randn(4, 3).T,
        torch.tensor([True, False]),
        torch.arange(5),
        torch.randn(3, dtype=torch.complex64),
    ],
    ids=lambda tensor: f"{tensor.dtype}-{tuple(tensor.shape)}",
)
def test_tensors_keep_bits_shape_and_type(tensor: torch.Tensor) -> None:
    skeleton, tensors = flatten({"a": [tensor]})
    back = unflatten(skeleton, tensors)["a"][0]
    assert back.dtype == tensor.dtype
    assert torch.equal(back, tensor)


def test_shared_memory_is_no_hindrance() -> None:
    base = torch.arange(6.0)
    skeleton, tensors = flatten([base, base[:3]])
    first, second = unflatten(skeleton, tensors)
    assert torch.equal(first[:3], second)


def test_what_cannot_be_kept_is_refused() -> None:
    with pytest.raises(BadRun, match="a set cannot be kept"):
        flatten({"a": {1, 2}})
