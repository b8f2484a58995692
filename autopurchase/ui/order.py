"""The order page: header and tabs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from autopurchase.domain.causes import cause
from autopurchase.domain.money import amount_text
from autopurchase.domain.roles import Role
from autopurchase.storage import shop_views, views
from autopurchase.ui import (
    bind,
    cancel_drawer,
    cells,
    feedback,
    line_actions,
    line_words,
    picking,
    source_news,
    tables,
    unbinding,
)
from autopurchase.ui.guard import Person
from autopurchase.ui.links import outside, to
from autopurchase.ui.picking import Pick
from autopurchase.ui.purchased import STATES, order_link
from autopurchase.ui.words import _, padded, when, when_full
from autopurchase.ui.workspace import context, reading

Row = Mapping[Any, Any]
PICKS = "order-items"
ADDRESS = (
    "fullName",
    "name",
    "company",
    "address",
    "streetLine1",
    "streetLine2",
    "district",
    "city",
    "province",
    "state",
    "postalCode",
    "zip",
    "country",
    "countryCode",
    "phone",
    "phoneNumber",
    "mobile_phone",
)


def search() -> str:
    """The search box, kept in the address as ``order``."""
    return st.text_input(
        _("Order number"),
        key="order",
        bind="query-params",
        placeholder="ORD-000000053",
        icon=":material/search:",
        width=320,
        label_visibility="collapsed",
    ).strip()


def find(number: str) -> Row | None:
    """The order, or None after saying why there is none."""
    if not number:
        cells.empty(_("Type an order number, or open an order from a table."), icon="receipt_long")
        return None
    with reading() as connection:
        found = views.order_by_number(connection, number)
    if found is None:
        st.warning(_("There is no order “{number}”.").format(number=number), icon=":material/search_off:")
    return found


def header(order: Row) -> None:
    """What the customer ordered, paid and where it goes."""
    code = order["currency"]
    remaining = max(0, order["total_minor"] - order["paid_minor"] + order["refunded_minor"])
    with reading() as connection:
        lines = views.order_lines(connection, order["id"])
    weight = sum((row["weight_grams"] or 0) * row["open_quantity"] for row in lines)
    with cells.cell(1, order["number"], stamp=_("read from the shop {when}").format(when=when(order["read_at"]))):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.badge(tables.word(order["status"]), color="blue", width="content")
            st.caption(_("created {when}").format(when=when_full(order["created_at"])), width="content")
            st.caption(_("source {name}").format(name=order["source"]), width="content")
        with st.grid(6, min_column_width=140, gap="small"):
            _figure(_("Goods, {c}").format(c=code), amount_text(order["goods_minor"], code))
            _figure(_("Delivery, {c}").format(c=code), amount_text(order["delivery_minor"], code))
            _figure(_("Total, {c}").format(c=code), amount_text(order["total_minor"], code))
            _figure(_("Paid, {c}").format(c=code), amount_text(order["paid_minor"] - order["refunded_minor"], code))
            _figure(_("Remaining, {c}").format(c=code), amount_text(remaining, code))
            _figure(_("Weight, kg"), f"{weight / 1000:.2f}" if weight else "–")
        facts = [(_("Customer"), order["customer"]), (_("Delivery"), order["delivery_service"])]
        facts += [(_("Ship to"), address(order["ship_to"]))]
        with st.container(horizontal=True, gap="medium"):
            for name, value in facts:
                st.markdown(f":gray[{name}] {plain(value) or '–'}", width="content")


def plain(text: str) -> str:
    """Text from outside, with everything that Markdown would act on made harmless."""
    return "".join(f"\\{sign}" if sign in r"\`*_{}[]()#+-.!|<>~:$" else sign for sign in text)


def address(ship_to: Mapping[str, str]) -> str:
    """A shop's address in one line; shops name its parts differently."""
    return ", ".join(str(ship_to[key]) for key in ADDRESS if ship_to.get(key))


def _figure(label: str, value: str) -> None:
    st.metric(label, value, border=True, height="stretch")


def tabs(person: Person, order: Row) -> None:
    """Items, parcels, history, purchases, and what the shop was told."""
    with reading() as connection:
        lines = views.order_lines(connection, order["id"])
        keys = [row["provider_order_key"] for row in lines if row["provider_order_key"]]
        parcels = views.parcels_of(connection, keys)
        history = views.order_history(connection, order["id"])
        bookings = views.order_bookings(connection, order["id"])
        told = shop_views.told(connection, order["id"])
    items, sent, past, buying, shop = st.tabs(
        [
            f"{_('Items')} · {len(lines)}",
            f"{_('Parcels')} · {sum(map(len, parcels.values()))}",
            f"{_('History')} · {len(history)}",
            f"{_('Purchase')} · {len(bookings)}",
            f"{_('Shop')} · {len(told)}",
        ]
    )
    with items:
        _items(person, lines, order["currency"])
    with sent:
        _parcels(lines, parcels)
    with past:
        _history(history)
    with buying:
        _bookings(bookings)
    with shop:
        _told(told)


def _items(person: Person, lines: Sequence[Row], code: str) -> None:
    labels = {name: kind.manifest.label for name, kind in context().providers.items()}
    rows = [
        {
            "line": row["number"],
            "state": [tables.word(row["purchase"])],
            "status": tables.word(row["status"]),
            "title": row["title"],
            "original": outside(row["item_url"], labels.get(row["provider"], row["provider"])),
            "seller": row["seller_name"] or row["seller_id"],
            "configuration": row["configuration"],
            "chinese": row["configuration_original"],
            "quantity": row["open_quantity"],
            "price": padded(row["unit_price_minor"], code),
            "sum": padded(row["sum_minor"], code),
            "weight": row["weight_grams"],
            "why": why(row),
        }
        for row in lines
    ]
    columns = {
        "line": tables.text(_("Line"), 58),
        "state": tables.state_column(_("State"), ("ready", *STATES, "problem"), width=82),
        "status": tables.text(_("Status"), 92),
        "title": tables.text(_("Item"), 140),
        "original": tables.link(_("Original"), 98),
        "seller": tables.text(_("Seller"), 84),
        "configuration": tables.text(_("Configuration"), 116),
        "chinese": tables.text(_("In Chinese"), 88),
        "quantity": st.column_config.NumberColumn(_("Qty"), width=40),
        "price": tables.money(_("Price"), 68),
        "sum": tables.money(_("Sum, {c}").format(c=code), 80),
        "weight": st.column_config.NumberColumn(_("Grams"), width=56),
        "why": tables.text(_("Comments"), 100, help=_("Cause, operator's comment, customer's comment")),
    }
    alt = _("Items of the order")
    if person.role < Role.OPERATOR:
        _table(rows, alt, columns)
        return
    frame = pd.DataFrame(rows).set_index("line")
    known = {row["number"]: _pick(row) for row in lines}
    picking.drop_missing(PICKS, known)  # those of another order
    number = st.column_config.TextColumn(_("Line"), pinned=True, width=58)
    columns = {"_index": number} | {name: column for name, column in columns.items() if name != "line"}
    picked = picking.pick_rows(
        frame, known, name=PICKS, height=tables.height(len(rows)), alt=alt, column_config=columns
    )
    _actions(person, picked)


def _pick(row: Row) -> Pick:
    return Pick(row["version"], row["provider"], row["currency"], row["sum_minor"], row["status"], row["purchase"])


def _actions(person: Person, picked: Mapping[str, Pick]) -> None:
    """What can be done with picked lines of the order."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="order-actions"):
        cancel_drawer.button(person, picked)
        unbinding.button(person, picked, PICKS)
        line_actions.buttons(person, picked, PICKS)
        feedback.last_run()
    cancel_drawer.show(person, PICKS)
    bind.show(person, PICKS)


def why(row: Row) -> str:
    """Cause and comments of a line in one text."""
    parts = [_(cause(row["cause"]).label) if row["cause"] else "", _("changed by us") if row["amended"] else ""]
    parts += [row["operator_comment"], row["customer_comment"]]
    return " · ".join(part for part in parts if part)


def _parcels(lines: Sequence[Row], parcels: Mapping[int, Sequence[Row]]) -> None:
    of_order: dict[int, list[str]] = {}
    for row in lines:
        of_order.setdefault(row["provider_order_key"], []).append(row["number"])
    rows = [
        {
            "carrier": parcel["carrier"],
            "number": parcel["number"],
            "state": tables.word(parcel["state"]),
            "lines": ", ".join(of_order.get(key, [])),
            "shipped": when(parcel["shipped_at"]),
            "signed": when(parcel["signed_at"]),
        }
        for key, found in parcels.items()
        for parcel in found
    ]
    _table(
        rows,
        _("Parcels of the order"),
        {
            "carrier": tables.text(_("Carrier"), 140),
            "number": tables.text(_("Tracking number"), 180),
            "state": tables.text(_("State"), 110),
            "lines": tables.text(_("Lines of its purchase"), 180),
            "shipped": tables.text(_("Sent"), 110),
            "signed": tables.text(_("Signed for"), 110),
        },
        _("Nothing was sent yet."),
    )


#: what happened, in people's words
EVENTS = {
    "imported": "Came from the shop",
    "changed": "Changed in the shop",
    "mapped": "Mapped",
    "commented": "Commented",
    "status_changed": "Status changed",
    "held": "Held",
    "made_ready": "Returned to ready",
    "booking_queued": "Booking queued",
    "booking_unknown": "Outcome unknown",
    "booking_requeued": "Proven not placed",
    "booking_confirmed": "Booked",
    "booking_refused": "Refused",
    "provider_moved": "Moved at the marketplace",
    "bound": "Bound by hand",
    "unbound": "Unbound",
    "cancel_asked": "Cancel asked at the marketplace",
    "cancel_refused": "Cancel refused by the marketplace",
    "cancelled": "Cancelled at the marketplace",
    "flagged": "Flagged",
    "accepted": "Accepted",
    "split": "Split",
    "amended": "Changed by us",
}


def _history(events: Sequence[Row]) -> None:
    rows = [
        {
            "at": when(row["at"]),
            "line": row["number"],
            "event": _(EVENTS.get(row["kind"], row["kind"])),
            "what": event_words(row["data"]),
            "actor": row["actor"],
            "run": to("journal", f"[{row['run_id']}]", run=row["run_id"]) if row["run_id"] else "",
        }
        for row in events
    ]
    _table(
        rows,
        _("What happened, newest first"),
        {
            "at": tables.text(_("When"), 110),
            "line": tables.text(_("Line"), 66),
            "event": tables.text(_("Event"), 170),
            "what": tables.text(_("Details"), "large"),
            "actor": tables.text(_("By"), 110),
            "run": tables.link(_("Run"), 60),
        },
    )


def event_words(data: Mapping[Any, Any]) -> str:
    """What an event says beside its kind: status, cause, reason, number, text."""
    if data.get("write_back"):
        return _told_words(data["write_back"])
    parts = []
    for key in ("status", "state", "cause", "reason", "provider_order", "text", "sentence"):
        if data.get(key):
            named = key == "cause" or (key == "reason" and str(data[key]).replace("_", "").isalpha())
            parts.append(_(cause(str(data[key])).label) if named else str(data[key]).replace("_", " "))
    parts += line_words.of_event(data)
    return " · ".join(parts)


def _told_words(told: Mapping[Any, Any]) -> str:
    """``told the shop: ordered, AP-demo-3-1``, and its answer unless it took it."""
    what = ", ".join(str(told[key]) for key in ("status", "reference", "carrier", "number") if told.get(key))
    answer = "" if told.get("answer") in ("done", None) else f" · {told['answer']}"
    return _("told the shop: {what}").format(what=what) + answer


def _bookings(bookings: Sequence[Row]) -> None:
    rows = [
        {
            "run": to("journal", f"[{row['run_id']}]", run=row["run_id"]),
            "line": row["number"],
            "time": row["generation"],
            "state": [tables.word(row["state"])],
            "there": tables.word(row["provider_state"] or ""),
            "session": row["session"],
            "reference": row["out_order_id"],
            "order": order_link(row),
            "price": padded(row["price_fen"], "CNY"),
            "total": padded(row["total_minor"], row["currency"]),
            "at": when(row["created_at"]),
            "said": row["sentence"],
        }
        for row in bookings
    ]
    states = ("queued", "sending", "unknown", "confirmed", "refused", "ended")
    _table(
        rows,
        _("Bookings of the order's lines"),
        {
            "run": tables.link(_("Run"), 54),
            "line": tables.text(_("Line"), 66),
            "time": st.column_config.NumberColumn(_("No."), width=40, help=_("Which booking of the line it is")),
            "state": tables.state_column(_("State"), states, width=96),
            "there": tables.text(_("State there"), 84, help=_("Of the order at the marketplace")),
            "session": tables.text(_("Session"), 84),
            "reference": tables.text(_("Our reference"), 130),
            "order": tables.link(_("Marketplace order"), 160),
            "price": tables.money(_("Price, CNY"), 90),
            "total": tables.money(_("Purchase, CNY"), 104),
            "at": tables.text(_("When"), 104),
            "said": tables.text(_("What was answered"), "large"),
        },
        _("No line of this order was booked yet."),
    )


def _told(rows: Sequence[Row]) -> None:
    """What the shop was told of the order: status, reference, parcels."""
    if rows:
        source_news.table(rows)
    else:
        cells.empty(_("The shop was told nothing of this order yet."))


def _table(rows: Sequence[Mapping[Any, Any]], alt: str, columns: Mapping[Any, Any], nothing: str = "") -> None:
    if not rows:
        cells.empty(nothing or _("Nothing here yet."))
        return
    st.dataframe(
        pd.DataFrame(rows), hide_index=True, height=tables.height(len(rows)), alt=alt, column_config=dict(columns)
    )
