"""Who is told what: from the hooks in torch to the instruments, and never back into the program."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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

_Listeners = Sequence[tuple[Instrument, Callable[..., None]]]


class Bell:
    """Tells every instrument that listens; one that raises is dropped, with one line.

    Attributes:
        scene: What the instruments are given.
        asleep: Nothing is told any more: after the end, and in forked processes.
        spent: Seconds that instruments took at sampled steps.
        spent_in_spells: Seconds that those took which see spells of steps.
    """

    def __init__(self, scene: LiveScene, instruments: Iterable[Instrument], say: Callable[[str], None]) -> None:
        self.scene = scene
        self.asleep = False
        self.spent = self.spent_in_spells = 0.0
        self._say = say
        self._busy = False
        self._thread: int | None = None
        self._instruments = list(instruments)
        self._spell = True
        self._steady: dict[str, _Listeners] = {}
        self._others: dict[str, _Listeners] = {}
        self._list()

    def hears(self) -> bool:
        """Whether what torch does now is the program's own training.

        It is not inside an instrument, in another thread than the one that trains, while a graph is traced,
        under vmap and its kin, or under a mode that takes the place of torch's operations.
        """
        return not (
            self._busy
            or self.asleep
            or (self._thread is not None and self._thread != get_ident())
            or _tracing() is not None
            or _dispatch_modes()
            or _transforms() is not None
        )

    def listens(self, event: str) -> bool:
        """Whether any instrument wants to know of `event`."""
        return bool(self._steady[event] or (self._spell and self._others[event]))

    def begin_spell(self) -> None:
        """Tell those instruments again that see spells of steps, each of them new."""
        self._instruments = [type(one)() if one.spells else one for one in self._instruments]
        self._spell = True
        self._list()
        self._tell([(one, one.begin) for one in self._instruments if one.spells], ())

    def end_spell(self) -> None:
        """Tell them no more."""
        self._spell = False

    def stay_on_this_thread(self) -> None:
        """From now on this thread is the one that trains."""
        self._thread = get_ident()

    def ring(self, event: str, *what: Any) -> None:
        """Tell every instrument that listens to `event`."""
        steady = self._steady[event]
        others = self._others[event] if self._spell else ()
        if not steady and not others:
            return
        self._busy = True
        with_gradient = torch.is_grad_enabled()
        torch._C._set_grad_enabled(False)
        try:
            if self.scene.sampled or event == "forward":
                started = perf_counter()
                self._tell(steady, what)
                self._tell(others, what)
                self.spent += perf_counter() - started
            else:
                self._tell(steady, what)
                if others:
                    started = perf_counter()
                    self._tell(others, what)
                    self.spent_in_spells += perf_counter() - started
        finally:
            torch._C._set_grad_enabled(with_gradient)
            self._busy = False

    def _tell(self, listeners: _Listeners, what: tuple[Any, ...]) -> None:
        for instrument, method in listeners:
            try:
                method(self.scene, *what)
            except Exception as error:
                self._drop(instrument, error)

    def _drop(self, instrument: Instrument, error: Exception) -> None:
        if instrument in self._instruments:
            self._instruments.remove(instrument)
            self._list()
            what = f"{type(error).__name__}: {error}{_place(error)}"
            self._say(f"the instrument {instrument.name!r} failed and is dropped: {what}")

    def _list(self) -> None:
        for event in EVENTS:
            told = [
                (instrument, getattr(instrument, event))
                for instrument in self._instruments
                if getattr(type(instrument), event) is not getattr(Instrument, event)
            ]
            self._steady[event] = tuple(one for one in told if not one[0].spells)
            self._others[event] = tuple(one for one in told if one[0].spells)


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f" ({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})"
