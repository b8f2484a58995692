"""The backlog now: what is paid and not bought, how old, what is stuck, what will expire unpaid.

Figures, by name: ``backlog_pieces``, ``backlog_lines``, ``backlog_value``, ``age_p50``, ``age_p90``, ``age_oldest``,
``sla_breach`` (share), ``sla_breach_pieces``, ``next_breach``, ``hours_to_clear``, ``booked_per_hour``,
``unpaid_pieces``, ``unpaid_orders``, ``unpaid_exposure``, ``expiring_6``, ``expiring_24``, ``overdue`` (orders),
``held_pieces``, ``explained`` (share), ``unknown``, ``unknown_oldest``, ``orphans``, ``orphans_value``, ``ghosts``,
``over_booked``, ``sync_age_p95``, ``sessions_expiring``, ``risk_today``.

Sheets: ``split``, ``ages``, ``causes``, ``currencies``, ``unpaid``, ``sessions``, ``by_source`` … ``by_operator``;
their columns are below. `trend.trend` has the weeks behind it.
"""

from __future__ import annotations

from typing import Any

from autopurchase.reports.model import DIMENSIONS, Basis, Column, Filters, Report, Sheet

#: how the backlog is divided; the four sum to it
SPLIT = (
    Column("part", "Part"),  # pickable, in progress, unknown, held
    Column("pieces", "Pieces", "pieces"),
    Column("lines", "Lines", "lines"),
    Column("value", "Value", "money"),
    Column("share", "Share of the pieces", "share"),
)
AGES = (
    Column("age", "Waiting for"),  # 0–6 h, 6–24 h, 24–48 h, 48–72 h, > 72 h
    Column("pieces", "Pieces", "pieces"),
    Column("lines", "Lines", "lines"),
    Column("share", "Share of the pieces", "share"),
)
CAUSES = (
    Column("cause", "Cause"),  # its code; empty: unknown
    Column("label", "Held because"),
    Column("action", "What to do"),
    Column("pieces", "Pieces", "pieces"),
    Column("lines", "Lines", "lines"),
    Column("value", "Value", "money"),
    Column("share", "Share of what is held", "share"),
)
#: the backlog's value in the currency of each marketplace; pieces without a reference price are not in it
CURRENCIES = (
    Column("currency", "Currency"),
    Column("pieces", "Pieces", "pieces"),
    Column("value", "Value in it", "money"),
    Column("unpriced", "Without a reference price", "pieces"),
    Column("unrated", "Without a rate", "pieces"),
)
UNPAID = (
    Column("what", "Unpaid"),  # all, within 6 h, within 24 h, overdue, no deadline
    Column("orders", "Provider orders", "count"),
    Column("total", "To pay", "money", "CNY"),
    Column("assumed", "Deadlines assumed", "count"),
)
SESSIONS = (
    Column("session", "Session"),
    Column("provider", "Provider"),
    Column("state", "State"),
    Column("synced", "Last good sync", "time"),
    Column("sync_age", "Sync age", "seconds"),
    Column("expires", "Authorisation ends", "time"),
    Column("used", "Bookings today", "count"),
    Column("cap", "Cap", "count"),
    Column("used_share", "Budget used", "share"),
    Column("risk", "Risk signals today", "count"),
    Column("unpaid_orders", "Unpaid orders", "count"),
    Column("unpaid", "To pay", "money", "CNY"),
    Column("error", "Trouble"),
)
#: of every cut; the column named like the dimension comes first
CUT = (
    Column("pieces", "Backlog, pieces", "pieces"),
    Column("lines", "Lines", "lines"),
    Column("value", "Value", "money"),
    Column("breach", "Over the SLA", "pieces"),
    Column("unpaid", "Booked, unpaid", "pieces"),
    Column("over", "Over-booked", "pieces"),
)


def backlog(tx: Any, basis: Basis, filters: Filters | None = None) -> Report:
    """Every figure of the backlog page, as of ``basis.as_of``. ``tx``: an open connection."""
    sheets = {
        "split": Sheet("split", "What the backlog is made of", SPLIT, []),
        "ages": Sheet("ages", "How long it has waited", AGES, []),
        "causes": Sheet("causes", "Held, by cause", CAUSES, []),
        "currencies": Sheet("currencies", "Value by marketplace currency", CURRENCIES, []),
        "unpaid": Sheet("unpaid", "Waiting for payment", UNPAID, []),
        "sessions": Sheet("sessions", "Sessions", SESSIONS, []),
    }
    sheets |= {
        f"by_{name}": Sheet(f"by_{name}", f"By {name}", (Column(name, name.capitalize()), *CUT), [])
        for name in DIMENSIONS
    }
    return Report("backlog", "", basis, filters or Filters(), {}, sheets)
