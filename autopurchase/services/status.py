"""The state of the workspace in figures, for the command line and the front page."""

from __future__ import annotations

from typing import Any

from autopurchase.domain.desk import ORPHAN_AGE
from autopurchase.services.context import Context
from autopurchase.storage import bookings, desk_views, sessions, write_backs
from autopurchase.storage import lines as history


def status(ctx: Context) -> dict[str, Any]:
    """Lines by purchase state, ready lines, bookings by state, unknown, orphans, over-booked pieces, sync ages (s)."""
    now = ctx.now()
    with ctx.db.read() as tx:
        counts = bookings.state_counts(tx)
        over = bookings.over_booked(tx)
        return {
            "at": now.isoformat(),
            "lines": history.purchase_counts(tx),
            "ready": history.ready_count(tx),
            "bookings": counts,
            "unknown": counts.get("unknown", 0) + counts.get("sending", 0),
            "orphans": desk_views.orphans(tx, now - ORPHAN_AGE),
            "over_booked": sum(int(row["booked"]) - int(row["quantity"]) for row in over),
            "waiting_write_backs": write_backs.waiting(tx),
            "sessions": [
                {
                    "name": row["name"],
                    "provider": row["provider"],
                    "state": row["state"],
                    "sync_age_seconds": round((now - row["synced_at"]).total_seconds()) if row["synced_at"] else None,
                    "sync_error": row["sync_error"],
                }
                for row in sessions.listing(tx)
            ],
        }
