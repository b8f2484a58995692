"""The pay list: what is unpaid, and approval by a manager. Nothing is paid here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from autopurchase.domain import code
from autopurchase.domain import pay as rules
from autopurchase.domain.errors import BadInput, Drifted
from autopurchase.domain.money import Money, amount_text
from autopurchase.domain.pay import PayState, pay_state
from autopurchase.domain.provider_order import ProviderState
from autopurchase.domain.roles import Actor, Role
from autopurchase.services import sync
from autopurchase.services.context import Context
from autopurchase.storage import pay, runs
from autopurchase.storage.database import Connection, Row
from autopurchase.storage.pay import PayFilter

#: orders shown or acted on at once
MOST = 2_000


@dataclass(frozen=True, slots=True)
class PayOrder:
    """An unpaid order. ``expires``: overdue, 6h, 24h or empty; ``assumed``: the deadline is an estimate."""

    number: str
    session: str
    provider: str
    base_url: str
    seller: str
    lines: tuple[str, ...]
    total_fen: int | None
    deadline: datetime | None
    assumed: bool
    expires: str
    state: PayState
    approved_fen: int | None
    approved_by: str
    approved_at: datetime | None
    note: str


def listing(
    ctx: Context, actor: Actor, wanted: PayFilter | None = None, *, limit: int = MOST, offset: int = 0
) -> list[PayOrder]:
    """Unpaid orders of ours, nearest deadline first."""
    actor.require(Role.OPERATOR)
    now = ctx.now()
    with ctx.db.read() as tx:
        rows = pay.page(tx, wanted or PayFilter(), now, limit=limit, offset=offset)
        lines = pay.lines_of(tx, [row["id"] for row in rows])
    return [_view(row, lines.get(row["id"], []), now) for row in rows]


def _view(row: Row, lines: Sequence[str], now: datetime) -> PayOrder:
    expires = rules.expires(row["pay_deadline"], now)
    return PayOrder(
        number=row["provider_order_id"],
        session=row["session"],
        provider=row["session_provider"],
        base_url=row["session_url"],
        seller=row["seller_name"] or row["seller_id"],
        lines=tuple(lines),
        total_fen=row["total_fen"],
        deadline=row["pay_deadline"],
        assumed=row["deadline_assumed"],
        expires=expires,
        state=pay_state(row["total_fen"], row["approved_fen"]),
        approved_fen=row["approved_fen"],
        approved_by=row["approved_by"] or "",
        approved_at=row["approved_at"],
        note=_note(row, expires),
    )


def _note(row: Row, expires: str) -> str:
    """The one thing to know before it is paid."""
    if row["cancelling"]:
        return "Being cancelled"
    if expires == rules.OVERDUE:
        return "Usually expired: synchronise first"
    if row["check_state"] == "differs":
        return "Differs from the plan"
    if row["total_fen"] is None:
        return "Total not known yet: synchronise"
    return "" if row["payable"] else "Not open for payment when last read"


def totals(ctx: Context, actor: Actor, wanted: PayFilter | None = None) -> Sequence[Row]:
    """Orders and sums by session (`storage.pay.totals`)."""
    actor.require(Role.OPERATOR)
    with ctx.db.read() as tx:
        return pay.totals(tx, wanted or PayFilter(), ctx.now())


def of_lines(ctx: Context, actor: Actor, lines: Sequence[str]) -> list[PayOrder]:
    """Unpaid orders that these lines are booked in."""
    actor.require(Role.OPERATOR)
    now = ctx.now()
    with ctx.db.read() as tx:
        rows = pay.orders_of_lines(tx, lines)
        numbers = pay.lines_of(tx, [row["id"] for row in rows])
    return [_view(row, numbers.get(row["id"], []), now) for row in rows]


def approve(ctx: Context, actor: Actor, seen: Mapping[str, int | None], *, session: str = "") -> int:
    """Approve orders to be paid, each up to its total of now; the run. What is approved already stays as it is.

    ``seen``: marketplace numbers with the totals (fen) that the manager saw; None does not compare. Raises Drifted when
    a total is another by now, BadInput for an order that cannot be paid.
    """
    actor.require(Role.MANAGER)
    with ctx.db.write() as tx:
        rows = orders_of(tx, list(seen), session)
        _as_seen(rows, seen)
        new = [row for row in rows if pay_state(row["total_fen"], row["approved_fen"]) is not PayState.APPROVED]
        amount = sum(row["total_fen"] for row in new)
        told = {row["provider_order_id"]: str(Money(row["total_fen"], "CNY").decimal()) for row in rows}
        run_id = _open_run(ctx, tx, actor, "approve", rows, f"{told!r}")
        now = ctx.now()
        pay.add_approvals(
            tx,
            [
                {
                    "run_id": run_id,
                    "provider_order_id": row["id"],
                    "amount_fen": row["total_fen"],
                    "actor": actor.name,
                    "at": now,
                }
                for row in new
            ],
        )
        out = {"approved": len(new), "approved_already": len(rows) - len(new), "amount": _cny(amount)}
        runs.finish(tx, run_id, at=now, out=out)
    return run_id


def withdraw(ctx: Context, actor: Actor, numbers: Sequence[str], *, session: str = "") -> int:
    """Take approvals back; the run. Raises BadInput when none of these orders has one."""
    actor.require(Role.MANAGER)
    with ctx.db.write() as tx:
        rows = [row for row in orders_of(tx, numbers, session, unpaid=False) if row["approved_fen"] is not None]
        if not rows:
            raise BadInput("None of these orders is approved.")
        numbers = [row["provider_order_id"] for row in rows]
        run_id = _open_run(ctx, tx, actor, "withdraw", rows, f"{numbers!r}")
        pay.withdraw(tx, [row["id"] for row in rows], at=ctx.now(), by=actor.name)
        runs.finish(tx, run_id, at=ctx.now(), out={"withdrawn": len(rows)})
    return run_id


def _open_run(ctx: Context, tx: Connection, actor: Actor, kind: str, rows: Sequence[Row], given: str) -> int:
    """``given``: the orders as code; an approval called again with these totals refuses what has risen since."""
    return runs.create(
        tx,
        kind=kind,
        actor=actor.name,
        at=ctx.now(),
        call=f"shop.pay_list().{kind}({given})",
        params={"orders": [row["provider_order_id"] for row in rows]},
        state="running",
        total=len(rows),
    )


def orders_of(tx: Connection, numbers: Sequence[str], session: str, *, unpaid: bool = True) -> list[Row]:
    """The orders of these numbers, locked. Raises BadInput naming those that are not ours, or not unpaid any more."""
    wanted = list(dict.fromkeys(numbers))
    if not wanted:
        raise BadInput("Pick at least one order.")
    if len(wanted) > MOST:
        raise BadInput(f"At most {MOST:,} orders at once; {len(wanted):,} are picked.")
    rows = list(pay.lock_orders(tx, wanted, session))
    count = Counter(row["provider_order_id"] for row in rows)
    if missing := [number for number in wanted if number not in count]:
        raise BadInput(f"No such order of ours: {some(missing)}.")
    if twice := [number for number, times in count.items() if times > 1]:
        raise BadInput(f"Several sessions have an order {some(twice)}: say of which session.")
    if unpaid and (gone := [row["provider_order_id"] for row in rows if row["state"] != ProviderState.UNPAID]):
        raise BadInput(f"Not unpaid any more: {some(gone)}.")
    return rows


def _as_seen(rows: Sequence[Row], seen: Mapping[str, int | None]) -> None:
    if unpriced := [row["provider_order_id"] for row in rows if row["total_fen"] is None]:
        raise BadInput(f"The total is not known yet: {some(unpriced)}. Synchronise first.")
    if leaving := [row["provider_order_id"] for row in rows if row["cancelling"]]:
        raise BadInput(f"Being cancelled: {some(leaving)}.")
    moved = [
        f"{row['provider_order_id']} is {_cny(row['total_fen'])} now"
        for row in rows
        if seen[row["provider_order_id"]] not in (None, row["total_fen"])
    ]
    if moved:
        raise Drifted(f"Totals changed since you looked: {some(moved)}. Look again, then approve.")


def some(parts: Sequence[str]) -> str:
    more = f" and {len(parts) - 10} more" if len(parts) > 10 else ""
    return ", ".join(parts[:10]) + more


def _cny(fen: int) -> str:
    return f"CNY {amount_text(fen, 'CNY')}"


def synchronise(ctx: Context, actor: Actor, orders: Sequence[str], *, session: str = "") -> list[int]:
    """Ask the worker to read these orders again: after they were paid, or are overdue. Raises BadInput."""
    actor.require(Role.OPERATOR)
    with ctx.db.write() as tx:
        rows = orders_of(tx, orders, session, unpaid=False)
        by_session: dict[int, list[str]] = {}
        for row in rows:
            by_session.setdefault(row["session_id"], []).append(row["provider_order_id"])
        numbers = [row["provider_order_id"] for row in rows]
        return sync.request_orders(ctx, tx, actor, by_session, code.call("shop.pay_list().sync", numbers))
