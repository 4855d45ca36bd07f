"""`ravine.check(model, loss, data)`: ask every probe in turn, each for its share of the time."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from ravine.check.catalogue import PROBES
from ravine.check.checkup import Asked, Checkup
from ravine.check.probe import Probe, Seen, State
from ravine.check.rows import OWNER, gather
from ravine.check.subject import Subject, told
from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import POSITIVE
from ravine.optim.gradcheck.draws import undisturbed
from ravine.search.untouched import device_of
from ravine.train.randomness import chance_put_back

SECONDS = 60.0

Progress = Callable[[Probe, int, int], None]
"""Told before each probe: which, its number from 1, of how many."""


def check(
    model: nn.Module,
    loss: Callable[..., Any] | None,
    data: Any,
    *,
    optimizer: Optimizer | None = None,
    only: Iterable[str] = (),
    skip: Iterable[str] = (),
    seconds: float = SECONDS,
    seed: int = 0,
    progress: Progress | None = None,
    name: str = "",
) -> Checkup:
    """Measure a few things on copies of a live model that no curve can tell, and name what is wrong with it.

    Nothing of the model, its optimizer, the data's order and the state of any random generator is changed.

    >>> x = torch.randn(24, 4, generator=torch.Generator().manual_seed(0))
    >>> model = nn.Sequential(nn.Linear(4, 3), nn.Softmax(1))
    >>> found = check(model, nn.CrossEntropyLoss(), (x, x[:, :3].argmax(1)), only=["watched-steps"])
    >>> found.verdict, found.findings[0].symptom
    ('findings', 'applies-softmax-twice')

    Args:
        model: Any network.
        loss: (output, target) → one number, a mean over the batch; None: the model gives the loss itself.
        data: (inputs, target) as tensors, a Dataset, a DataLoader or a list of batches; some two thousand examples of
            it are read. With few examples, some probes cannot tell.
        optimizer: Of the model's parameters: its rate is held against the learning-rate test.
        only: Names of the probes to ask; all when empty.
        skip: Names of probes to leave out.
        seconds: For all of them together. One that is inside a step when its time ends finishes that step.
        seed: Of whatever is drawn.
        progress: Told before each probe.
        name: What to call the model in the report; "file.py:function" on the command line.

    Raises:
        BadValue: An unknown probe; a loss that is not one number; a model that cannot be copied.
        BadData: There is no example.
        UserCodeError: Model or loss raised on the first batch.
    """
    probes = chosen(only, skip)
    POSITIVE.check(OWNER, "seconds", seconds)
    if not isinstance(model, nn.Module):
        raise BadValue(refusal(OWNER, "model", "be a torch.nn.Module", type(model).__name__))
    model = getattr(model, "_orig_mod", model)  # what torch.compile wraps is the model that is meant
    begun = time.monotonic()
    with chance_put_back(data), undisturbed(seed), torch.enable_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with told("reading the data"):
            gathered = gather(data, with_target=loss is not None, device=device_of(model), seed=seed)
        subject = Subject(
            model,
            loss,
            gathered.rows,
            optimizer=optimizer,
            batch_size=gathered.batch_size,
            seed=seed,
            spec=name if ".py:" in name else "",
        )
        subject.first  # noqa: B018 (what cannot be run at all is refused here, before any probe)
        asked: list[Asked] = []
        stopped = False
        try:
            for number, probe in enumerate(probes, start=1):
                if progress is not None:
                    progress(probe, number, len(probes))
                left = seconds - (time.monotonic() - begun)
                share = probe.share / sum(one.share for one in probes[number - 1 :])
                asked.append(_asked(probe, subject, left * share))
        except KeyboardInterrupt:
            stopped = True
    return Checkup(
        name=name or subject.name,
        parameters=subject.parameters,
        rows=gathered.rows.count,
        asked=tuple(asked),
        seconds=time.monotonic() - begun,
        stopped=stopped,
    )


def chosen(only: Iterable[str], skip: Iterable[str]) -> list[Probe]:
    """The probes to ask, in the catalogue's order.

    Raises:
        BadValue: A name is unknown, or none is left.
    """
    wanted = [PROBES[name] for name in only] or list(PROBES.values())
    left_out = [PROBES[name] for name in skip]
    probes = [probe for probe in PROBES.values() if probe in wanted and probe not in left_out]
    if not probes:
        raise BadValue(f"{OWNER}: no probe is left to ask. Known: {', '.join(PROBES)}.")
    return probes


def _asked(probe: Probe, subject: Subject, seconds: float) -> Asked:
    begun = time.monotonic()
    subject.ends = begun + seconds
    seen = _seen(probe, subject, seconds)
    return Asked(probe=probe, seen=seen, seconds=time.monotonic() - begun)


def _seen(probe: Probe, subject: Subject, seconds: float) -> Seen:
    """What a probe sees; one that raises is dropped with a line, and the others go on."""
    if seconds <= 0:
        return Seen(state=State.UNSURE, said="no time was left", measure="give it more time: --seconds 300")
    try:
        for need in probe.needs:
            if not need.there(subject):
                return Seen(state=State.UNSURE, said=need.why, measure=need.measure)
        with undisturbed(subject.seed):
            return probe.look(subject)
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or "(without a word)"
        where = f"it broke off with {type(error).__name__}: {reason}"
        return Seen(state=State.UNSURE, said=where, measure=f"the other probes, and ravine check --only {probe.name}")
