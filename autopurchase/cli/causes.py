"""``report causes``: why lines are not booked, and what to do about it."""

from __future__ import annotations

import click

from autopurchase.api.causes import CauseTable
from autopurchase.cli.output import DONE, aligned, json_option, show, write_csv
from autopurchase.cli.shop import opened

_SHOWN = ("cause", "session", "lines", "share", "act", "retryable")


@click.command("causes")
@click.option("--run", "number", type=int, default=0, metavar="N", help="Of this booking run.")
@click.option("--since", default="", metavar="DAY|AGE", help="Of every booking since 2026-11-23 (UTC), or 7d, 24h.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@json_option
def causes(number: int, since: str, as_csv: bool, as_json: bool) -> int:
    """Why lines wait now (or were not booked), by cause: lines, share, what helps, how many may be booked again."""
    if number and since:
        raise click.UsageError("Give either --run or --since.")
    with opened() as shop:
        found = shop.run(number).causes if number else shop.causes(since or None)
    if as_csv:
        write_csv(found)
        return DONE
    document = {"causes": found.rows, "lines": found.lines, "explained_percent": found.explained}
    show(document, as_json, *_told(found))
    return DONE


def _told(found: CauseTable) -> list[str]:
    if not len(found):
        return ["No line waits."]
    table = aligned(found.rows, _SHOWN)
    acts = [f"{row['cause']}: {row['action']}" for row in found]
    said = [f"  {row['said']}" for row in found if row["said"]]
    share = "" if found.explained is None else f"{found.explained} % explained."
    return [table, *acts, *(["In the marketplace's own words:", *said] if said else []), share]
