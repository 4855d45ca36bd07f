"""A repair in words: one line a thing that happens, and what it came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ravine.fit.repair.compare import betters, tail
from ravine.fit.repair.trend import Fault
from ravine.records.finding import Finding, Severity
from ravine.records.results import Attempt, RepairRound

OUTCOMES = {
    "passed": "passes",
    "rose": "passes, with a higher loss than before",
    "stood": "passes, and learns nothing",
    "unfinished": "out of time",
}


def fault(found: Fault) -> str:
    """What went wrong."""
    return found.evidence


def back(step: int, symptoms: Mapping[str, float]) -> str:
    """Where it goes back to, and what it goes by."""
    place = f"back to step {step}" if step else "back to the first weights"
    named = [name for name, _ in sorted(symptoms.items(), key=lambda one: -one[1])]
    return f"{place}; found: {', '.join(named)}" if named else place


def outcome(attempt: Attempt) -> str:
    """What became of a fork."""
    if attempt.outcome in ("broke", "diverged"):
        what = "the loss is no number" if attempt.outcome == "broke" else "diverges again"
        return f"{what} at step {attempt.at}"
    return OUTCOMES[attempt.outcome]


def attempt(tried: Attempt) -> str:
    """One attempt in a line."""
    loss = ""
    if tried.loss is not None and tried.error is not None:
        loss = f", loss {tried.loss:.4g} ± {2 * tried.error:.2g}"
    passed = tried.val_loss is not None and tried.outcome == "passed"
    validation = f", val loss {tried.val_loss:.4g}" if passed else ""
    return f"tried {tried.change}: {outcome(tried)}{loss}{validation}"


def why(last: RepairRound, chosen: int | None) -> str:
    """What is adopted, and why."""
    if chosen is None:
        count = len(last.attempts)
        said = f"none of {count} attempts helped" if count != 1 else "the one attempt did not help"
        same = count > 1 and all(one.at == last.fault_step for one in last.attempts)
        return f"{said}: each ends at step {last.fault_step} as before" if same else said
    adopted = last.attempts[chosen]
    others = [one for place, one in enumerate(last.attempts) if place != chosen and one.outcome == "passed"]
    behind = [one for one in others if betters(adopted, one, last.fault_step)]
    level = f"loss {tail(adopted, last.fault_step).value:.4g} past step {last.fault_step}"
    those = "the other that passes" if len(others) == 1 else f"the {len(others)} others that pass"
    if not others:
        reason = "the only one that passes"
    elif len(behind) == len(others):
        reason = f"lower than {those}, by more than noise"
    else:
        lowest = "; its validation loss is the lowest of these" if adopted.val_loss is not None else ""
        reason = f"no other that passes is lower by more than noise{lowest}"
    return f"adopted from step {last.from_step}: {adopted.change} ({level}, {reason})"


def summary(rounds: Sequence[RepairRound]) -> str:
    """All rounds in a line."""
    adopted = [one.attempts[one.adopted].change for one in rounds if one.adopted is not None]
    tried = sum(len(one.attempts) for one in rounds)
    if not adopted:
        return f"{tried} attempts, nothing helped; the best weights before are kept"
    return f"{tried} attempts in {len(rounds)} round{'s' * (len(rounds) > 1)}; adopted {', then '.join(adopted)}"


def findings(rounds: Sequence[RepairRound], lr: float | None) -> list[Finding]:
    """What a person should know about each round.

    Args:
        rounds: Of one run.
        lr: Peak rate of its recipe, where it says one.
    """
    found = []
    for place, one in enumerate(rounds):
        again = [other for other in rounds[place + 1 :] if other.fault_step == one.fault_step]
        if not one.why or (one.adopted is None and again):
            continue  # the round from farther back speaks for both
        helped = one.adopted is not None
        change = one.attempts[one.adopted] if one.adopted is not None else None
        broken = change is not None and bool(change.adjusted.get("whole_rows"))
        found.append(
            Finding(
                symptom="needed-repair" if helped else "resisted-repair",
                severity=Severity.NOTE if helped and not broken else Severity.WARNING if broken else Severity.ERROR,
                evidence=f"{one.evidence} {one.why[0].upper()}{one.why[1:]}.",
                advice=_advice(change, lr, broken=broken),
                first_step=one.fault_step,
                details={"from_step": one.from_step, "symptoms": list(one.symptoms), "attempts": len(one.attempts)},
            )
        )
    return found


def _advice(change: Attempt | None, lr: float | None, *, broken: bool) -> str:
    if change is None:
        return (
            "Look at what the network and the loss compute there: no setting of the training that was tried mends it."
        )
    if broken:
        return "The fault is in the data: find the rows that hold NaN or infinities, and drop or fill them."
    if change.model:
        key, value = next(iter(change.model.items()))
        return f"Begin the next run with `--set model.{key}={value}`."
    rate = change.adjusted.get("rate", 1.0)
    if lr is not None and rate != 1.0 and change.remedy == "lower-rate":
        return f"Begin the next run with `--lr {rate * lr:.3g}`."
    clip = change.adjusted.get("clip_norm")
    if clip is not None and change.remedy == "clip-gradients":
        return f"Begin the next run with `--set train.clip_norm={clip:.3g}`."
    return f"Begin the next run with this from its first step: {change.change}."
