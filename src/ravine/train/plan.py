"""What runs fastest here: measured on the first batch, checked to give the same loss, and said.

Tried one after the other, each against the best so far, interleaved so that a machine whose speed
drifts cannot favour one: number of threads, channels-last layout, bfloat16 autocast, compilation.
A candidate is taken when it is at least 5% faster and its loss agrees with float32's.
"""

from __future__ import annotations

import contextlib
import copy
import os
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ravine.data.batches import Batch
from ravine.records.results import Candidate, PlanSection

GAIN = 0.95  # a candidate must take at most this share of the time
AGREES = {"float32": 1e-3, "bfloat16": 2e-2}  # largest relative difference of the loss
COMPILE_FROM = {"cpu": 600.0, "cuda": 60.0}  # seconds of training expected, below which compiling cannot pay


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """How a step is run."""

    precision: str = "float32"
    channels_last: bool = False
    compiled: bool = False
    threads: int = 1
    deterministic: bool = False
    workers: int = 0  # processes that load batches
    step_seconds: float | None = None  # of forward and backward, as measured

    def __str__(self) -> str:
        words = [self.precision]
        if self.channels_last:
            words.append("channels-last")
        if self.compiled:
            words.append("compiled")
        words.append(f"{self.threads} thread{'s' if self.threads != 1 else ''}")
        if self.workers:
            words.append(f"{self.workers} loader process{'es' if self.workers != 1 else ''}")
        return ", ".join(words)

    def to_json(self) -> dict[str, Any]:
        """This decision in JSON's own types."""
        return asdict(self)

    def autocast(self, device: torch.device) -> contextlib.AbstractContextManager[Any]:
        """The precision, as a context for the forward pass."""
        if self.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(device.type, torch.bfloat16)

    def apply(self, model: nn.Module) -> nn.Module:
        """Set threads and layout, and give the callable that runs a step."""
        self.lay_out(model)
        return self.compile(model) if self.compiled else model

    def lay_out(self, model: nn.Module) -> None:
        """Set the number of threads, and lay the weights out in memory."""
        torch.set_num_threads(self.threads)
        if self.channels_last:
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @staticmethod
    def compile(model: nn.Module) -> nn.Module:
        """The callable that runs a step, compiled at its first."""
        return torch.compile(model)  # type: ignore[return-value]


def safe_decision(threads: int | None = None) -> tuple[Decision, PlanSection]:
    """Nothing measured: float32, deterministic, so that a seed gives the same bits each time."""
    decision = Decision(threads=threads or torch.get_num_threads(), deterministic=True)
    return decision, PlanSection(
        mode="safe", choice=f"{decision}, deterministic", reason="nothing was measured: a seed gives the same bits"
    )


def measured_decision(
    model: nn.Module,
    loss: Callable[[Any, Any], Any],
    batch: Batch,
    *,
    device: torch.device,
    steps: int,
    threads: int | None = None,
) -> tuple[Decision, PlanSection]:
    """Try what could be faster on one batch, within about 2% of the time the training will take.

    Args:
        model: The network; it is measured in copies and left as it is.
        loss: (outputs, target) → scalar.
        batch: One batch, on `device`.
        device: Where it runs.
        steps: Optimizer steps the training will take.
        threads: Fixed by the user, or None to measure.
    """
    trials = _Trials(model, loss, batch, device, steps)
    best = trials.begin(Decision(threads=threads or torch.get_num_threads()))
    if threads is None and device.type == "cpu":
        for fewer in sorted({1, (os.cpu_count() or 1) // 2} - {0, best.threads}):
            best = trials.against(best, replace(best, threads=fewer))
    if any(isinstance(module, nn.Conv2d | nn.ConvTranspose2d) for module in model.modules()):
        best = trials.against(best, replace(best, channels_last=True))
    if _may_have_bfloat16(device):
        best = trials.against(best, replace(best, precision="bfloat16"))
    expected = steps * (best.step_seconds or 0.0)
    if _has_compiler(device) and expected >= COMPILE_FROM.get(device.type, float("inf")):
        best = trials.against(best, replace(best, compiled=True))
    torch.set_num_threads(best.threads)
    return best, trials.section(best)


class _Trials:
    """Keeps copies of the model under different decisions and times them in turn."""

    def __init__(
        self, model: nn.Module, loss: Callable[[Any, Any], Any], batch: Batch, device: torch.device, steps: int
    ) -> None:
        self._model, self._loss, self._batch, self._device, self._steps = model, loss, batch, device, steps
        self._measured: dict[str, Candidate] = {}
        self._reference = 0.0

    def begin(self, base: Decision) -> Decision:
        """Measure where everything starts from."""
        with _untouched_random_state(self._device):
            step, self._reference = self._prepared(base)
            seconds = statistics.median(_timed(step, self._device) for _ in range(3))
        self._note(base, seconds, 0.0)
        return replace(base, step_seconds=seconds)

    def against(self, best: Decision, rival: Decision) -> Decision:
        """The better of two, measured in turn; `best` when the rival fails, disagrees or gains too little."""
        with _untouched_random_state(self._device):
            try:
                step, loss = self._prepared(rival)
            except Exception as error:  # whatever a backend throws, the run goes on without it
                self._note(
                    rival,
                    None,
                    None,
                    note=f"failed: {str(error).splitlines()[0][:120] if str(error) else type(error).__name__}",
                )
                return best
            difference = abs(loss - self._reference) / max(abs(self._reference), 1e-12)
            if not difference <= AGREES[rival.precision]:
                self._note(rival, None, difference, note="left out: its loss disagrees with float32's")
                return best
            known, _ = self._prepared(best)
            pairs = []
            for _ in range(self._rounds(best.step_seconds or 1.0)):
                torch.set_num_threads(best.threads)
                ours = _timed(known, self._device)
                torch.set_num_threads(rival.threads)
                pairs.append((ours, _timed(step, self._device)))
        ours = statistics.median(pair[0] for pair in pairs)
        theirs = statistics.median(pair[1] for pair in pairs)
        self._note(rival, theirs, difference)
        if theirs <= GAIN * ours:
            return replace(rival, step_seconds=theirs)
        return replace(best, step_seconds=ours)

    def section(self, best: Decision) -> PlanSection:
        """What was measured, for the report."""
        candidates = [entry.model_copy(update={"chosen": name == str(best)}) for name, entry in self._measured.items()]
        start = next(iter(self._measured.values()))
        chosen = self._measured[str(best)]
        if start.name == chosen.name:
            reason = "nothing tried here was at least 5% faster than plain float32"
        else:
            assert start.milliseconds is not None
            assert chosen.milliseconds is not None
            reason = f"{start.milliseconds / chosen.milliseconds:.2f}× as fast as {start.name}, and the loss agrees"
        return PlanSection(mode="auto", choice=str(best), reason=reason, candidates=candidates)

    def _rounds(self, seconds: float) -> int:
        budget = min(max(0.02 * self._steps * seconds, 0.2), 4.0)
        return int(min(max(budget / (2 * seconds), 3), 15))

    def _prepared(self, decision: Decision) -> tuple[Callable[[], None], float]:
        """A step to time, warmed up, and its first loss."""
        model = copy.deepcopy(self._model)
        run = decision.apply(model)
        inputs, target = self._batch.inputs, self._batch.target

        def forward() -> Any:
            with decision.autocast(self._device):
                return self._loss(run(*inputs), target)

        def step() -> None:
            forward().backward()
            for parameter in model.parameters():
                parameter.grad = None

        torch.manual_seed(0)
        first = float(forward().detach())
        step()
        return step, first

    def _note(self, decision: Decision, seconds: float | None, difference: float | None, note: str = "") -> None:
        name = str(decision)
        milliseconds = None if seconds is None else 1000 * seconds
        self._measured[name] = Candidate(name=name, milliseconds=milliseconds, loss_difference=difference, note=note)


def _timed(step: Callable[[], None], device: torch.device) -> float:
    """Seconds of one step, the device's own work included."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    began = time.perf_counter()
    step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began


@contextlib.contextmanager
def _untouched_random_state(device: torch.device) -> Iterator[None]:
    """Trials draw random numbers (dropout); the training must not notice."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield


def _may_have_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is worth a trial: without arithmetic of its own it only costs time."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    # torch.cpu.get_capabilities is new in 2.10; before it, /proc/cpuinfo is the one place that tells.
    if hasattr(torch.cpu, "get_capabilities"):
        capable = torch.cpu.get_capabilities()
        return any(capable.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    with contextlib.suppress(OSError):
        words = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
        return not words.isdisjoint({"avx512_bf16", "amx_bf16", "bf16"})
    return False


def _has_compiler(device: torch.device) -> bool:
    if device.type == "cuda":
        return True
    return device.type == "cpu" and any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "clang++", "cl"))
