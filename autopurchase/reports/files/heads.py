"""What stands above the figures of every file: what the report is about, and what it depends on."""

from __future__ import annotations

from autopurchase.reports.model import Figure, Report
from autopurchase.reports.values import local, text

TITLES = {"weekly": "Booked and bought", "backlog": "Backlog"}


def title(report: Report) -> str:
    """``Booked and bought, 2026-W47``."""
    return ", ".join(filter(None, (TITLES.get(report.kind, report.kind.capitalize()), report.period)))


def facts(report: Report) -> list[tuple[str, str]]:
    """Name and value of what the figures depend on."""
    basis = report.basis
    told = [
        ("As of", f"{local(basis.as_of, basis.zone):%Y-%m-%d %H:%M}, {basis.zone}"),
        ("Reporting currency", basis.currency),
        ("To be booked within", f"{basis.sla_hours} h"),
        ("A week's bookings are judged after", f"{basis.maturity_days} days"),
        ("Only", ", ".join(f"{name} {value}" for name, value in report.filters.given().items())),
        ("Program", basis.version),
    ]
    return [(name, value) for name, value in told if value]


def told(figure: Figure) -> str:
    """A figure in one line: ``1,204.50 CNY``, ``42.9 % of booked pieces``."""
    value = text(figure.value, figure.unit, figure.currency)
    unit = figure.currency or (figure.unit if figure.unit in ("pieces", "lines") else "")
    return " ".join(filter(None, (value, unit if figure.value is not None else "", figure.of and f"of {figure.of}")))
