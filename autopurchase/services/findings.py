"""What differs now, by comparing what we believe with what was last read; and the book that is kept of it.

The comparison is SQL over what is stored: no provider is asked, so that it is always of this moment. Only a ghost needs
a provider's word, which the nightly comparison gets (`services.desk`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from autopurchase.domain.desk import KINDS, ORPHAN_AGE, Found
from autopurchase.domain.money import amount_text
from autopurchase.domain.provider_order import ProviderState
from autopurchase.domain.readback import told
from autopurchase.storage import desk_views, findings
from autopurchase.storage.database import Connection, Row

_PLACE = {kind: place for place, kind in enumerate(KINDS)}


@dataclass(slots=True)
class _Known:
    """What concerns the rows found, read for all of them at once."""

    ties: dict[tuple[str, int], list[Row]] = field(default_factory=dict)
    bookings: dict[int, Row] = field(default_factory=dict)
    orders: dict[int, list[Row]] = field(default_factory=dict)  # by booking

    @classmethod
    def of(cls, tx: Connection, rows: Iterable[Row]) -> _Known:
        found = list(rows)
        orders = [row["order_key"] for row in found if row.get("order_key")]
        ids = [row["booking_id"] for row in found if row.get("booking_id")]
        known = cls(bookings=desk_views.bookings(tx, ids))
        for row in desk_views.ties(tx, orders, ids):
            known.ties.setdefault(("booking", row["booking_id"]), []).append(row)
            if row["order_key"]:
                known.ties.setdefault(("order", row["order_key"]), []).append(row)
        for row in desk_views.orders_of(tx, ids):
            known.orders.setdefault(row["booking_id"], []).append(row)
        return known

    def live(self, order_key: int) -> list[Row]:
        """Live lines tied to this order."""
        return [row for row in self.ties.get(("order", order_key), []) if row["live"]]

    def lines(self, booking_id: int | None) -> tuple[str, ...]:
        """Numbers of the booking's lines, whatever became of them."""
        return tuple(row["number"] for row in self.ties.get(("booking", booking_id or 0), []))

    def reference(self, booking_id: int | None) -> str:
        """The booking's reference."""
        row = self.bookings.get(booking_id or 0)
        return row["out_order_id"] if row else ""


def current(tx: Connection, now: datetime, session_id: int | None = None) -> list[Found]:
    """Everything that differs now and that no person has settled, the most urgent kind first, oldest first."""
    unbound = desk_views.unbound(tx, session_id)
    alive = desk_views.alive_after_end(tx, session_id)
    mismatches = desk_views.mismatches(tx, session_id)
    over = desk_views.over_booked(tx, session_id)
    unknown = [row for row in desk_views.unknown(tx, session_id) if _settles(row) <= now]
    flagged = desk_views.flagged(tx, session_id)
    ghosts = findings.ghosts(tx, session_id)
    gone = desk_views.orders(tx, list(ghosts))
    known = _Known.of(tx, [*unbound, *alive, *mismatches, *over, *unknown, *flagged, *gone.values()])
    found: list[Found] = []
    found += [each for row in unbound if (each := _unbound(row, known, now))]
    found += [_alive(row, known) for row in alive]
    found += [_over(row) for row in over]
    found += [_unknown(row, known) for row in unknown]
    found += [each for row in flagged if (each := _flagged(row, known))]
    found += [each for key, row in gone.items() if (each := _ghost(row, known, ghosts[key]["since"]))]
    found += [_mismatch(row, known) for row in mismatches]
    done = findings.settled(tx, [each.key for each in found])
    once = {each.key: each for each in found if each.key not in done}
    return sorted(once.values(), key=lambda each: (_PLACE[each.kind], each.since, each.key))


def _settles(row: Row) -> datetime:
    sent: datetime = row["sent_at"] or row["since"]
    return sent if row["cause"] == "person" else sent + timedelta(seconds=row["settle_seconds"])


def _money(fen: int | None) -> str:
    return "?" if fen is None else amount_text(fen, "CNY")


def _of_order(row: Row) -> dict[str, Any]:
    """What every row about a provider order says of it."""
    return {
        "session_id": row["session_id"],
        "since": row["since"],
        "order_key": row["order_key"],
        "number": row["number"],
        "total_fen": row["total_fen"],
        "unpaid": row["order_state"] == ProviderState.UNPAID and row["paid_at"] is None,
    }


def _lives(row: Row) -> dict[str, Any]:
    return {
        "text": "Order {number} is {state}: {total} CNY, {seller}",
        "number": row["number"],
        "state": row["order_state"],
        "total": _money(row["total_fen"]),
        "seller": row["seller_name"] or "–",
    }


def _unbound(row: Row, known: _Known, now: datetime) -> Found | None:
    """An order bound to nothing: a double, one that should be dead, one that is being settled, or an orphan."""
    state, key = row["booking_state"], row["order_key"]
    if state in ("queued", "sending", "unknown"):
        return None  # the look-up, or the person who settles that booking, will find it
    if state == "refused":
        return _alive(row, known)
    if state == "confirmed":
        lines = known.lines(row["booking_id"])
        ours = ", ".join(order["number"] for order in known.orders.get(row["booking_id"], ())) or "–"
        believed = {"text": "{lines}: ordered once, {ours}", "lines": ", ".join(lines), "ours": ours}
        said = {**_lives(row), "text": "A further order carries the same reference: {number} is {state}, {total} CNY"}
        return Found(
            "double", f"double:{key}", believed=believed, said=said, lines=lines, booking_id=row["booking_id"],
            reference=row["reference"], **_of_order(row),
        )  # fmt: skip
    if row["since"] > now - ORPHAN_AGE:
        return None
    return Found("orphan", f"orphan:{key}", believed={"text": "No line of ours"}, said=_lives(row), **_of_order(row))


def young(tx: Connection, now: datetime, session_id: int | None = None) -> list[str]:
    """Numbers of unbound orders that `current` leaves out for now."""
    rows = desk_views.unbound(tx, session_id)
    known = _Known.of(tx, rows)
    return [row["number"] for row in rows if _unbound(row, known, now) is None]


def _alive(row: Row, known: _Known) -> Found:
    """It should be dead: what it was booked for is over here."""
    facts, key = _of_order(row), row["order_key"]
    paid = not facts["unpaid"] and row["order_state"] != ProviderState.UNKNOWN
    kind = "paid_after_cancel" if paid else "cancelled_alive"
    live = known.live(key)
    lines = tuple(one["number"] for one in live) or known.lines(row["booking_id"])
    reference = known.reference(row["booking_id"])
    text = "Booking {reference} of {lines} is over"
    if row["booking_state"] == "line_cancelled":
        text = "{lines}: cancelled by the customer"
    believed = {"text": text, "reference": reference, "lines": ", ".join(lines)}
    return Found(
        kind, f"{kind}:{key}", believed=believed, said=_lives(row), lines=lines, booking_id=row["booking_id"],
        reference=reference, held=bool(live), **facts,
    )  # fmt: skip


def _over(row: Row) -> Found:
    believed = {"text": "{line} wants {wanted} pieces", "line": row["line"], "wanted": row["wanted"]}
    said = {"text": "{booked} are booked on order {number}", "booked": row["booked"], "number": row["number"]}
    return Found(
        "double", f"double:line:{row['line_id']}:{row['booked']}", believed=believed, said=said, lines=(row["line"],),
        booking_id=row["booking_id"], line_id=row["line_id"], held=True, **_of_order(row),
    )  # fmt: skip


def _unknown(row: Row, known: _Known) -> Found:
    lines = known.lines(row["booking_id"])
    believed = {
        "text": "{lines}: asked for at {total} CNY (attempts: {attempts}), and nobody knows what became of it",
        "lines": ", ".join(lines),
        "attempts": row["attempts"],
        "total": _money(row["total_fen"]),
    }
    said = {"text": "{sentence}", "sentence": row["sentence"] or "–"}
    return Found(
        "unknown", f"unknown:{row['booking_id']}", row["session_id"], believed, said, row["sent_at"] or row["since"],
        booking_id=row["booking_id"], reference=row["reference"], lines=lines, total_fen=row["total_fen"], held=True,
    )  # fmt: skip


def _flagged(row: Row, known: _Known) -> Found | None:
    """Not as planned, or dearer since; nothing to decide once no line depends on it any more."""
    live = [one for one in known.ties.get(("booking", row["booking_id"]), ()) if one["live"]]
    orders = [one for one in known.orders.get(row["booking_id"], ()) if one["order_state"] != ProviderState.CLOSED]
    if not live or not orders:
        return None
    evidence = tuple(row["check_found"] or ())
    dearer = any(each["what"] == "price_raised" for each in evidence)
    kind, lines = ("price_raised" if dearer else "differs"), tuple(one["number"] for one in live)
    believed = {"text": "{lines}: planned for {total} CNY", "lines": ", ".join(lines)}
    believed["total"] = _money(row["total_minor"])
    differences = [(words, values) for words, values in map(told, evidence)]
    said = {"text": "{found}", "found": "; ".join(words.format(**values) for words, values in differences)}
    if row["check_state"] == "released":
        said["text"] = "{found}; its cancel was refused"
    facts = {**_of_order(orders[0]), "since": row["checked_at"], "total_fen": row["total_minor"]}
    facts["unpaid"] = all(_of_order(one)["unpaid"] for one in orders)
    return Found(
        kind, f"{kind}:{row['booking_id']}", believed=believed, said=said, booking_id=row["booking_id"], lines=lines,
        reference=row["out_order_id"], held=True, evidence=evidence, **facts,
    )  # fmt: skip


def _ghost(row: Row, known: _Known, since: datetime) -> Found | None:
    live = known.live(row["order_key"])
    if not live:
        return None
    lines = tuple(one["number"] for one in live)
    believed = {"text": "{lines}: booked on order {number}", "lines": ", ".join(lines), "number": row["number"]}
    facts = {**_of_order(row), "since": since}
    return Found(
        "ghost", f"ghost:{row['order_key']}", believed=believed, said={"text": "There is no such order"}, lines=lines,
        booking_id=live[0]["booking_id"], reference=known.reference(live[0]["booking_id"]), held=True, **facts,
    )  # fmt: skip


def _mismatch(row: Row, known: _Known) -> Found:
    tied = [one for one in known.live(row["order_key"]) if one["provider_line_id"] == row["line_key"]]
    lines = tuple(one["number"] for one in tied)
    compared = row["agreed_quantity"] is not None
    ours = {
        "pieces": row["agreed_quantity"] if compared else (row["pieces"] or 0),
        "what": (row["agreed_spec_id"] or row["agreed_sku_id"]) if compared else "",
        "total": _money(row["agreed_fen"] if compared else sum(one["price_fen"] * one["quantity"] for one in tied)),
    }
    theirs = {"pieces": row["quantity"], "what": row["spec_id"] or row["sku_id"], "total": _money(row["amount_fen"])}
    text = "{pieces} pieces of {what}, {total} CNY"
    believed = {"text": "{lines}: " + (text if ours["what"] else "{pieces} pieces, {total} CNY"), **ours}
    believed["lines"] = ", ".join(lines) or "–"
    said = {"text": text + ": {title}", **theirs, "title": row["title"] or "–"}
    key = f"mismatch:{row['line_key']}:{theirs['pieces']}/{theirs['what']}/{theirs['total']}"
    return Found(
        "mismatch", key, believed=believed, said=said, lines=lines, booking_id=row["booking_id"],
        reference=known.reference(row["booking_id"]), held=bool(tied), **_of_order(row),
    )  # fmt: skip


def order_numbers(tx: Connection, booking_id: int) -> list[str]:
    """Numbers of the booking's orders that are not closed."""
    found = desk_views.orders_of(tx, [booking_id])
    return [row["number"] for row in found if row["order_state"] != ProviderState.CLOSED]


# --- the book ---


def write_down(tx: Connection, session_id: int, now: datetime, missing: Sequence[int] = ()) -> dict[str, int]:
    """Compare and keep what was found: new rows, those that are still so, and those that are gone. Rows by kind.

    ``missing``: orders (row ids) of which their provider has just said that they do not exist.
    """
    _note_ghosts(tx, session_id, now, missing)
    found = {each.key: each for each in current(tx, now, session_id)}
    known = findings.open_rows(tx, session_id)
    findings.add(tx, [values(each, now) for key, each in found.items() if key not in known])
    still = {key: row for key, row in known.items() if key in found}
    findings.see(tx, [row["id"] for row in still.values()], now, _reworded(still, found))
    findings.close(tx, [row["id"] for key, row in known.items() if key not in found], now)
    counts: dict[str, int] = {}
    for each in found.values():
        counts[each.kind] = counts.get(each.kind, 0) + 1
    return counts


def _note_ghosts(tx: Connection, session_id: int, now: datetime, missing: Sequence[int]) -> None:
    rows = desk_views.orders(tx, missing)
    values = {"believed": {"text": ""}, "said": {"text": ""}, "state": "open", "since": now, "seen_at": now}
    findings.add(
        tx,
        [
            {**values, "kind": "ghost", "key": f"ghost:{key}", "session_id": session_id, "provider_order_id": key}
            for key in rows
        ],
    )


def values(each: Found, now: datetime) -> dict[str, Any]:
    """The row as it is written down."""
    return {
        "kind": each.kind,
        "key": each.key,
        "session_id": each.session_id,
        "provider_order_id": each.order_key,
        "booking_id": each.booking_id,
        "line_id": each.line_id,
        "believed": dict(each.believed),
        "said": dict(each.said),
        "state": "open",
        "since": each.since,
        "seen_at": now,
    }


def _reworded(still: Mapping[str, Row], found: Mapping[str, Found]) -> list[dict[str, Any]]:
    return [
        {"row": row["id"], "now_believed": dict(found[key].believed), "now_said": dict(found[key].said)}
        for key, row in still.items()
        if row["believed"] != dict(found[key].believed) or row["said"] != dict(found[key].said)
    ]
