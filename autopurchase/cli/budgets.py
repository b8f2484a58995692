"""``session limits`` and ``session wake``: what a purchasing account may do, and the end of its rest."""

from __future__ import annotations

from typing import Any

import click

from autopurchase.api.rows import session_row
from autopurchase.api.workspace import local_actor
from autopurchase.cli.output import DONE, aligned, json_option, show
from autopurchase.cli.shop import open_raw
from autopurchase.services import sessions

_SHOWN = (
    "name", "used_hour", "hourly_cap", "used_today", "daily_cap", "used_amount", "daily_amount", "room_today",
    "resting_until", "pause_seconds", "rest_seconds", "strikes", "release_budget", "rate_per_second", "concurrency",
)  # fmt: skip


@click.command()
@click.argument("name")
@click.option("--daily-cap", type=int, help="Bookings a day (UTC); 0: no cap.")
@click.option("--hourly-cap", type=int, help="Bookings an hour; 0: no cap.")
@click.option("--daily-amount", metavar="CNY", help="What may be booked a day; 0: no bound.")
@click.option("--pause-seconds", type=float, help="Least time between two bookings.")
@click.option("--rest-seconds", type=float, help="The first rest after the marketplace said too much; it doubles.")
@click.option("--strikes", type=int, help="Throttled answers in a row that end in a rest.")
@click.option("--release-budget", type=int, help="Releases a day of what was not placed as planned; 0: ask a person.")
@click.option("--rate-per-second", type=float, help="Calls a second.")
@click.option("--concurrency", type=int, help="Calls at once.")
@json_option
def limits(name: str, as_json: bool, **given: Any) -> int:
    """Show what session NAME may do and has used, or change it."""
    wanted = {limit: value for limit, value in given.items() if value is not None}
    with open_raw() as found:
        if wanted:
            sessions.set_limits(found.context, local_actor(), name, **wanted)
        row = session_row(sessions.read(found.context, local_actor(), name))
    show({"session": row}, as_json, aligned([{"what": key, "is": row[key]} for key in _SHOWN], ("what", "is")))
    return DONE


@click.command()
@click.argument("name")
@json_option
def wake(name: str, as_json: bool) -> int:
    """End the rest of session NAME: one booking is tried, the others follow when it is placed."""
    with open_raw() as found:
        sessions.wake(found.context, local_actor(), name)
        row = session_row(sessions.read(found.context, local_actor(), name))
    show({"session": row}, as_json, f"Session {name} tries one booking.")
    return DONE
