"""The loop: what happens at every step, and nothing else.

Everything here runs thousands of times a second on small networks, so names are bound outside
the loop, no number is read from the device, and whoever wants to look is served by the clock.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ravine.data.batches import Batch

if TYPE_CHECKING:
    from ravine.train.trainer import Trainer

LOOK_SECONDS = 0.25


def run_epoch(trainer: Trainer, batches: Iterator[Batch]) -> bool:
    """Train on `batches` until they end, the training ends, or `trainer.look` says stop.

    Returns:
        Whether it was stopped.
    """
    assert trainer.machine is not None
    model, loss_of, optimizer = trainer.run_model, trainer.loss, trainer.optimizer
    tally, schedule, average, transform = trainer.tally, trainer.schedule, trainer.average, trainer.transform
    interrupt, events = trainer.interrupt, trainer.events
    base_lr, end = trainer.base_lr, trainer.end_step
    groups = optimizer.param_groups
    scales = [group.get("lr_scale", 1.0) for group in groups]
    cycles_momentum = schedule.cycles_momentum
    clip_norm, norms = trainer.clip_norm, trainer.norms
    parameters = [parameter for group in groups for parameter in group["params"]]
    device = trainer.machine.device
    lower_precision = trainer.decision.precision != "float32"
    autocast = trainer.decision.autocast(device)
    several = trainer.machine.world > 1
    no_sync: Any = trainer.machine.fabric.no_backward_sync
    every_step = events.heard("step")
    noise_scale = trainer.noise_scale

    model.train()
    next_look = perf_counter() + LOOK_SECONDS
    for inputs, target, share, ends_step in batches:
        wanted = target
        if transform is not None:
            inputs, wanted = transform(inputs, target)
        if lower_precision:
            with autocast:
                outputs = model(*inputs)
                loss = loss_of(outputs, wanted)
        else:
            outputs = model(*inputs)
            loss = loss_of(outputs, wanted)
        if share == 0.0 and isinstance(outputs, Tensor):
            loss = outputs.sum() * 0.0  # a mean over nothing may be NaN, and NaN times 0 is not 0
        looks = noise_scale is not None and noise_scale.due(trainer.step)
        held = looks and noise_scale is not None and several and noise_scale.holds
        # Gradients of several processes are exchanged once a step, at its last piece.
        with no_sync(model) if several and (held or not ends_step) else contextlib.nullcontext():
            (loss if share == 1.0 else loss * share).backward()  # type: ignore[no-untyped-call]
        if looks and noise_scale is not None:
            if held or not ends_step:
                noise_scale.piece(share, len(target))
            if held:
                noise_scale.exchange()
            if ends_step:
                noise_scale.step()
        tally.add(loss, outputs, target, share, ends_step)
        trainer.samples += len(target)
        if not ends_step:
            continue
        if clip_norm != "none":
            norm = torch.nn.utils.clip_grad_norm_(parameters, clip_norm)
            if norms is not None:
                norms.append(norm)
        elif norms is not None:
            norms.append(torch.nn.utils.get_total_norm([one.grad for one in parameters if one.grad is not None]))
        lr = base_lr * schedule(trainer.step)
        for group, scale in zip(groups, scales, strict=True):
            group["lr"] = lr * scale
        if cycles_momentum:
            schedule.set_momenta(groups, trainer.step)
        optimizer.step()
        optimizer.zero_grad()
        if average is not None:
            average.update()
        trainer.step += 1
        if every_step:
            events.tell("step", trainer)
        if trainer.step >= end:
            return True
        if interrupt.asked is not None or perf_counter() >= next_look:
            if trainer.look():
                return True
            next_look = perf_counter() + LOOK_SECONDS
    return False
