"""``demo --headless``: the whole way of some lines, without pages."""

from __future__ import annotations

import time
from itertools import chain
from typing import Any

from autopurchase.api.runs import Run
from autopurchase.api.workspace import Workspace
from autopurchase.cli.orders import exit_for
from autopurchase.cli.output import Progress, aligned, note, show

#: lines booked, and through which sessions
_LINES = 20
_SESSIONS = ("main", "1688-main")
_PAY_SECONDS = 20.0


def headless(shop: Workspace, as_json: bool) -> int:
    """Book 20 ready lines through both providers, pay for half of the orders, synchronise, and print what happened."""
    with shop.working():
        return _book_pay_sync(shop, as_json)


def _book_pay_sync(shop: Workspace, as_json: bool) -> int:
    runs = [run for session in _SESSIONS if (run := _book(shop, session, _LINES // len(_SESSIONS)))]
    shop.wait(runs, tell=Progress())
    numbers = list(chain.from_iterable(run.outcomes.column("number") for run in runs))
    orders = [sorted(set(run.outcomes.column("provider_order")) - {""}) for run in runs]
    paid = shop.demo_pay([number for placed in orders for number in placed[::2]], _PAY_SECONDS)
    note(f"paid {len(paid)} of {sum(map(len, orders))} provider orders at the practice marketplace")
    began = time.monotonic()
    shop.wait(list(shop.sync()), tell=Progress())
    note(f"synchronised in {time.monotonic() - began:.1f} s")
    return _print(shop, runs, numbers, paid, as_json)


def _book(shop: Workspace, session: str, count: int) -> Run | None:
    """Book the oldest ``count`` ready lines of the session's provider."""
    numbers = shop.ready_numbers(session)[:count]
    if not numbers:
        note(f"no ready line is left for session {session}")
        return None
    plan = shop.plan(numbers, session)
    note(f"plan {plan.token}: {plan.summary()}")
    return plan.book() if plan.bookable else None


def _print(shop: Workspace, runs: list[Run], numbers: list[str], paid: list[str], as_json: bool) -> int:
    outcomes = [{**row, "run": run.number} for run in runs for row in run.outcomes]
    states = {row["number"]: row for row in shop.lines(numbers)} if numbers else {}
    rows = [{**row, "purchase": states[row["number"]]["purchase"]} for row in outcomes]
    counts = {word: sum(row["purchase"] == word for row in rows) for word in ("booked", "bought", "sent", "problem")}
    placed = {row["provider_order"] for row in rows} - {""}
    document: dict[str, Any] = {
        "home": str(shop.home),
        "runs": [run.number for run in runs],
        "lines": rows,
        "counts": counts,
        "provider_orders": len(placed),
        "paid": paid,
        "status": shop.status(),
    }
    told = (
        f"{len(rows)} lines in {len(placed)} provider orders; {len(paid)} orders paid: "
        f"{counts['bought'] + counts['sent']} lines bought, {counts['booked']} booked and unpaid."
    )
    show(document, as_json, aligned(rows, ("number", "outcome", "provider_order", "purchase", "title")), told)
    outcomes_of = [row["outcome"] for row in rows]
    return exit_for({word: outcomes_of.count(word) for word in set(outcomes_of)})
