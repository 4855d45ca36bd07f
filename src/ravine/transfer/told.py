"""Which parts of a network learn under a plan, and at which rate, for people."""

from __future__ import annotations

import math

from ravine.records.results import PartRate
from ravine.transfer.plans import PlanName, asleep
from ravine.transfer.rates import rate_scales
from ravine.transfer.setting import Setting


def part_rates(setting: Setting, plan: PlanName) -> list[PartRate]:
    """The parts of the body from the input on, and the head; rates as shares of the head's."""
    parts = setting.parts
    frozen = asleep(plan, parts)
    scales = rate_scales(parts, body=setting.body_lr, layer_decay=setting.layer_decay)
    told = []
    for place, part in enumerate(parts):
        own = list(part.parameters())
        rate, words = (1.0, "fresh weights") if plan == "scratch" else (scales[id(own[0])], "pretrained")
        if place < frozen:
            rate, words = 0.0, "frozen; its features are kept" if plan == "linear" else "frozen"
        elif plan == "fine-tune" and setting.unfreeze > 0:
            words = f"woken in epoch {math.ceil((len(parts) - place) * setting.unfreeze) + 1}"
        told.append(PartRate(name=part.name, parameters=sum(p.numel() for p in own), rate=rate, words=words))
    size = sum(p.numel() for p in setting.head.parameters())
    begun = "fresh weights" if plan == "scratch" else "solved on kept features, then trained"
    return [*told, PartRate(name="head", parameters=size, rate=1.0, words=begun)]
