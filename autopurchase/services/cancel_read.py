"""What became of a run of cancels, order by order: what the journal, the command line and notebooks show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autopurchase.domain.cancel import CancelState
from autopurchase.services.context import Context
from autopurchase.storage import bookings, cancels, cells, runs
from autopurchase.storage.database import Connection

_WORDS = {CancelState.CONFIRMED: "cancelled", CancelState.REFUSED: "refused", CancelState.ASKED: "asked"}
_MOST = 10_000


def outcomes(ctx: Context, run_id: int) -> list[dict[str, Any]]:
    """One row a provider order or unsent booking: what was asked, withdrawn, or left and why.

    ``outcome``: cancelled, refused, asked (its end is read back), waiting (for the worker), withdrawn, left.
    """
    with ctx.db.read() as tx:
        run = runs.get(tx, run_id)
        events = cells.changes(tx, run_id, _MOST)
        asked = cancels.of_run(tx, run_id)
        withdrawn = _withdrawn(tx, events)
    lines: dict[str, list[str]] = {}
    for row in events:
        if row["kind"] == "cancel_asked":
            lines.setdefault(row["data"]["provider_order"], []).append(row["number"])
    found = [_asked(row, lines.get(row["number"], [])) for row in asked]
    return [*found, *withdrawn, *(_left(row) for row in run["params"].get("left", ()))]


def _asked(row: Mapping[Any, Any], numbers: Sequence[str]) -> dict[str, Any]:
    state = CancelState(row["state"])
    return {
        "order": row["number"],
        "outcome": _WORDS.get(state, "waiting"),
        "cause": row["cause"],
        "sentence": row["sentence"] or ("The marketplace shows it closed." if state is CancelState.CONFIRMED else ""),
        "session": row["session"],
        "amount_fen": row["total_fen"],
        "lines": list(numbers),
        "session_provider": row["session_provider"],
        "session_url": row["session_url"],
        "raw": row["raw"],
    }


def _empty(order: str, outcome: str, cause: str, sentence: str, numbers: Sequence[str]) -> dict[str, Any]:
    row = {"order": order, "outcome": outcome, "cause": cause, "sentence": sentence, "lines": list(numbers)}
    return row | {"session": "", "amount_fen": None, "session_provider": "", "session_url": "", "raw": ""}


def _withdrawn(tx: Connection, events: Sequence[Mapping[Any, Any]]) -> list[dict[str, Any]]:
    numbers: dict[int, list[str]] = {}
    for row in events:
        if row["kind"] == "booking_refused":
            numbers.setdefault(row["data"]["booking"], []).append(row["number"])
    known = bookings.references(tx, list(numbers))
    sentence = "It was not sent: nothing is at the marketplace."
    return [_empty(known[key], "withdrawn", "withdrawn", sentence, found) for key, found in numbers.items()]


def _left(row: Mapping[str, Any]) -> dict[str, Any]:
    return _empty(row["number"], "left", row["cause"], row["sentence"], row["lines"])
