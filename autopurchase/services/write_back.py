"""Write-back: telling the shops what was bought, oldest news first, as often as it takes and never twice in effect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from autopurchase.domain.code import call
from autopurchase.domain.errors import AutopurchaseError, BadInput, NotSent, Refused, SessionRefused, Unknown
from autopurchase.domain.roles import CLOCK, Actor, Role
from autopurchase.ports import Source
from autopurchase.services.context import Context
from autopurchase.services.sources import open_source
from autopurchase.storage import lines, runs, sources, write_backs
from autopurchase.storage.database import Connection, Row
from autopurchase.storage.lines import Event

#: pieces of news in one go; the rest waits for the next
_AT_ONCE = 500
#: seconds until a failed piece is tried again: doubles up to the second
_FIRST_PAUSE, _LONGEST_PAUSE = 15.0, 3600.0
#: seconds until a shop whose key or address is wrong is asked again
_ADMIN_PAUSE = 600.0


def tell_now(ctx: Context, actor: Actor, name: str) -> dict[str, int]:
    """Tell the shop of this name what is due, here and now; counts as `carry_out`. Raises BadInput, NotAllowed."""
    actor.require(Role.OPERATOR)
    with ctx.db.read() as tx:
        row = sources.by_name(tx, name)
    return carry_out(ctx, row["id"])


def carry_out(ctx: Context, source_id: int) -> dict[str, int]:
    """Tell a shop what is due. Safe to repeat and to run twice at once.

    Returns counts: ``done`` (the shop was changed), ``unchanged`` (it knew), ``superseded``, ``refused`` (kept with the
    shop's sentence), ``later`` (due again after a pause that grows). In a dry run nothing is sent: ``noted``, with
    a run that says what would have been written.
    """
    counts: Counter[str] = Counter()
    with ctx.db.write() as tx:
        row = sources.get(tx, source_id)
        if not row["write_back"]:
            return {}
        now = ctx.now()
        write_backs.ask(tx, write_backs.waiting_orders(tx, source_id, now), now)
        counts["superseded"] = write_backs.supersede(tx, source_id, now)
    if row["dry_run"]:
        counts["noted"] = _note_due(ctx, row)
        return {outcome: count for outcome, count in counts.items() if count}
    try:
        source = open_source(ctx, row)
    except BadInput as error:
        _put_off(ctx, source_id, error)
        return dict(counts)
    for _ in range(_AT_ONCE):
        outcome = _tell_next(ctx, source_id, source)
        if outcome in ("", "stop"):
            counts["later"] += outcome == "stop"
            break
        counts[outcome] += 1
    return {outcome: count for outcome, count in counts.items() if count}


def _note_due(ctx: Context, source: Row) -> int:
    """Note what is due in the history of its lines and in a run of its own, and send nothing."""
    source_id = source["id"]
    now = ctx.now()
    noted: list[dict[str, Any]] = []
    with ctx.db.write() as tx:
        while len(noted) < _AT_ONCE and (row := write_backs.claim(tx, source_id, now)):
            write_backs.change(tx, row["id"], state="noted", answer=_NOT_SENT, done_at=now)
            _tell_history(tx, row, _NOT_SENT, now)
            noted.append({"order": row["number"], "kind": row["kind"], **row["payload"]})
        if noted:
            run_id = runs.create(
                tx,
                kind="write_back",
                actor=CLOCK.name,
                at=now,
                call=call("shop.sources.write_back", source["name"]),
                params={"would_write": noted},
                state="running",
                source_id=source_id,
            )
            runs.finish(tx, run_id, at=now, out={"noted": len(noted)})
    return len(noted)


_NOT_SENT = "dry run: not sent"


def _tell_next(ctx: Context, source_id: int, source: Source) -> str:
    """Tell the next due news.

    Returns what came of it: an outcome to count, ``stop`` when the shop takes nothing now, ``""`` when nothing is due.
    """
    with ctx.db.write() as tx:
        row = write_backs.claim(tx, source_id, ctx.now())
    if row is None:
        return ""
    try:
        answer = _tell(source, row)
    except Unknown as error:  # this order's news alone: repeated later, it changes nothing twice
        _later(ctx, row, error)
        return "later"
    except (NotSent, SessionRefused, BadInput) as error:
        _later(ctx, row, error)
        _put_off(ctx, source_id, error)
        return "stop"
    except Refused as error:
        answer = f"refused: {error.sentence}"
    return _settle(ctx, row, answer)


def _tell(source: Source, row: Mapping[Any, Any]) -> str:
    """``done``, ``already`` or ``refused: …``; both calls may be repeated: what the shop has already stays as it is."""
    payload = row["payload"]
    if row["kind"] == "mark":
        changed = source.mark(row["external_id"], payload["status"], payload["reference"])
        return "done" if changed else "already"
    told = [(external_id, quantity) for external_id, quantity in payload["lines"]]
    return source.report_shipment(row["external_id"], told, payload["carrier"], payload["number"])


def _settle(ctx: Context, row: Mapping[Any, Any], answer: str) -> str:
    """Keep the shop's answer, here and in the history of the lines it is about."""
    refused = answer.startswith("refused")
    sentence = answer.partition(": ")[2] if refused else answer
    now = ctx.now()
    with ctx.db.write() as tx:
        write_backs.change(tx, row["id"], state="refused" if refused else "done", answer=sentence, done_at=now)
        _tell_history(tx, row, answer, now)
    if refused:
        return "refused"
    return "unchanged" if answer == "already" else "done"


def _tell_history(tx: Connection, row: Mapping[Any, Any], answer: str, now: datetime) -> None:
    told = {"kind": row["kind"], "answer": answer, **row["payload"]}
    shipped = [line[0] for line in row["payload"]["lines"]] if row["kind"] == "shipment" else None
    ids = write_backs.told_lines(tx, row["order_id"], shipped)
    events = [Event(line_id, "changed", {"write_back": told}) for line_id in ids]
    lines.record(tx, events, at=now, actor=CLOCK.name, run_id=None)


def _later(ctx: Context, row: Mapping[Any, Any], error: AutopurchaseError) -> None:
    """Try this news again after a pause that grows with its attempts."""
    pause = error.retry_after or min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(row["attempts"], 10))
    with ctx.db.write() as tx:
        write_backs.change(tx, row["id"], due_at=ctx.now() + timedelta(seconds=pause), answer=error.sentence)


def _put_off(ctx: Context, source_id: int, error: AutopurchaseError) -> None:
    """The shop takes nothing now: wait a little when it is away, longer when a person must act first."""
    away = isinstance(error, NotSent)
    pause = (error.retry_after or _FIRST_PAUSE) if away else _ADMIN_PAUSE
    with ctx.db.write() as tx:
        write_backs.put_off(tx, source_id, ctx.now() + timedelta(seconds=pause))
        sources.change(tx, source_id, last_error=error.sentence)
