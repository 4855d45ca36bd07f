"""Who is told what: from the hooks in torch to the instruments, and never back into the program."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import get_ident
from time import perf_counter
from typing import Any

import torch

from ravine.watch.instrument import Instrument
from ravine.watch.scene import LiveScene

EVENTS = (
    "begin",
    "epoch",
    "batch",
    "forward",
    "loss",
    "zero_grad",
    "backward_begin",
    "backward_end",
    "clip",
    "mode",
    "step_begin",
    "step_end",
    "scheduler",
    "end",
)

_tracing = torch._C._get_tracing_state
_dispatch_modes = torch._C._len_torch_dispatch_stack
_transforms = torch._C._functorch.peek_interpreter_stack
_set_gradient = torch._C._set_grad_enabled


class Bell:
    """Tells every instrument that listens; one that raises is dropped, with one line.

    Attributes:
        scene: What the instruments are given.
        spent: Seconds that instruments took at sampled steps.
        spent_steadily: Seconds that they took at other steps.
        passing: The step under way is not told of.
    """

    def __init__(self, scene: LiveScene, instruments: Iterable[Instrument], say: Callable[[str], None]) -> None:
        self.scene = scene
        self.spent = self.spent_steadily = 0.0
        self.passing = False
        self._say = say
        self._deaf = False  # while an instrument is told something, and after the end
        self._asleep = False
        self._thread: int | None = None
        self._instruments = list(instruments)
        self._listeners: dict[str, tuple[tuple[Instrument, Callable[..., None]], ...]] = {}
        self._list()

    def hears(self) -> bool:
        """Whether what torch does now is the program's own, not an instrument's, in the thread that trains."""
        return not self._deaf and (self._thread is None or self._thread == get_ident())

    def hears_numbers(self) -> bool:
        """Whether that computes numbers: not traced, nor under vmap and its kin or a mode that replaces torch."""
        return self.hears() and _tracing() is None and not _dispatch_modes() and _transforms() is None

    def listens(self, event: str) -> bool:
        """Whether any instrument wants to know of `event` now."""
        return bool(self._listeners[event])

    def begin_anew(self) -> None:
        """Another training: every instrument forgets, by being a new one."""
        self.spent = self.spent_steadily = 0.0
        self._instruments = [type(instrument)() for instrument in self._instruments]
        self._list()

    def may_pass(self) -> bool:
        """Whether no instrument asks to be told of every step."""
        return all(not one.every_step for one in self._instruments)

    def sleep(self) -> None:
        """Tell nothing any more."""
        self._asleep = self._deaf = True

    def stay_on_this_thread(self) -> None:
        """From now on this thread is the one that trains."""
        self._thread = get_ident()

    def ring(self, event: str, *what: Any) -> None:
        """Tell every instrument that listens to `event`."""
        listeners = self._listeners[event]
        if not listeners:
            return
        scene = self.scene
        self._deaf = True
        with_gradient = torch.is_grad_enabled()
        if with_gradient:
            _set_gradient(False)
        started = perf_counter()
        try:
            for instrument, method in listeners:
                try:
                    method(scene, *what)
                except Exception as error:
                    self._drop(instrument, error)
        finally:
            if scene.sampled or event == "forward":
                self.spent += perf_counter() - started
            else:
                self.spent_steadily += perf_counter() - started
            if with_gradient:
                _set_gradient(True)
            self._deaf = self._asleep

    def _drop(self, instrument: Instrument, error: Exception) -> None:
        if instrument in self._instruments:
            self._instruments.remove(instrument)
            self._list()
            what = f"{type(error).__name__}: {error}{_place(error)}"
            self._say(f"the instrument {instrument.name!r} failed and is dropped: {what}")

    def _list(self) -> None:
        for event in EVENTS:
            self._listeners[event] = tuple(
                (instrument, getattr(instrument, event))
                for instrument in self._instruments
                if getattr(type(instrument), event) is not getattr(Instrument, event)
            )


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f" ({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})"
