"""What is wrong, or worth knowing: the gravest first."""

from __future__ import annotations

import json

from ravine.core.files import plain
from ravine.records.finding import Finding, Severity
from ravine.report.html import Html, coded, data, fold, h, join, text
from ravine.report.material import Material
from ravine.report.numbers import count, percent, plural, significant
from ravine.report.panel import Panel
from ravine.report.table import pairs

_OPEN = 8
_MOST = 100
_LONGEST = 400
_SIGN = {Severity.ERROR: "✕", Severity.WARNING: "!", Severity.NOTE: "i"}


def panel(material: Material) -> Panel | None:
    """One card a finding: what, evidence, what to do."""
    findings = material.findings
    if not findings:
        return None
    cards = [_card(finding) for finding in findings[:_MOST]]
    rest = len(findings) - _MOST
    left = h("p", f"{plural(rest, 'finding')} more in findings.json.", cls="left-out") if rest > 0 else None
    folded = fold(f"{plural(len(cards) - _OPEN, 'more finding')}", *cards[_OPEN:], left) if len(cards) > _OPEN else None
    return Panel("findings", "Findings", "Findings", join(*cards[:_OPEN], folded))


def _card(finding: Finding) -> Html:
    where = [] if finding.first_step is None else [f"from step {count(finding.first_step)}"]
    if finding.confidence < 1:
        where.append(f"confidence {percent(finding.confidence, 0)}")
    head = h(
        "h3",
        h("span", _SIGN[finding.severity], cls="sign", aria_hidden="true"),
        h("span", finding.severity.value, cls="severity"),
        data(finding.symptom.replace("-", " ")),
        h("span", " · ".join(where), cls="where") if where else None,
    )
    advice = h("p", h("strong", "What to do: "), coded(finding.advice), cls="advice")
    details = fold("Details", pairs("Details", _details(finding.details))) if finding.details else None
    return h(
        "article", head, h("p", coded(finding.evidence)), advice, details, cls=f"finding severity-{finding.severity}"
    )


def _details(details: dict[str, object]) -> list[tuple[str, str]]:
    return [(data(name), _short(value)) for name, value in list(details.items())[:_MOST]]


def _short(value: object) -> Html:
    if isinstance(value, bool) or value is None:
        return text({True: "yes", False: "no"}.get(value, "–") if value is not None else "–")
    if isinstance(value, int | float):
        return text(count(value) if isinstance(value, int) else significant(value, 4))
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        spelled = ", ".join(item if isinstance(item, str) else significant(item, 4) for item in value)
    else:
        spelled = value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)
    return data(spelled, _LONGEST)
