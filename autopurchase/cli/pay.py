"""``pay list | approve | withdraw | links``: the pay list. Nothing is paid by the program."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from autopurchase.api.pay import PayList
from autopurchase.api.runs import Journal, Run
from autopurchase.cli.buying import timeout_option
from autopurchase.cli.output import DONE, REFUSALS, Progress, aligned, json_option, show, write_csv
from autopurchase.cli.shop import line_numbers, opened
from autopurchase.domain.errors import BadInput
from autopurchase.domain.money import Money, totals
from autopurchase.domain.pay import OVERDUE, SOON

_SHOWN = ("order", "session", "lines", "amount", "pay_deadline", "assumed", "approval", "approved_by", "note")
_TOTALS = ("session", "orders", "total", "approved_orders", "approved", "overdue", "within_6h", "within_24h")

session_option: Callable[[Any], Any] = click.option("--session", default="", help="Only of this session.")
orders_option: Callable[[Any], Any] = click.option(
    "--orders", default="", metavar="NUMBERS", help="Marketplace order numbers, separated by commas."
)


@click.group()
def pay() -> None:
    """Unpaid orders: what may be paid, and where."""


@pay.command("list")
@session_option
@click.option("--expiring", type=click.Choice([*SOON, OVERDUE]), help="Only what expires so soon.")
@click.option("--approved", "state", flag_value="approved", default=None, help="Only what is approved.")
@click.option("--waiting", "state", flag_value="waiting", help="Only what is not approved.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV; a payment page's address is not in it.")
@json_option
def list_orders(session: str, expiring: str | None, state: str | None, as_csv: bool, as_json: bool) -> int:
    """Unpaid orders, nearest deadline first, with sums by session."""
    with opened() as shop:
        found = shop.pay_list(session=session, expiring=expiring or "", approval=state or "")
        sums = found.totals()
    if as_csv:
        write_csv(found)
        return DONE
    document = {"orders": found, "sessions": sums}
    show(
        document, as_json, aligned(found.rows, _SHOWN) or "Nothing waits for payment.", "", aligned(sums.rows, _TOTALS)
    )
    return DONE


@pay.command()
@session_option
@orders_option
@click.option("--all", "everything", is_flag=True, help="Everything that is not approved (of --session).")
@click.option("--yes", is_flag=True, help="Approve without asking.")
@json_option
def approve(session: str, orders: str, everything: bool, yes: bool, as_json: bool) -> int:
    """Approve orders to be paid, each up to its total of now. A manager's act."""
    if everything == bool(orders):
        raise click.UsageError("Say which: --orders NUMBERS, or --all.")
    with opened() as shop:
        found = shop.pay_list(session=session, approval="waiting" if everything else "")
        numbers = found.column("order") if everything else line_numbers(orders)
        if not numbers:
            show({"run": None, "orders": []}, as_json, "Nothing waits for approval.")
            return DONE
        _confirm(found, numbers, yes, as_json)
        return _done(found.approve(numbers), numbers, "approved", as_json)


def _confirm(found: PayList, numbers: list[str], yes: bool, as_json: bool) -> None:
    if yes:
        return
    if as_json or not sys.stdin.isatty():
        raise BadInput("Nothing was approved: add --yes.")
    rows = [row for row in found.rows if row["order"] in set(numbers)]
    click.echo(aligned(rows, _SHOWN))
    amounts: list[Money] = [row["amount"] for row in rows if row["amount"] is not None]
    told = ", ".join(str(amount) for amount in totals(amounts).values())
    click.confirm(f"{len(numbers)} orders, {told}. Approve?", abort=True)


@pay.command()
@session_option
@click.option("--orders", required=True, metavar="NUMBERS", help="Marketplace order numbers, separated by commas.")
@json_option
def withdraw(session: str, orders: str, as_json: bool) -> int:
    """Take approvals back. A manager's act."""
    numbers = line_numbers(orders)
    with opened() as shop:
        return _done(shop.pay_list(session=session).withdraw(numbers), numbers, "withdrawn", as_json)


def _done(run: Run, numbers: list[str], what: str, as_json: bool) -> int:
    out = run.out
    show({"run": run.number, "orders": numbers, **out}, as_json, f"Run {run.number}: {out[what]} {what}.")
    return DONE


@pay.command()
@session_option
@orders_option
@click.option("--wait", is_flag=True, help="Wait until the worker has them, and print the pages.")
@timeout_option
@json_option
def links(session: str, orders: str, wait: bool, timeout: float, as_json: bool) -> int:
    """Get the pages where approved orders are paid, as many together as the marketplace takes."""
    with opened(calls=wait) as shop:
        found = shop.pay_list(session=session)
        runs = found.links(line_numbers(orders) if orders else None)
        if wait:
            shop.wait(list(runs), timeout, Progress())
        return _linked(found, runs, wait, as_json)


def _linked(found: PayList, runs: Journal, wait: bool, as_json: bool) -> int:
    rows = [{"run": run.number, "state": run.state, "error": run.error, "out": run.out} for run in runs]
    pages, left_out = found.pages(), found.left_out()
    document = {"runs": rows, "pages": pages if wait else [], "left_out": left_out if wait else []}
    told = [f"Run {row['run']}: {row['error'] or row['state']}." for row in rows]
    if wait:
        for page in pages:
            told += [f"{page['session']}: {page['count']} orders, {page['amount']}", f"  {page['url']}"]
        told += [f"{row['order']}: {row['why']}" for row in left_out]
    show(document, as_json, *told)
    finished = all(row["state"] == "done" for row in rows) and not len(left_out)
    return DONE if finished or not wait else REFUSALS
