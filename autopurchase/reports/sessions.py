"""Sessions: when they were synchronised last, how long they are authorised, and how much of their budget is used."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from autopurchase.reports.exact import PROVIDER_CURRENCY, percentile, share, yuan
from autopurchase.reports.model import Basis, Behind, Column, Figure, Sheet
from autopurchase.storage import standing
from autopurchase.storage.scopes import Scope

SESSIONS = (
    Column("session", "Session"),
    Column("provider", "Provider"),
    Column("state", "State"),
    Column("synced", "Last good sync", "time"),
    Column("sync_age", "Sync age", "seconds"),
    Column("expires", "Authorisation ends", "time"),
    Column("used", "Bookings today", "count"),
    Column("cap", "Cap", "count"),  # None: none
    Column("used_share", "Budget used", "share"),
    Column("risk", "Risk signals today", "count"),
    Column("unpaid_orders", "Unpaid orders", "count"),
    Column("unpaid", "To pay", "money", PROVIDER_CURRENCY),
    Column("error", "Trouble"),
)
_SOON = timedelta(hours=24)


class Health:
    """Sessions of one reading. ``unpaid``: their unpaid orders by session id."""

    def __init__(self, tx: Any, basis: Basis, scope: Scope, unpaid: Mapping[int, Mapping[str, Any]]) -> None:
        self._now, self._unpaid = basis.as_of, unpaid
        self._rows = standing.sessions(tx, scope, today(basis.as_of))

    def _age(self, row: Mapping[str, Any]) -> int | None:
        return int((self._now - row["synced_at"]).total_seconds()) if row["synced_at"] else None

    def figures(self) -> list[Figure]:
        """Sync age, what expires, risk signals."""
        active = [row for row in self._rows if row["state"] == "active"]
        aged = [(age, 1) for row in active if (age := self._age(row)) is not None]
        soon = sum(1 for row in active if (end := _end(row)) is not None and end <= self._now + _SOON)
        risk = sum(row["signals"] for row in self._rows)
        return [
            Figure("sync_age_p95", "Sync age, p95", percentile(aged, 95), "seconds", of="active sessions"),
            Figure("sessions_expiring", "Sessions expiring within 24 h", soon, "count", alarm=soon > 0),
            Figure("risk_today", "Risk signals today", risk, "count", alarm=risk > 0),
        ]

    def sheet(self) -> Sheet:
        """One row a session."""
        opens: dict[tuple[int, str], Behind] = {}
        for place, row in enumerate(self._rows):
            where = {"session": row["name"]}
            opens[place, "used"] = Behind("sent", "orders", where)
            opens[place, "unpaid_orders"] = Behind("unpaid_orders", "orders", where)
            opens[place, "unpaid"] = Behind("unpaid_orders", "amount", {**where, "currency": PROVIDER_CURRENCY})
        return Sheet("sessions", "Sessions", SESSIONS, [self._cells(row) for row in self._rows], opens)

    def _cells(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        owed = self._unpaid.get(row["id"], {"orders": 0, "total_fen": 0})
        cap = row["daily_cap"] or None
        return (
            row["name"], row["provider"], row["state"], row["synced_at"], self._age(row), _end(row), row["used"], cap,
            share(row["used"], cap or 0), row["signals"], int(owed["orders"]), yuan(int(owed["total_fen"] or 0)),
            row["sync_error"] or row["check_error"],
        )  # fmt: skip


def today(now: datetime) -> datetime:
    """When today began: caps are counted in days of UTC."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def _end(row: Mapping[str, Any]) -> datetime | None:
    """When the session must be authorised again: its token is renewed as long as it may be."""
    end: datetime | None = row["refresh_expires_at"] or row["token_expires_at"]
    return end
