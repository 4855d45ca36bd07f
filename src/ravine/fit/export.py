"""The finished network in forms that other programs run, checked against it before they are kept."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadRun, BadValue, missing_package
from ravine.core.files import explained, write_json, write_whole
from ravine.core.version import VERSION
from ravine.data.prepare import ImagePreparation, Preparation, TablePreparation
from ravine.data.task import Kind
from ravine.fit.model import Model
from ravine.fit.model_folder import load_model, packed, unpacked
from ravine.fit.network import Network
from ravine.records.folder import RunFolder

TOLERANCE = 1e-3
"""Largest difference of outputs, relative to their size: other programs add up in another order."""

_TRACED_ROWS = 4
_CHECKED_ROWS = (1, 7)


def export(run: Path, to: str, output: Path | None = None) -> Path:
    """Write the network of a run, normalizer included, so that it takes raw fields in any number of rows.

    - state-dict: weights as safetensors;
    - pt2: a program of `torch.export`, opened by `torch.export.load`;
    - onnx: a graph for ONNX runtimes.

    Beside it goes a JSON file that says inputs, outputs, classes and how rows become inputs. The
    form is run on random rows and compared with the network before it is kept.

    Args:
        run: Folder of the run, or its name inside `runs/`.
        to: "state-dict", "pt2" or "onnx".
        output: File, or a folder that is there; default: in the run.

    Returns: The file written.

    Raises:
        BadValue: Another form.
        BadRun: No finished model, a network that cannot be exported or answers otherwise
            afterwards, or the file cannot be written.
        Missing: onnx or onnxscript is not installed.
    """
    if to not in _FORMS:
        raise BadValue(f"export: unknown form {to!r}.{did_you_mean(to, _FORMS)} Known: {', '.join(_FORMS)}.")
    ending, pack = _FORMS[to]
    folder = RunFolder.open(run)
    model = load_model(folder.model)
    path = _place(folder, output, f"model{ending}")
    names = input_names(model.preparation)
    with _quiet():
        data, answer = pack(model.network, names, example_fields(model.preparation, _TRACED_ROWS))
        _check(to, model, answer)
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, data)
    write_json(path.with_name(f"{path.name}.json"), described(model, to, path.name))
    return path


def input_names(preparation: Preparation) -> tuple[str, ...]:
    """What the raw fields are called."""
    if isinstance(preparation, TablePreparation):
        return "numbers", "codes"
    return ("pixels",) if isinstance(preparation, ImagePreparation) else ("values",)


def example_fields(preparation: Preparation, rows: int, seed: int = 0) -> tuple[Tensor, ...]:
    """Random raw fields, such as `Preparation.fields` gives, with a missing number among them."""
    generator = torch.Generator().manual_seed(seed)
    shape = preparation.shape
    if isinstance(preparation, ImagePreparation):
        size = (rows, shape.channels, shape.height, shape.width)
        return (torch.randint(0, 256, size, dtype=torch.uint8, generator=generator),)
    raw = preparation.statistics.raw  # type: ignore[attr-defined]
    length = (shape.length,) if shape.form == "sequence" else ()
    numbers = 3.0 * torch.randn(rows, *length, raw, generator=generator)
    numbers.view(-1)[:1] = torch.nan
    if not isinstance(preparation, TablePreparation):
        return (numbers,)
    codes = [torch.randint(0, size, (rows,), generator=generator) for size in shape.cardinalities]
    return numbers, torch.stack(codes, 1) if codes else torch.zeros(rows, 0, dtype=torch.int64)


def described(model: Model, to: str, file: str) -> dict[str, Any]:
    """What somebody needs to know to run the file, in JSON's own types."""
    task, names = model.task, input_names(model.preparation)
    fields = example_fields(model.preparation, 1)
    meaning = {
        Kind.CLASSIFY: "logits of the classes; probabilities = softmax(outputs / temperature)",
        Kind.MULTI_LABEL: "logits of the labels; probabilities = sigmoid(outputs / temperature)",
        Kind.REGRESS: "standardised values; y = outputs * std + mean" + (", then exp(y)" if task.log else ""),
    }[task.kind]
    inputs = [
        {
            "name": name,
            "shape": ["batch", *field.shape[1:]],
            "dtype": str(field.dtype).removeprefix("torch."),
            "meaning": _MEANINGS[name],
        }
        for name, field in zip(names, fields, strict=True)
    ]
    return {
        "file": file,
        "form": to,
        "ravine": VERSION,
        "torch": torch.__version__,
        "inputs": inputs,
        "outputs": {"name": "outputs", "shape": ["batch", task.outputs], "dtype": "float32", "meaning": meaning},
        "task": task.to_json(),
        "classes": list(task.classes),
        **model.extra,
        "preparation": model.preparation.to_json(),
        "steps": model.preparation.describe(),
    }


_MEANINGS = {
    "numbers": "numeric columns in the order of preparation.scalars, raw; NaN where missing",
    "codes": "category columns in the order of preparation.categories; 0 for missing or unseen",
    "pixels": "levels 0 to 255, (batch, channels, height, width)",
    "values": "features as they were given, raw; NaN where missing",
}

Answer = Callable[[tuple[Tensor, ...]], NDArray[Any]]
"""The exported form at work: raw fields → outputs."""


def _state_dict(network: Network, _: Sequence[str], __: tuple[Tensor, ...]) -> tuple[bytes, Answer]:
    data = packed(network)

    def answer(fields: tuple[Tensor, ...]) -> NDArray[Any]:
        said: Tensor = torch.func.functional_call(network, unpacked(data), fields)
        return said.numpy()

    return data, answer


def _pt2(network: Network, _: Sequence[str], fields: tuple[Tensor, ...]) -> tuple[bytes, Answer]:
    file = io.BytesIO()
    program = _traced(network, fields)
    # Empty tensors over memory (of an empty NumPy array, say) trip torch's packing; over none they do not.
    for name, value in program.state_dict.items():
        if value.numel() == 0:
            program.state_dict[name] = value.new_empty(value.shape)
    torch.export.save(program, file)
    file.seek(0)
    loaded = torch.export.load(file).module()

    def answer(fields: tuple[Tensor, ...]) -> NDArray[Any]:
        said: Tensor = loaded(*fields)
        return said.numpy()

    return file.getvalue(), answer


def _onnx(network: Network, names: Sequence[str], fields: tuple[Tensor, ...]) -> tuple[bytes, Answer]:
    try:
        import onnxscript  # noqa: F401 (torch's exporter needs it)
        from onnx.reference import ReferenceEvaluator
    except ImportError as error:
        raise missing_package("ravine export --to onnx", error.name or "onnx", "onnx") from error

    program = torch.onnx.export(
        _traced(network, fields), (), dynamo=True, input_names=list(names), output_names=["outputs"], verbose=False
    )
    assert program is not None
    graph = program.model_proto
    for value in (*graph.graph.input, *graph.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    data = graph.SerializeToString()
    evaluator: Any = ReferenceEvaluator(data)
    taken = {value.name for value in graph.graph.input}

    def answer(fields: tuple[Tensor, ...]) -> NDArray[Any]:
        given = {name: field.numpy() for name, field in zip(names, fields, strict=True) if name in taken}
        said: NDArray[Any] = evaluator.run(None, given)[0]
        return said

    return data, answer


_FORMS = {"state-dict": (".safetensors", _state_dict), "pt2": (".pt2", _pt2), "onnx": (".onnx", _onnx)}


def _traced(network: Network, fields: tuple[Tensor, ...]) -> torch.export.ExportedProgram:
    batch = torch.export.Dim("batch", min=1)
    shapes: Any = (tuple({0: batch} for _ in fields),)
    try:
        return torch.export.export(network, fields, dynamic_shapes=shapes)
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise BadRun(
            f"export: the network cannot be traced for any number of rows ({type(error).__name__}: {reason}). "
            "Use --to state-dict, or take branches on values and sizes out of its forward."
        ) from error


def _check(to: str, model: Model, answer: Answer) -> None:
    """Raise `BadRun` unless the exported form gives the network's outputs on random rows."""
    for rows in _CHECKED_ROWS:
        fields = example_fields(model.preparation, rows, seed=rows)
        with torch.inference_mode():
            expected = model.network(*fields).numpy()
        with torch.no_grad():
            said = answer(fields)
        scale = max(1.0, float(np.abs(expected).max()))
        if said.shape != expected.shape or not np.allclose(said, expected, rtol=0, atol=TOLERANCE * scale):
            raise BadRun(f"export: the {to} form does not give the network's outputs on {rows} random rows; not kept.")


def _place(folder: RunFolder, output: Path | None, name: str) -> Path:
    if output is None:
        return folder.path / name
    return output / name if output.is_dir() else output


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch's warnings about its own code, and its exporter's chatter, to itself."""
    chatter = logging.getLogger("torch.onnx")
    before = chatter.level
    chatter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        chatter.setLevel(before)
