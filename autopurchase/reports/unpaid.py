"""What is booked and not paid: pieces, provider orders, what must be paid, and what expires unpaid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autopurchase.reports.exact import PROVIDER_CURRENCY, yuan
from autopurchase.reports.model import Basis, Behind, Column, Figure, Sheet
from autopurchase.storage import standing
from autopurchase.storage.scopes import Names, Scope

UNPAID = (
    Column("what", "Unpaid"),  # all, 6 (deadline within 6 h), 24, overdue, none (no deadline known)
    Column("label", "Unpaid"),
    Column("orders", "Provider orders", "count"),
    Column("total", "To pay", "money", PROVIDER_CURRENCY),
    Column("assumed", "Deadlines assumed", "count"),
)
_LABELS = {
    "all": "All",
    "6": "Expire within 6 h",
    "24": "Expire within 24 h",
    "overdue": "Overdue",
    "none": "No deadline known",
}


class Unpaid:
    """Unpaid provider orders of one reading; ``pieces``: booked and not bought, by the lines."""

    def __init__(self, tx: Any, basis: Basis, scope: Scope, names: Names, pieces: int) -> None:
        self._pieces = pieces
        rows = standing.unpaid_orders(tx, scope, basis.as_of)
        self.by_session: Mapping[int, Mapping[str, Any]] = {row["session_id"]: dict(row) for row in rows}

    def sum(self, name: str) -> int:
        """A column over all sessions."""
        return sum(int(row[name] or 0) for row in self.by_session.values())

    def figures(self) -> list[Figure]:
        """Pieces, orders, exposure, and what expires."""
        soon = {name: self.sum(f"orders_{name}") for name in ("6", "24", "overdue")}
        where = {name: {"deadline": name} for name in soon}
        exposure = Behind("unpaid_orders", "amount", {"currency": PROVIDER_CURRENCY})
        return [
            Figure(
                "unpaid_pieces", "Booked, unpaid", self._pieces, "pieces", behind=Behind("unpaid", "pieces")
            ),
            Figure(
                "unpaid_orders", "Unpaid orders", self.sum("orders"), "count", behind=Behind("unpaid_orders", "orders")
            ),
            Figure(
                "unpaid_exposure", "To pay", yuan(self.sum("total_fen")), "money", PROVIDER_CURRENCY, behind=exposure
            ),
            Figure("expiring_6", "Expire within 6 h", soon["6"], "count", alarm=soon["6"] > 0,
                   behind=Behind("unpaid_orders", "orders", where["6"])),
            Figure("expiring_24", "Expire within 24 h", soon["24"], "count",
                   behind=Behind("unpaid_orders", "orders", where["24"])),
            Figure("overdue", "Overdue", soon["overdue"], "count", alarm=soon["overdue"] > 0,
                   note="usually an expiry not yet seen: synchronise these first" if soon["overdue"] else "",
                   behind=Behind("unpaid_orders", "orders", where["overdue"])),
        ]  # fmt: skip

    def sheets(self) -> list[Sheet]:
        """By deadline."""
        rows, opens = [], {}
        for place, (name, label) in enumerate(_LABELS.items()):
            end = "" if name == "all" else f"_{name}"
            total = "total_fen" if name == "all" else f"total_{name}"
            rows.append((name, label, self.sum(f"orders{end}"), yuan(self.sum(total)), self.sum(f"assumed{end}")))
            where = {} if name == "all" else {"deadline": name}
            opens[place, "orders"] = Behind("unpaid_orders", "orders", where)
            opens[place, "total"] = Behind("unpaid_orders", "amount", {**where, "currency": PROVIDER_CURRENCY})
            opens[place, "assumed"] = Behind("unpaid_orders", "orders", {**where, "assumed": True})
        return [Sheet("unpaid", "Waiting for payment", UNPAID, rows, opens)]
