"""Every module keeps the forms of the house: read as text, nothing is imported."""

import ast
from pathlib import Path

LONGEST = 500
"""Lines of one file; beyond that it holds more than one idea."""


def test_every_module_says_what_it_is(trees):
    silent = [name for name, tree in trees.items() if not ast.get_docstring(tree)]
    assert silent == []


def test_no_file_holds_more_than_one_idea(root):
    files = [file for folder in ("src", "tests", "benchmarks", "docs") for file in (root / folder).rglob("*.py")]
    lengths = {file.relative_to(root).as_posix(): len(file.read_text().splitlines()) for file in files}
    assert len(lengths) > 100
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_nothing_is_unpickled(trees):
    """A model or a checkpoint from somebody else is data; reading it must not run it."""
    found = []
    for name, tree in trees.items():
        for node in ast.walk(tree):
            match node:
                case ast.ImportFrom(module="pickle", names=[ast.alias(name="UnpicklingError")]):
                    continue  # raised by what refuses to
                case ast.Import(names=names):
                    modules = [alias.name for alias in names]
                case ast.ImportFrom(module=str(module)):
                    modules = [module]
                case ast.Call(func=ast.Attribute(value=ast.Name(id="torch"), attr="load"), keywords=told):
                    modules = [] if any(map(reads_tensors_alone, told)) else ["torch.load"]
                case ast.keyword(arg="allow_pickle", value=ast.Constant(value=True)):
                    modules = ["allow_pickle"]
                case _:
                    continue
            unsafe = {"pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "torch.load", "allow_pickle"}
            found += [f"{name}:{node.lineno}: {module}" for module in modules if module in unsafe]
    assert found == []


def reads_tensors_alone(keyword):
    return keyword.arg == "weights_only" and isinstance(keyword.value, ast.Constant) and keyword.value.value is True


RUNS_PROGRAMS = "watch/program.py"
"""The one place where a file is run: the user's own program, as python would run it."""


def test_nobody_evaluates_text_as_code(trees):
    """Files of the user are imported, and the program that is watched is run."""
    found = [
        f"{name}:{node.lineno}"
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec")
        if name != RUNS_PROGRAMS
    ]
    assert found == []


def test_nothing_is_left_for_later(root):
    marks = ("TO" + "DO", "FIX" + "ME", "XX" + "X")
    files = [file for folder in ("src", "tests", "docs", "benchmarks") for file in (root / folder).rglob("*")]
    texts = [file for file in files if file.suffix in (".py", ".md", ".toml", ".js", ".css")]
    assert [file for file in texts if any(mark in Path(file).read_text(encoding="utf-8") for mark in marks)] == []


def test_errors_of_the_house_are_raised_and_not_bare_ones(trees):
    """`raise Exception(...)` tells nobody what to do."""
    found = [
        f"{name}:{node.lineno}"
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and isinstance(node.exc.func, ast.Name)
        and node.exc.func.id in ("Exception", "BaseException", "NotImplementedError")
    ]
    assert found == []
