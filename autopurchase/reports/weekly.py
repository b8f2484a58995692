"""Booked and bought of one ISO week: flow and cohort apart, times, yield, variance, identities, restatements.

Sheets, in the order they are read: ``flow``, ``cohort``, ``times``, ``yield``, ``attempts``, ``variance``, ``margin``,
``tracking``, ``identities``, ``unreconciled``, ``by_source`` … ``by_operator``, ``operators``, ``sessions``,
``hygiene``, ``restated``. Figures, by name: ``booked``, ``bought``, ``new_ready``, ``conversion``, ``first_pass``,
``booked_in_time``, ``variance``, ``expired``, ``residual``, ``over_booked``.
"""

from __future__ import annotations

from typing import Any

from autopurchase.reports.model import DIMENSIONS, Basis, Column, Filters, Report, Sheet

#: what happened in the week
FLOW = (
    Column("what", "What happened"),
    # new_ready, of_these_again · booked, of_these_bound · bought, of_these_inferred · cancelled, one row
    # "cancelled:REASON" each, of_these_back · refunded · withdrawn_queue, withdrawn_booked · open_backlog, open_unpaid,
    # open_over (at the end)
    Column("label", "What happened"),
    Column("pieces", "Pieces", "pieces"),
    Column("lines", "Lines", "lines"),
    Column("cny", "Value, CNY", "money", "CNY"),
    Column("value", "Value", "money"),
)
#: what became of what was booked in a week; the last eight cohorts, this week's last. Shares are of the booked pieces
COHORT = (
    Column("week", "Booked in"),
    Column("mature", "Mature", "flag"),
    Column("booked", "Booked", "pieces"),
    Column("bought", "Bought", "pieces"),
    Column("expired", "Expired", "pieces"),
    Column("cancelled", "Cancelled", "pieces"),
    Column("open", "Still open", "pieces"),
    Column("refunded", "Refunded later", "pieces"),
    Column("conversion", "Conversion", "share"),
    Column("expired_share", "Expired", "share"),
    Column("cancelled_share", "Cancelled", "share"),
    Column("open_share", "Still open", "share"),
    Column("booked_value", "Booked, CNY", "money", "CNY"),
    Column("bought_value", "Bought, CNY", "money", "CNY"),
    Column("expired_value", "Expired, CNY", "money", "CNY"),
    Column("cancelled_value", "Cancelled, CNY", "money", "CNY"),
    Column("open_value", "Still open, CNY", "money", "CNY"),
)
TIMES = (
    Column("what", "Time"),  # time_to_book, time_to_buy, ready_to_bought, tracking_lag
    Column("label", "Time"),
    Column("p50", "p50", "seconds"),
    Column("p90", "p90", "seconds"),
    Column("pieces", "Pieces", "pieces"),
)
YIELD = (
    # booked_in_time, first_pass, releases, expiry_loss, tracked_late, settle_mean, settle_worst
    Column("what", "Figure"),
    Column("label", "Figure"),
    Column("share", "Share", "share"),
    Column("hits", "Of these", "count"),
    Column("of", "Of", "count"),
    Column("seconds", "Time", "seconds"),
)
ATTEMPTS = (
    Column("outcome", "Outcome"),  # confirmed, refused, unknown
    Column("cause", "Cause"),
    Column("label", "Because"),
    Column("attempts", "Attempts", "lines"),
    Column("share", "Share of the attempts", "share"),
)
#: against the price when the customer paid, of what was booked in the week
VARIANCE = (
    # reference, booked, variance, price, currency, freight, drift, after_booking, no_reference, no_rate
    Column("what", "Part"),
    Column("label", "Part"),
    Column("value", "Value", "money"),
    Column("share", "Of the reference value", "share"),
    Column("pieces", "Pieces", "pieces"),
)
#: lines booked so dear that too little of the customer's price is left
MARGIN = (
    Column("number", "Line"),
    Column("session", "Session"),
    Column("seller", "Seller"),
    Column("pieces", "Pieces", "pieces"),
    Column("paid", "Customer pays", "money"),
    Column("cost", "Booked at", "money"),
    Column("margin", "Left", "share"),
)
IDENTITIES = (
    Column("what", "Identity"),  # unpaid, backlog, over_booked, cohort, cohort_money
    Column("formula", "Formula"),
    Column("start", "Start", "pieces"),
    Column("change", "By the week's events", "pieces"),
    Column("end", "End", "pieces"),
    Column("residual", "Residual", "pieces"),
    Column("state", "State"),  # holds, unreconciled
)
UNRECONCILED = (
    Column("number", "Line"),
    Column("what", "What"),
    Column("stored", "Its state says", "pieces"),
    Column("history", "Its history says", "pieces"),
)
CUT = (
    Column("new_ready", "New ready", "pieces"),
    Column("booked", "Booked", "pieces"),
    Column("booked_value", "Booked", "money"),
    Column("bought", "Bought", "pieces"),
    Column("bought_value", "Bought", "money"),
    Column("cancelled", "Cancelled unpaid", "pieces"),
    Column("refunded", "Refunded", "pieces"),
    Column("conversion", "Conversion of the cohort", "share"),
    Column("expired_share", "Expired", "share"),
    Column("time_to_book", "Time to book, p50", "seconds"),
    Column("time_to_buy", "Time to buy, p50", "seconds"),
    Column("tracking_lag", "Tracking lag, p50", "seconds"),
    Column("variance", "Price variance", "money"),
    Column("ranked", "Enough to rank", "flag"),  # 20 pieces or more
)
OPERATORS = (
    Column("operator", "Operator"),
    Column("booked", "Booked", "pieces"),
    Column("value", "Value", "money"),
    Column("first_pass", "First-pass yield", "share"),
    Column("undone", "Cancelled within 1 h", "pieces"),
    Column("undo_share", "Undo rate", "share"),
    Column("overrides", "Tolerance overrides", "count"),
    Column("variance", "Variance", "money"),
    Column("mix", "Providers and price bands"),
)
SESSIONS = (
    Column("session", "Session"),
    Column("attempts", "Attempts", "lines"),
    Column("success", "Success", "share"),
    Column("unknown", "Unknown", "share"),
    Column("risk", "Risk signals", "count"),
    Column("authorisations", "Re-authorisations", "count"),
    Column("exposure", "Unpaid now", "money", "CNY"),
)
#: of the shops: what came in
SOURCES = (
    Column("source", "Source"),
    Column("new_ready", "New ready", "pieces"),
    Column("rejects", "Import rejects", "count"),
    Column("import_age", "Age at import, p50", "seconds"),
)
HYGIENE = (
    # inferred, assumed, no_reference, no_rate, not_synced
    Column("what", "Figure"),
    Column("label", "Figure"),
    Column("share", "Share", "share"),
    Column("hits", "Of these", "count"),
    Column("of", "Of", "count"),
    Column("names", "Which"),
)
#: what came to be known after a week's report was frozen
RESTATED = (
    Column("week", "Week"),
    Column("version", "Frozen version", "count"),
    Column("what", "Figure"),
    Column("frozen", "As frozen", "pieces"),
    Column("now", "Now", "pieces"),
    Column("change", "Change", "pieces"),
    Column("cny", "Change, CNY", "money", "CNY"),
)
_SHEETS = {
    "flow": ("What happened in the week", FLOW),
    "cohort": ("What became of what was booked", COHORT),
    "times": ("How long it took", TIMES),
    "yield": ("How well it went", YIELD),
    "attempts": ("What the attempts came to", ATTEMPTS),
    "variance": ("Price against the customer's payment", VARIANCE),
    "margin": ("Margin at risk", MARGIN),
    "identities": ("Does it add up", IDENTITIES),
    "unreconciled": ("Lines whose state and history disagree", UNRECONCILED),
    "operators": ("Operators", OPERATORS),
    "sessions": ("Sessions", SESSIONS),
    "sources": ("Sources", SOURCES),
    "hygiene": ("How far it can be trusted", HYGIENE),
    "restated": ("Restated since it was frozen", RESTATED),
}


def weekly(tx: Any, week: str, basis: Basis, filters: Filters | None = None) -> Report:
    """The report of an ISO week (``2026-W47``) in ``basis.zone``. Raises BadInput for what is no week."""
    sheets = {name: Sheet(name, title, columns, []) for name, (title, columns) in _SHEETS.items()}
    sheets |= {
        f"by_{name}": Sheet(f"by_{name}", f"By {name}", (Column(name, name.capitalize()), *CUT), [])
        for name in DIMENSIONS
    }
    return Report("weekly", week, basis, filters or Filters(), {}, sheets)
