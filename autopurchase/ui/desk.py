"""The rows of the desk: what we believe, what they say, since when, and the one act that puts it right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from autopurchase.domain.desk import KINDS, LABELS, Found, words
from autopurchase.domain.money import amount_text
from autopurchase.domain.readback import told
from autopurchase.domain.roles import Role
from autopurchase.services import desk, findings
from autopurchase.services.cancel_plan import Choice
from autopurchase.services.desk import View
from autopurchase.storage import views
from autopurchase.ui import address, bind, cancel_drawer, desk_acts, settle, tables
from autopurchase.ui.guard import Person
from autopurchase.ui.links import outside
from autopurchase.ui.order import plain
from autopurchase.ui.words import _, ago, plural, when_full
from autopurchase.ui.workspace import context, reading

#: rows on one page
SIZE = 20
COLOURS: dict[str, tables.Colour] = {
    "double": "red",
    "paid_after_cancel": "red",
    "cancelled_alive": "red",
    "unknown": "orange",
    "ghost": "orange",
    "price_raised": "orange",
    "differs": "orange",
    "mismatch": "orange",
    "orphan": "blue",
}
#: act -> its button and icon
ACTS = {
    "bind": ("Bind to lines", "link"),
    "leave": ("It is right as it is", "check"),
    "cancel": (":red[Cancel at provider]", "cancel"),
    "accept": ("Accept it", "check"),
    "free": ("Free the line", "lock_open"),
}
_OTHER = {("orphan", "leave"): "Leave: bought outside", ("paid_after_cancel", "leave"): "A refund is asked for"}


def draw(person: Person) -> None:
    """The filters and the rows they leave."""
    rows = desk.rows(context(), person.actor)
    kind, session = _filters(rows)
    shown = [row for row in rows if kind in (None, row.found.kind) and session in (None, row.session)]
    if not shown:
        _nothing(person, filtered=bool(rows))
        return
    pages = -(-len(shown) // SIZE)
    place = min(int(st.session_state.get("desk_page") or 1), pages)
    for row in shown[(place - 1) * SIZE : place * SIZE]:
        _card(person, row)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(plural("{n} row", "{n} rows", len(shown)), width="content")
        if pages > 1:
            st.pagination(pages, key="desk_page", max_visible_pages=5)


def _filters(rows: Sequence[View]) -> tuple[str | None, str | None]:
    counts = {kind: sum(row.found.kind == kind for row in rows) for kind in KINDS}
    said = address.said("desk_kind")
    kinds = [kind for kind in KINDS if counts[kind] or kind == said]
    with reading() as connection:
        sessions = views.names(connection)["sessions"]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        kind = address.pills(_("Kind"), "desk_kind", kinds, lambda code: f"{_(LABELS[code])} · {counts[code]}")
        session = address.select(
            _("Session"),
            "desk_session",
            sessions,
            str,
            placeholder=_("any session"),
            width=180,
            label_visibility="collapsed",
        )
    return kind, session


def _nothing(person: Person, *, filtered: bool) -> None:
    """Nothing differs is a state worth showing, with when it was last looked at."""
    if filtered:
        st.info(_("Nothing of this kind. Other rows are there: take the filter off."), icon=":material/filter_alt_off:")
        return
    known = desk.compared(context(), person.actor)
    now = context().now()
    looked = ", ".join(f"{each.session} {ago(each.at, now)}" for each in known if each.at)
    if not looked:
        st.info(
            _("Nothing differs as far as we know. No session was compared with its marketplace yet: “Compare now”."),
            icon=":material/balance:",
        )
        return
    st.success(
        _("**Nothing differs.** Every order at the marketplaces is ours or settled, and all of ours are there.")
        + "  \n"
        + _("Compared: {sessions}.").format(sessions=plain(looked)),
        icon=":material/check_circle:",
    )
    if never := [each.session for each in known if not each.at]:
        st.caption(_("Never compared: {sessions}").format(sessions=", ".join(never)))


def _card(person: Person, row: View) -> None:
    found = row.found
    with st.container(border=True, key=f"desk-{found.key.replace(':', '-').replace('/', '-')}", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.badge(_(LABELS[found.kind]), color=COLOURS[found.kind], width="content")
            st.markdown(_about(row), width="content")
            since = _("since {when}, {ago}").format(when=when_full(found.since), ago=ago(found.since, context().now()))
            st.caption(f":material/schedule: {since}", width="content")
        believes, says = st.columns(2, gap="medium")
        with believes:
            _part(_("What we believe"), [words(found.believed, _)])
        with says:
            _part(_("What they say"), _said(found))
        _acts(person, row)


def _part(title: str, sentences: Sequence[str]) -> None:
    """One side of the difference."""
    st.markdown("  \n".join([f":gray[:small[{title}]]", *map(plain, sentences)]))


def _about(row: View) -> str:
    """``**[2920…](…)** · main · 53-1 · 12.50 CNY``."""
    found, parts = row.found, []
    if found.number:
        url = _order_url(row)
        parts.append(f"**[{found.number}]({url})**" if url else f"**{plain(found.number)}**")
    else:
        parts.append(f"**{plain(found.reference)}**")
    parts += [plain(row.session), *([plain(", ".join(found.lines[:6]))] if found.lines else [])]
    if found.total_fen is not None:
        parts.append(f"{amount_text(found.total_fen, 'CNY')} CNY")
    return " · ".join(parts)


def _order_url(row: View) -> str:
    """The order's page at its marketplace; a practice marketplace shows its orders itself."""
    kind = context().providers.get(row.provider)
    if kind is None:
        return ""
    own = row.base_url == kind.manifest.default_base_url
    url = (
        kind.manifest.order_url.format(order_id=row.found.number) if own else f"{row.base_url}/order/{row.found.number}"
    )
    return outside(url, "").removesuffix("#")


def _said(found: Found) -> list[str]:
    """One sentence for each difference, where they are known one by one."""
    if not found.evidence:
        return [words(found.said, _)]
    return [_(template).format(**values) for template, values in map(told, found.evidence)]


def _acts(person: Person, row: View) -> None:
    found = row.found
    if person.role < Role.OPERATOR:
        return
    if row.cancelling:
        st.caption(_(":material/hourglass_top: Its cancel is under way: what became of it is read back."))
        return
    with st.container(horizontal=True, gap="small"):
        if found.kind == "unknown":
            settle.button(person, found.reference)
            return
        for place, act in enumerate(row.actions):
            _button(person, row, act, primary=place == 0)


def _button(person: Person, row: View, act: str, *, primary: bool) -> None:
    found = row.found
    label, icon = ACTS[act]
    more: dict[str, Any] = {"icon": f":material/{icon}:", "key": f"{act}-{found.key}"}
    if primary:
        more["type"] = "primary" if act != "cancel" else "secondary"
    label = _(_OTHER.get((found.kind, act), label))
    if act == "bind":
        st.button(label, on_click=bind.open_form, args=(_free_lines(found), row.session, found.number), **more)
    elif act == "cancel":
        st.button(label, on_click=_cancel, args=(person, found), **more)
    elif st.button(label, **more):
        desk_acts.ask(person, row, act)


def _free_lines(found: Found) -> list[str]:
    """Lines it was made for once, as far as they may be bound again."""
    if not found.lines:
        return []
    with reading() as connection:
        states = views.line_states(connection, list(found.lines))
    return [line["number"] for line in states if line["purchase"] in ("ready", "problem")]


def _cancel(person: Person, found: Found) -> None:
    numbers = [found.number]
    if found.kind in ("differs", "price_raised"):
        with reading() as connection:
            numbers = findings.order_numbers(connection, found.booking_id or 0)
    cancel_drawer.request(person, Choice(orders=numbers))
