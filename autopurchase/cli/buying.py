"""``plan``, ``book``, ``sync``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from autopurchase.api.plans import Plan
from autopurchase.api.runs import Journal, Run
from autopurchase.api.workspace import Workspace
from autopurchase.cli.orders import exit_for
from autopurchase.cli.output import DONE, REFUSALS, Progress, aligned, json_option, note, show
from autopurchase.cli.shop import filter_options, filters, line_numbers, numbers_in_file, opened
from autopurchase.domain.errors import BadInput
from autopurchase.following import PATIENCE

_PLANNED = ("purchase", "number", "seller", "title", "quantity", "price_seen", "price_now", "sum")
_OUTCOME = ("number", "outcome", "provider_order", "cause", "sentence")

timeout_option: Callable[[Any], Any] = click.option(
    "--timeout", type=click.FloatRange(min=0), default=PATIENCE, show_default=True, help="Seconds to wait at most."
)


def choice_options(command: Any) -> Any:
    """The options that say what is planned."""
    options = (
        click.option("--session", default="", help="Through which session."),
        click.option("--all-ready", is_flag=True, help="Every ready line of the session's provider."),
        click.option("--lines", default="", metavar="53-1,53-2", help="These lines."),
        click.option("--file", "numbers_file", default="", metavar="F", help="Line numbers from a file, or -."),
        click.option("--merge-by-seller", is_flag=True, help="One purchase per seller across customers' orders."),
        click.option("--tolerance", default="5%", show_default=True, help="Allowed rise per line, or none."),
        click.option("--total-tolerance", default="none", show_default=True, help="Allowed rise in total, or none."),
        click.option("--accept-prices", is_flag=True, help="Take the prices of now, whatever they are."),
    )
    for option in reversed(options):
        command = option(command)
    return filter_options(command)


def _plan(shop: Workspace, given: dict[str, Any]) -> Plan | None:
    """The checked plan of these options; None when --all-ready finds nothing."""
    ways = [name for name in ("all_ready", "lines", "numbers_file") if given[name]]
    if len(ways) != 1:
        raise click.UsageError("Choose lines by one of --all-ready, --lines and --file.")
    if not given["session"]:
        raise click.UsageError("Say through which --session.")
    if given["all_ready"]:
        numbers = shop.ready_numbers(given["session"], **filters(given))
        if not numbers:
            return None
    else:
        numbers = line_numbers(given["lines"]) if given["lines"] else numbers_in_file(given["numbers_file"])
    return shop.plan(
        numbers,
        given["session"],
        merge_by_seller=given["merge_by_seller"],
        tolerance=given["tolerance"],
        total_tolerance=given["total_tolerance"],
        accept_prices=given["accept_prices"],
    )


def plan_document(plan: Plan) -> dict[str, Any]:
    """A plan as JSON shows it."""
    return {
        "plan": plan.token,
        "state": plan.state,
        "session": plan.session,
        "hash": plan.hash,
        "purchases": plan.purchases,
        "lines": plan.lines,
        "left_out": plan.left_out,
        "totals": plan.totals,
        "warnings": plan.warnings,
        "bookable": plan.bookable,
        "blocked": plan.error,
    }


def _left_out(plan: Plan) -> str:
    """Sentences stand in full: they say what to do."""
    told = [f"  {row['number']}: {row['sentence']} ({row['cause']})" for row in plan.left_out]
    return "\n".join(["Left out:", *told]) if told else ""


def _nothing(as_json: bool) -> int:
    show({"plan": None, "run": None, "lines": []}, as_json, "No line is ready: there is nothing to book.")
    return DONE


@click.command()
@choice_options
@json_option
def plan(as_json: bool, **given: Any) -> int:
    """Check what booking lines would be; nothing is sent."""
    with opened(calls=True) as shop:
        made = _plan(shop, given)
    if made is None:
        return _nothing(as_json)
    how = f"Book it: book --plan {made.token} --yes" if made.bookable else ""
    table = aligned(made.lines.rows, _PLANNED)
    show(plan_document(made), as_json, table, _left_out(made), f"Plan {made.token}: {made.summary()}", how)
    return REFUSALS if len(made.left_out) or not made.bookable else DONE


@click.command()
@choice_options
@click.option("--plan", "token", default="", metavar="ID", help="Book this plan instead of making one.")
@click.option("--yes", is_flag=True, help="Book without asking.")
@click.option("--wait", is_flag=True, help="Wait until the worker is through, and print what became of each line.")
@timeout_option
@json_option
def book(token: str, yes: bool, wait: bool, timeout: float, as_json: bool, **given: Any) -> int:
    """Book lines: commit the plan's run; the worker places the orders, unpaid."""
    with opened(calls=True) as shop:
        made = shop.plan_of(token) if token else _plan(shop, given)
        if made is None:
            return _nothing(as_json)
        if not made.bookable:
            return _not_bookable(made, as_json)
        _confirm(made, yes, as_json)
        run = made.book()
        if wait:
            run.wait(timeout, Progress())
        return _booked(made, run, wait, shop.workers(), as_json)


def _not_bookable(made: Plan, as_json: bool) -> int:
    sentence = made.error or "This plan cannot be booked."
    document = {"run": None, **plan_document(made), "error": {"sentence": sentence, "cause": "blocked"}}
    show(document, as_json, _left_out(made))
    if not as_json:
        note(sentence)
    return REFUSALS


def _confirm(made: Plan, yes: bool, as_json: bool) -> None:
    if yes:
        return
    if as_json or not sys.stdin.isatty():
        raise BadInput(f"Nothing was booked: add --yes to book plan {made.token}.")
    click.echo(aligned(made.lines.rows, _PLANNED))
    click.confirm(f"{made.summary()}. Book?", abort=True)


def _booked(made: Plan, run: Run, wait: bool, workers: int, as_json: bool) -> int:
    outcomes, counts, left = run.outcomes, run.counts, made.left_out
    document = {
        "run": run.number,
        "state": run.state,
        "plan": made.token,
        "outcomes": outcomes,
        "counts": {name: counts.get(name, 0) for name in ("booked", "refused", "waiting", "unknown", "ended")},
        "left_out": left,
    }
    told = f"Run {run.number}: {run.state}. {run.summary()}."
    table = aligned(outcomes.rows, _OUTCOME) if wait else ""
    show(document, as_json, table, _left_out(made), told)
    if not wait and not workers:
        note("No worker is at work: start one (worker), or use --wait.")
    return exit_for(counts, len(left)) if wait else exit_for({}, len(left))


@click.command()
@click.option("--session", default="", help="One session.")
@click.option("--all", "all_sessions", is_flag=True, help="Every active session; also when nothing is said.")
@click.option("--lines", default="", metavar="53-1,53-2", help="Only the provider orders of these lines.")
@click.option("--full", is_flag=True, help="Everything since the oldest order that is not final.")
@click.option("--wait", is_flag=True, help="Wait until the worker is through.")
@timeout_option
@json_option
def sync(session: str, all_sessions: bool, lines: str, full: bool, wait: bool, timeout: float, as_json: bool) -> int:
    """Ask the providers what became of our orders."""
    if sum(map(bool, (session, all_sessions, lines))) > 1:
        raise click.UsageError("Choose one of --session, --all and --lines.")
    with opened(calls=wait) as shop:
        runs = shop.sync(session or None, full=full, lines=line_numbers(lines) if lines else None)
        if wait and len(runs):
            shop.wait(list(runs), timeout, Progress())
        return _synced(runs, wait, as_json)


@click.command()
@click.argument("reference")
@click.option("--order", "orders", multiple=True, metavar="ID", help="It is there: this provider order; repeatable.")
@click.option("--not-there", is_flag=True, help="It is not there: its lines go back to ready.")
@json_option
def settle(reference: str, orders: tuple[str, ...], not_there: bool, as_json: bool) -> int:
    """Say what became of the booking REFERENCE (AP-…) whose outcome is unknown, after looking at the marketplace."""
    if bool(orders) == not_there:
        raise click.UsageError("Say either --order ID or --not-there.")
    with opened(calls=bool(orders)) as shop:
        run = shop.settle(reference, orders, not_placed=not_there)
        document = {"run": run.number, "state": run.state, "out": run.out}
        show(document, as_json, f"Run {run.number}: settled {reference}.")
    return DONE


def _synced(runs: Journal, wait: bool, as_json: bool) -> int:
    rows = [
        {
            "run": run.number,
            "state": run.state,
            "out": run.out,
            "error": run.error,
            "result": run.summary(),
            "call": run.call,
        }
        for run in runs
    ]
    document = {"runs": [{name: row[name] for name in ("run", "state", "out", "error", "call")} for row in rows]}
    show(document, as_json, aligned(rows, ("run", "state", "call", "result")) or "No active session to synchronise.")
    failed = any(row["error"] for row in rows) or (wait and any(row["state"] != "done" for row in rows))
    return REFUSALS if failed else DONE
