"""From rows of the database to the rows that the command line and notebooks show. Money carries its currency."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autopurchase.domain.journal import Note
from autopurchase.domain.money import Money
from autopurchase.services.sessions import SessionView

#: columns of a list of lines
LINE = (
    "number", "order", "provider", "title", "configuration", "quantity", "unit_price", "sum", "reference_price",
    "seller", "customer", "status", "purchase", "cause", "ready_at", "item_id", "item_url", "customer_comment",
    "operator_comment", "version",
)  # fmt: skip
LINE_HIDDEN = ("order", "status", "purchase", "item_id", "item_url", "customer_comment", "operator_comment", "version")
#: what a purchase adds to a line
BOUGHT = (
    "number", "purchase", "cause", "session", "provider_order", "provider_state", "total", "pay_deadline",
    "title", "quantity", "customer", "run", "reference", "seen_at",
)  # fmt: skip
BOUGHT_HIDDEN = ("reference", "seen_at", "run")
PLANNED = (
    "purchase", "number", "seller", "title", "configuration", "quantity", "price_seen", "price_now", "sum", "warnings",
)  # fmt: skip
LEFT_OUT = ("number", "cause", "sentence")
NOTE = ("id", "actor", "at", "text", "changed")
#: a session with what it may do and what is used of that
SESSION = (
    "name", "provider", "state", "health", "grade", "account", "used_hour", "hourly_cap", "used_today", "daily_cap",
    "used_amount", "daily_amount", "queued", "room_today", "resting_until", "pause_seconds", "rest_seconds", "strikes",
    "release_budget", "rate_per_second", "concurrency", "synced_at", "sync_error", "token_expires_at", "base_url",
)  # fmt: skip
SESSION_HIDDEN = (
    "pause_seconds", "rest_seconds", "strikes", "release_budget", "rate_per_second", "concurrency", "base_url",
)  # fmt: skip


def session_row(view: SessionView) -> dict[str, Any]:
    """A session. Hours and days are UTC; a cap of 0, and no ``room_today``, mean that nothing bounds it."""
    budget, use = view.budget, view.use
    used = {
        "used_hour": use.hour,
        "hourly_cap": budget.hourly_cap,
        "used_today": use.day,
        "daily_cap": budget.daily_cap,
        "used_amount": Money(use.amount_fen, "CNY"),
        "daily_amount": Money(budget.daily_amount_fen, "CNY"),
        "room_today": view.room,
        "pause_seconds": budget.pause_seconds,
        "rest_seconds": budget.rest_seconds,
        "strikes": budget.rest_after,
    }
    return {name: used[name] if name in used else getattr(view, name) for name in SESSION}


def line_row(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A line as `storage.views` or `storage.lines` reads it."""
    currency, reference = row["currency"], row["reference_fen"]
    return {
        "number": row["number"],
        "order": row["order_number"],
        "provider": row["provider"],
        "title": row["title"],
        "configuration": row["configuration"] or row["configuration_original"],
        "quantity": row["quantity"],
        "unit_price": Money(row["unit_price_minor"], currency),
        "sum": Money(row["sum_minor"], currency),
        "reference_price": None if reference is None else Money(reference, "CNY"),
        "seller": row["seller_name"] or row["seller_id"],
        **{name: row[name] for name in _SAME},
    }


_SAME = (
    "customer", "status", "purchase", "cause", "ready_at", "item_id", "item_url", "customer_comment",
    "operator_comment", "version",
)  # fmt: skip


def bought_row(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A line under way with its booking and provider order."""
    total = row["total_fen"]
    return {
        "number": row["number"],
        "purchase": row["purchase"],
        "cause": row["cause"],
        "session": row["session"] or "",
        "provider_order": row["provider_order_id"] or "",
        "provider_state": row["provider_state"] or "",
        "total": None if total is None else Money(total, "CNY"),
        "pay_deadline": row["pay_deadline"],
        "title": row["title"],
        "quantity": row["quantity"],
        "customer": row["customer"],
        "run": row["run_id"],
        "reference": row["out_order_id"] or "",
        "seen_at": row["seen_at"],
    }


def note_row(note: Note) -> dict[str, Any]:
    """A note as it reads now."""
    return {"id": note.id, "actor": note.actor, "at": note.at, "text": note.text, "changed": note.changed}


def planned_rows(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The lines of a plan, purchase by purchase; the warnings of a purchase stand at its first line."""
    return [
        {
            "purchase": position,
            "number": line["number"],
            "seller": purchase["seller_name"] or purchase["seller_id"],
            "title": line["title"],
            "configuration": line["configuration"],
            "quantity": line["quantity"],
            "price_seen": None if line["seen_fen"] is None else Money(line["seen_fen"], "CNY"),
            "price_now": Money(line["price_fen"], "CNY"),
            "sum": Money(line["price_fen"] * line["quantity"], "CNY"),
            "warnings": " ".join(purchase["warnings"]) if place == 0 else "",
        }
        for position, purchase in enumerate(body.get("purchases", []), start=1)
        for place, line in enumerate(purchase["lines"])
    ]
