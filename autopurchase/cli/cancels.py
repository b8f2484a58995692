"""``cancel``, ``unbind``: taking a purchase back, at the marketplace or here only."""

from __future__ import annotations

from typing import Any

import click

from autopurchase.api.cancels import OUTCOME, PLANNED, CancelPlan
from autopurchase.api.runs import Run
from autopurchase.api.workspace import Workspace
from autopurchase.cli.buying import timeout_option
from autopurchase.cli.output import DONE, REFUSALS, UNKNOWN, Progress, aligned, json_option, note, show
from autopurchase.cli.shop import line_numbers, opened


def _plan(shop: Workspace, given: dict[str, Any]) -> CancelPlan:
    ways = [name for name in ("lines", "run", "orders", "token") if given[name]]
    if len(ways) != 1:
        raise click.UsageError("Choose one of --lines, --run, --order and --plan.")
    if given["token"]:
        return shop.cancel_of(given["token"])
    if given["run"]:
        return shop.run(given["run"]).undo(given["reason"])
    lines = line_numbers(given["lines"])
    return shop.cancel(lines, orders=given["orders"], others=given["others"], reason=given["reason"])


@click.command()
@click.option("--lines", default="", metavar="53-1,53-2", help="The provider orders of these lines.")
@click.option("--run", type=click.IntRange(1), default=None, help="Undo this booking run: all of it that is not paid.")
@click.option("--order", "orders", multiple=True, metavar="ID", help="This provider order; repeatable.")
@click.option("--plan", "token", default="", metavar="ID", help="Apply this plan instead of making one.")
@click.option("--others", is_flag=True, help="Take lines along that were not named, where they share an order.")
@click.option("--reason", default="", help="For the journal; the seller does not see it.")
@click.option("--yes", is_flag=True, help="Ask the marketplaces; without it only the plan is shown.")
@click.option("--wait", is_flag=True, help="Wait until what became of it was read back.")
@timeout_option
@json_option
def cancel(yes: bool, wait: bool, timeout: float, as_json: bool, **given: Any) -> int:
    """Cancel unpaid orders at the marketplace, and withdraw bookings that were not sent yet."""
    with opened(calls=yes) as shop:
        made = _plan(shop, given)
        if not yes or not made.applicable:
            return _shown(made, yes, as_json)
        run = made.apply()
        if wait:
            run.wait(timeout, Progress())
        return _asked(made, run, wait, shop.workers(), as_json)


def _document(made: CancelPlan) -> dict[str, Any]:
    return {
        "plan": made.token,
        "state": made.state,
        "hash": made.hash,
        "orders": made.orders,
        "counts": made.counts,
        "warnings": made.warnings,
        "applicable": made.applicable,
        "blocked": made.error,
    }


def _shown(made: CancelPlan, yes: bool, as_json: bool) -> int:
    document = {"run": None, **_document(made)}
    if yes:
        document["error"] = {"sentence": made.error, "cause": "blocked"}
    how = f"Nothing was asked. Cancel: cancel --plan {made.token} --yes" if made.applicable else ""
    table = aligned(made.orders.rows, PLANNED)
    show(document, as_json, table, *made.warnings, f"Plan {made.token}: {made.summary()}", how)
    return REFUSALS if made.counts["refuse"] or not made.applicable else DONE


def _asked(made: CancelPlan, run: Run, wait: bool, workers: int, as_json: bool) -> int:
    outcomes = run.cancels
    found = outcomes.column("outcome")
    counts = {word: found.count(word) for word in ("cancelled", "refused", "asked", "waiting", "withdrawn", "left")}
    document = {
        "run": run.number,
        "state": run.state,
        "plan": made.token,
        "outcomes": outcomes,
        "counts": counts,
    }
    told = f"Run {run.number}: {run.state}. {run.summary()}."
    show(document, as_json, aligned(outcomes.rows, OUTCOME), told)
    if not wait and not workers:
        note("No worker is at work: start one (worker), or use --wait.")
    if wait and counts["asked"] + counts["waiting"]:
        return UNKNOWN
    return REFUSALS if counts["refused"] or counts["left"] else DONE


@click.command()
@click.option("--lines", required=True, metavar="53-1,53-2", help="These lines.")
@click.option("--reason", required=True, help="Why: the order stays at the marketplace.")
@json_option
def unbind(lines: str, reason: str, as_json: bool) -> int:
    """Take lines off their provider orders here only: nothing is sent, and the orders live on."""
    with opened() as shop:
        run = shop.unbind(line_numbers(lines), reason)
        out = run.out
        held = f" {out['held']} are held while their order lives." if out["held"] else ""
        alone = (
            f" {out['orders_left_alone']} provider orders now belong to no line." if out["orders_left_alone"] else ""
        )
        document = {"run": run.number, "state": run.state, **out}
        show(document, as_json, f"Run {run.number}: {out['lines']} lines unbound.{held}{alone}")
    return DONE


commands: tuple[Any, ...] = (cancel, unbind)
