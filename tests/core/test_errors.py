"""Errors: one sentence a person can act on, and a `RavineError` whatever else it is."""

import inspect

import pytest

from ravine.core import errors
from ravine.core.errors import BadData, BadRun, BadValue, Faults, Missing, RavineError, UserCodeError, refusal

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, RavineError)]


@pytest.mark.parametrize("kind", KINDS)
def test_one_except_clause_catches_them_all(kind):
    assert issubclass(kind, RavineError)


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (BadValue, ValueError),
        (BadData, ValueError),
        (BadRun, RuntimeError),
        (UserCodeError, RuntimeError),
        (Missing, ImportError),
        (Faults, ValueError),
    ],
)
def test_code_that_knows_only_pythons_errors_catches_them_too(kind, builtin):
    assert issubclass(kind, builtin)


def test_a_refusal_says_owner_name_allowed_got_and_remedy():
    assert refusal("adam", "beta1", "be in [0, 1)", 1.0) == "adam: beta1 must be in [0, 1); got 1.0."
    assert refusal("table", "target", "be a column", "prise", "Known: price.") == (
        "table: target must be a column; got 'prise'. Known: price."
    )


def test_one_fault_reads_as_a_sentence_and_several_as_a_list():
    assert str(Faults("r.toml", ["a is wrong"])) == "r.toml: a is wrong"
    assert str(Faults("r.toml", ["a is wrong", "b too"])) == "r.toml: 2 faults\n  - a is wrong\n  - b too"
    assert Faults("r.toml", ["a", "b"]).faults == ("a", "b")


def test_a_missing_package_comes_with_the_command_that_installs_it():
    assert "pip install 'ravine[onnx]'" in str(errors.missing_package("export", "onnx", "onnx"))
