"""The pay list in Python: what is unpaid, approval, and pages where a person pays. Nothing is paid here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from autopurchase.api.runs import Journal, Run
from autopurchase.api.table import Table
from autopurchase.domain.errors import BadInput
from autopurchase.domain.money import Money
from autopurchase.domain.pay import OVERDUE, SOON, PayState
from autopurchase.domain.roles import Actor
from autopurchase.following import PATIENCE, follow
from autopurchase.services import pay, pay_links
from autopurchase.services.pay import PayOrder
from autopurchase.storage.pay import PayFilter
from autopurchase.wiring import Workspace

ORDER = (
    "order", "session", "provider", "seller", "lines", "amount", "pay_deadline", "assumed", "expires", "approval",
    "approved_amount", "approved_by", "approved_at", "note",
)  # fmt: skip
HIDDEN = ("provider", "seller", "assumed", "approved_at")
TOTALS = (
    "session", "orders", "total", "approved_orders", "approved", "overdue", "within_6h", "within_24h", "next_deadline",
)  # fmt: skip
#: of a payment page; its address may carry a signature, so a notebook does not show it
PAGE = ("session", "count", "amount", "fetched_at", "orders", "url")
LEFT_OUT = ("session", "order", "why", "fetched_at")


class PayList(Table):
    """Unpaid orders of ours as they were when it was made (`Workspace.pay_list`), nearest deadline first."""

    def __init__(self, opened: Workspace, actor: Actor, wanted: PayFilter) -> None:
        """``wanted``: which orders. Raises BadInput."""
        _check(wanted)
        self._opened, self._actor, self._wanted = opened, actor, wanted
        super().__init__([pay_row(order) for order in pay.listing(opened.context, actor, wanted)], ORDER, hidden=HIDDEN)

    def totals(self) -> Table:
        """Orders and sums by session, as of now."""
        rows = pay.totals(self._opened.context, self._actor, self._wanted)
        return Table([_totals_row(row) for row in rows], TOTALS)

    def approve(self, orders: Sequence[str] | Mapping[str, str | Decimal] | None = None) -> Run:
        """Approve orders up to their totals (a manager's act); without ``orders`` all of this list.

        Compared are the totals of this list, or those given (CNY). Raises Drifted when one is another by now, BadInput,
        NotAllowed.
        """
        known = {row["order"]: row["amount"] for row in self.rows}
        if isinstance(orders, Mapping):
            known |= {number: Money.of(amount, "CNY") for number, amount in orders.items()}
        wanted = list(self.column("order") if orders is None else orders)
        seen = {number: None if known.get(number) is None else known[number].minor for number in wanted}
        return self._run(pay.approve(self._opened.context, self._actor, seen, session=self._wanted.session))

    def withdraw(self, orders: Sequence[str]) -> Run:
        """Take approvals back (a manager's act). Raises BadInput, NotAllowed."""
        return self._run(pay.withdraw(self._opened.context, self._actor, orders, session=self._wanted.session))

    def links(self, orders: Sequence[str] | None = None, *, wait: bool = False, timeout: float = PATIENCE) -> Journal:
        """Ask the worker for pages where approved orders are paid; without ``orders`` for everything approved.

        Afterwards `pages` holds them. Raises BadInput for an order that is not approved.
        """
        ctx, session = self._opened.context, self._wanted.session
        return self._runs(pay_links.request(ctx, self._actor, orders, session=session), wait, timeout)

    def pages(self) -> Table:
        """Payment pages whose orders are all still unpaid and approved."""
        found, _ = pay_links.pages(self._opened.context, self._actor, session=self._wanted.session)
        rows = [
            {
                "session": page.session,
                "count": len(page.orders),
                "amount": Money(page.total_fen, "CNY"),
                "fetched_at": page.at,
                "orders": list(page.orders),
                "url": page.url,
            }
            for page in found
        ]
        return Table(rows, PAGE, hidden=("url",))

    def left_out(self) -> Table:
        """Unpaid orders that the last asking put on no page, and why."""
        _, found = pay_links.pages(self._opened.context, self._actor, session=self._wanted.session)
        rows = [{"session": one.session, "order": one.number, "why": one.why, "fetched_at": one.at} for one in found]
        return Table(rows, LEFT_OUT)

    def sync(self, orders: Sequence[str] | None = None, *, wait: bool = False, timeout: float = PATIENCE) -> Journal:
        """Ask the worker to read these orders (all of this list) again: after they were paid."""
        wanted = [row["order"] for row in self.rows] if orders is None else orders
        ctx, session = self._opened.context, self._wanted.session
        return self._runs(pay.synchronise(ctx, self._actor, wanted, session=session), wait, timeout)

    def _run(self, number: int) -> Run:
        return Run(self._opened, number, self._actor)

    def _runs(self, numbers: Sequence[int], wait: bool, timeout: float) -> Journal:
        if wait and numbers:
            follow(self._opened, numbers, timeout=timeout)
        return Journal([self._run(number) for number in numbers])


def _totals_row(row: Mapping[Any, Any]) -> dict[str, Any]:
    sums = {"total": Money(int(row["total_fen"]), "CNY"), "approved": Money(int(row["approved_fen"]), "CNY")}
    return {name: row[name] for name in TOTALS if name in row} | sums | {"approved_orders": row["approved"]}


def _check(wanted: PayFilter) -> None:
    soon = (*SOON, OVERDUE)
    states = (PayState.WAITING.value, PayState.APPROVED.value)
    if wanted.soon and wanted.soon not in soon:
        raise BadInput(f"“{wanted.soon}” is not one of {', '.join(soon)}.")
    if wanted.state and wanted.state not in states:
        raise BadInput(f"“{wanted.state}” is not one of {', '.join(states)}.")


def pay_row(order: PayOrder) -> Mapping[str, Any]:
    """An unpaid order as a row."""
    return {
        "order": order.number,
        "session": order.session,
        "provider": order.provider,
        "seller": order.seller,
        "lines": ", ".join(order.lines),
        "amount": None if order.total_fen is None else Money(order.total_fen, "CNY"),
        "pay_deadline": order.deadline,
        "assumed": order.assumed,
        "expires": order.expires,
        "approval": order.state.value,
        "approved_amount": None if order.approved_fen is None else Money(order.approved_fen, "CNY"),
        "approved_by": order.approved_by,
        "approved_at": order.approved_at,
        "note": order.note,
    }
