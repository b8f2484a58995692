"""``bind``: lines are tied to orders made by hand at the marketplace."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from autopurchase.api.line_work import BindPlan
from autopurchase.api.runs import Run
from autopurchase.api.workspace import Workspace
from autopurchase.cli.output import DONE, REFUSALS, aligned, json_option, show
from autopurchase.cli.shop import line_numbers, opened
from autopurchase.domain.errors import BadInput

_MATCH = ("number", "title", "needs", "provider_order", "their_title", "free", "price_seen", "price", "fit")


@click.command()
@click.option("--session", default="", help="The session whose orders these are.")
@click.option("--provider-order", "orders", multiple=True, metavar="ID", help="Number or link of an order; repeatable.")
@click.option("--lines", default="", metavar="53-1,53-2", help="These lines; without, those that wait and fit.")
@click.option("--file", "pairs", default="", metavar="F", help="Rows of order number and line; - is standard input.")
@click.option("--plan", "token", default="", metavar="ID", help="Bind this plan instead of making one.")
@click.option("--accept-differences", "accept", default="", metavar="REASON", help="Bind other items all the same.")
@click.option("--yes", is_flag=True, help="Bind; without it only the match is shown.")
@json_option
def bind(token: str, accept: str, yes: bool, as_json: bool, **given: Any) -> int:
    """Bind lines to orders that were made by hand: each order is read first, and what differs is shown.

    Without orders, those known and bound to nothing that fit the lines are proposed.
    """
    with opened(calls=True) as shop:
        made = shop.bind_of(token) if token else _plan(shop, given)
        chosen = _chosen(made, accept)
        run = made.bind(chosen, accept=accept) if yes and chosen else None
        _show(made, run, chosen, as_json)
    whole = len(chosen) == len(made.lines) and not len(made.refused) and not len(made.left_out)
    return DONE if whole and chosen else REFUSALS


def _plan(shop: Workspace, given: dict[str, Any]) -> BindPlan:
    if not given["session"]:
        raise click.UsageError("Say in which --session the orders are.")
    if not (given["orders"] or given["lines"] or given["pairs"]):
        raise click.UsageError("Give --provider-order, --file or --lines.")
    text = "\n".join(given["orders"]) + "\n" + (_read(given["pairs"]) if given["pairs"] else "")
    return shop.bind(text, line_numbers(given["lines"]), given["session"])


def _read(path: str) -> str:
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read: give a text or CSV file with rows of order and line.") from error


def _chosen(made: BindPlan, accept: str) -> list[str]:
    """What may be bound: never what must be split first, and another item only for a reason."""
    never = {"short"} if accept else {"short", "mismatch"}
    return [row["number"] for row in made.lines if row["fit"] not in never]


def _show(made: BindPlan, run: Run | None, chosen: list[str], as_json: bool) -> None:
    document = {
        "plan": made.token,
        "state": "applied" if run else made.state,
        "session": made.session,
        "run": run.number if run else None,
        "bound": chosen if run else [],
        "lines": made.lines,
        "refused": made.refused,
        "left_out": made.left_out,
        "candidates": made.candidates,
        "split": made.parts,
        "blocked": made.error,
    }
    human = [aligned(made.lines.rows, _MATCH), *_differences(made), *_told(made)]
    show(document, as_json, *human, _end(made, run, chosen))


def _differences(made: BindPlan) -> list[str]:
    """Differences stand in full below the table."""
    return [f"  {row['number']}: {row['differences']}" for row in made.lines if row["differences"]]


def _told(made: BindPlan) -> list[str]:
    told = [f"  {row['provider_order']}: {row['sentence']}" for row in made.refused]
    told = ["Orders that cannot be bound:", *told] if told else []
    left = [f"  {row['number']}: {row['sentence']}" for row in made.left_out]
    return told + (["Left out:", *left] if left else [])


def _end(made: BindPlan, run: Run | None, chosen: list[str]) -> str:
    if run:
        return f"Run {run.number}: {len(chosen)} lines bound."
    parts = [f"line split {number} --parts {','.join(map(str, sizes))}" for number, sizes in made.parts.items()]
    how = [f"Nothing was bound. Bind {len(chosen)} lines: bind --plan {made.token} --yes"] if chosen else []
    how += ["To bind what is not the same: --accept-differences REASON"] if len(chosen) < len(made.lines) else []
    return "\n".join([f"Plan {made.token}: {made.summary()}", *how, *parts])
