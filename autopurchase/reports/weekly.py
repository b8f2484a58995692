"""Booked and bought of one ISO week: flow and cohort apart, times, yield, variance, identities, restatements.

Sheets, in the order they are read: ``flow``, ``cohort``, ``times``, ``yield``, ``attempts``, ``releases``,
``variance``, ``margin``, ``identities``, ``unreconciled``, ``by_source`` … ``by_operator``, ``operators``,
``sessions``, ``sources``, ``hygiene``, ``restated``; their columns are in the modules that make them. Figures, by name:
``new_ready``, ``booked``, ``bought``, ``conversion``, ``first_pass``, ``booked_in_time``, ``variance``,
``expiry_loss``, ``over_booked``, ``residual``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autopurchase.reports import week_balance, week_cuts, week_flow, week_price, week_quality
from autopurchase.reports.exact import exact
from autopurchase.reports.model import DIMENSIONS, Basis, Behind, Figure, Filters, Report, Sheet
from autopurchase.reports.week_data import WeekData


@exact
def weekly(
    tx: Any,
    week: str,
    basis: Basis,
    filters: Filters | None = None,
    *,
    frozen: Mapping[str, Mapping[str, int]] | None = None,
) -> Report:
    """The report of an ISO week (``2026-W47``) in ``basis.zone``. Raises BadInput for what is no week.

    ``frozen``: flow figures of frozen weeks, week -> figure -> pieces; what is restated is told beside them.
    """
    data = WeekData(tx, week, basis, filters or Filters())
    start, end = week_balance.stood(tx, data.scope, basis.zone, (data.span.start, data.span.end))
    balance = week_balance.identities(data, start, end)
    made = [
        week_flow.flow(data, end),
        week_flow.cohort(data),
        week_quality.times(data),
        week_quality.yields(data),
        week_quality.attempts(data),
        week_quality.releases(data),
        week_price.variance(data),
        week_price.margin(data),
        balance,
        week_balance.unreconciled(data, balance),
        *(week_cuts.cut(data, name) for name in DIMENSIONS),
        week_cuts.operators(data),
        week_cuts.sessions(data),
        week_cuts.sources(data),
        week_quality.hygiene(data),
        week_balance.restated(data, frozen or {}),
    ]
    sheets = {sheet.name: sheet.priced(basis.currency) for sheet in made}
    return Report("weekly", data.week.name, basis, data.filters, _figures(sheets, basis), sheets)


def _figures(sheets: Mapping[str, Sheet], basis: Basis) -> dict[str, Figure]:
    """The numbers at the head, each taken from its sheet."""
    flow, cohort, balance = sheets["flow"], sheets["cohort"], sheets["identities"]
    residual = sum(abs(row[5]) for row in balance.rows)
    excess = flow.cell(flow.find("open_excess"), "pieces")
    found = [
        _cell(flow, "new_ready", "pieces", "New ready"),
        _cell(flow, "booked", "pieces", "Booked"),
        _cell(flow, "bought", "pieces", "Bought"),
        _cell(sheets["yield"], "booked_in_time", "share", f"Booked within {basis.sla_hours} h"),
        _cell(sheets["yield"], "first_pass", "share", "Booked at the first attempt"),
        _cell(sheets["yield"], "expiry_loss", "share", "Expired unpaid"),
        _cell(sheets["variance"], "variance", "value", "Price variance", basis.currency),
        Figure(
            "over_booked", "Over-booked at the end", excess, "pieces", alarm=excess > 0,
            behind=flow.opens[flow.find("open_excess"), "pieces"],
        ),
        Figure("residual", "Residual", residual, "count", alarm=residual > 0),
    ]  # fmt: skip
    last = len(cohort.rows) - 1
    behind: Behind = cohort.opens[last, "conversion"]
    note = "" if cohort.cell(last, "mature") else "immature: bookings are younger than the maturity"
    found.append(
        Figure(
            "conversion", "Conversion", cohort.cell(last, "conversion"), "share", of="the booked pieces", note=note,
            behind=behind,
        )
    )  # fmt: skip
    return {figure.name: figure for figure in found}


def _cell(sheet: Sheet, name: str, column: str, label: str, currency: str = "") -> Figure:
    place = sheet.find(name)
    unit = next(each.unit for each in sheet.columns if each.name == column)
    return Figure(name, label, sheet.cell(place, column), unit, currency, behind=sheet.opens.get((place, column)))
