"""The sessions page: cards of sessions with their actions, and the form that adds one."""

from __future__ import annotations

from typing import Any

import streamlit as st

from autopurchase.domain.errors import BadInput
from autopurchase.ports import Manifest
from autopurchase.services import sessions
from autopurchase.services.sessions import SessionView
from autopurchase.ui import authorise, budget, cells, feedback, forms, tables
from autopurchase.ui.guard import Person
from autopurchase.ui.words import _, ago, left, when
from autopurchase.ui.workspace import context

GRADES = {
    "A": "Our reference is accepted and can be searched: an unknown outcome is settled by machine.",
    "B": "Orders can be listed and compared: an unknown outcome is settled by matching.",
    "C": "Neither is possible: after an unknown outcome the machine never repeats, a person decides.",
}
#: settings that most people never touch are folded away; these are the credentials themselves
SHIP_TO = ("name", "mobile_phone", "state", "city", "district", "address", "zip")
_SHIP_LABELS = ("Receiver", "Mobile phone", "Province", "City", "District", "Street and house", "Post code")


def listing(person: Person) -> None:
    """Every session as a card."""
    views = sessions.listing(context(), person.actor)
    if not views:
        cells.empty(_("No purchasing account yet: add one below."), icon="key")
    wanted = st.query_params.get("session", "")
    for view in sorted(views, key=lambda view: (view.name != wanted, view.provider, view.name)):
        _card(person, view)


def _card(person: Person, view: SessionView) -> None:
    with st.container(border=True, gap="xsmall", key=f"session-{view.id}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{view.name}**", width="content")
            st.caption(view.label, width="content")
            tables.badge(view.state)
            if view.resting_until:
                st.badge(_("Resting"), color="orange", width="content")
            st.badge(
                _("Grade {g}").format(g=view.grade),
                color="blue" if view.grade == "A" else "gray",
                width="content",
                help=f"{_(GRADES.get(view.grade, ''))}  \n{view.grade_reason}",
            )
            st.caption(view.health, width="stretch")
        _facts(view)
        _buttons(person, view)


def _facts(view: SessionView) -> None:
    now = context().now()
    facts = {
        _("Account"): view.account or "–",
        _("Token ends"): left(view.token_expires_at, now) or _("not stated"),
        _("Authorised until"): when(view.refresh_expires_at) if view.refresh_expires_at else _("not stated"),
        **budget.facts(view, now),
        _("Calls"): _("{r:g} a second, {c} at once").format(r=view.rate_per_second, c=view.concurrency),
        _("Synchronized"): ago(view.synced_at, now),
        _("Checked"): ago(view.checked_at, now),
    }
    with st.container(horizontal=True, gap="small"):
        for name, value in facts.items():
            st.caption(f"{name} **{value}**", width="content")
    for error in filter(None, (view.sync_error, view.check_error)):
        st.caption(f":red[{error}]")


def _buttons(person: Person, view: SessionView) -> None:
    with st.container(horizontal=True, gap="small"):
        st.button(
            _("Check"),
            icon=":material/verified_user:",
            key=f"check-{view.id}",
            on_click=_check,
            args=(person, view.name),
            help=_("Asks the marketplace who we are"),
        )
        with st.popover(_("Authorise"), icon=":material/key:"):
            authorise.panel(person, view)
        with st.popover(_("Limits"), icon=":material/speed:"):
            budget.limits_form(person, view)
        budget.wake_button(person, view)
        if view.state == "disabled":
            st.button(
                _("Enable"),
                icon=":material/toggle_on:",
                key=f"enable-{view.id}",
                on_click=_switch,
                args=(person, view.name, True),
            )
        else:
            st.button(
                _("Disable"),
                icon=":material/toggle_off:",
                key=f"disable-{view.id}",
                on_click=_switch,
                args=(person, view.name, False),
                help=_("Nothing is planned, booked or synchronised through it"),
            )


def _check(person: Person, name: str) -> None:
    account = feedback.attempt(lambda: sessions.check(context(), person.actor, name))
    if account is not None:
        who = account.login or account.account_id
        feedback.say("success", _("{name} is signed in as {who}.").format(name=name, who=who))


def _switch(person: Person, name: str, on: bool) -> None:
    action = sessions.enable if on else sessions.disable
    feedback.attempt(lambda: action(context(), person.actor, name))


def add_form(person: Person) -> None:
    """The form made from the marketplace's own list of fields."""
    manifests = {code: kind.manifest for code, kind in context().providers.items()}
    chosen = st.pills(
        _("Marketplace"),
        list(manifests),
        key="add-provider",
        format_func=lambda code: manifests[code].label,
        default=next(iter(manifests)),
        required=True,
    )
    manifest = manifests[str(chosen)]
    with st.form(f"add-{manifest.id}", border=False):
        left_side, right_side = st.columns(2)
        with left_side:
            st.text_input(_("Name of the session *"), key=_key(manifest, "name"), placeholder="main")
            forms.draw(manifest.credentials, f"add.{manifest.id}")
        with right_side:
            _ship_to(manifest)
        with st.expander(_("Address of the interface and special settings"), icon=":material/tune:"):
            st.text_input(
                _("Address of the interface"), key=_key(manifest, "base_url"), value=manifest.default_base_url
            )
            forms.draw(manifest.settings, f"add.{manifest.id}")
        st.form_submit_button(
            _("Add session"), type="primary", icon=":material/add:", on_click=_add, args=(person, manifest)
        )
    st.caption(_("No tokens yet? Add the session without them, then press Authorise on its card."))


def _ship_to(manifest: Manifest) -> None:
    st.markdown(_("**Warehouse that receives the parcels**"))
    for name, label in zip(SHIP_TO, _SHIP_LABELS, strict=True):
        st.text_input(_(label), key=_key(manifest, f"ship_to.{name}"))


def _key(manifest: Manifest, name: str) -> str:
    return f"add.{manifest.id}.{name}"


def _add(person: Person, manifest: Manifest) -> None:
    """Callback: add the session; secrets leave the page's memory when it worked."""
    name = str(st.session_state[_key(manifest, "name")]).strip()
    if feedback.attempt(lambda: _add_checked(person, manifest, name)) is None:
        return
    for field in manifest.credentials:
        st.session_state[_key(manifest, field.name)] = ""
    st.session_state[_key(manifest, "name")] = ""
    feedback.say("success", _("Session {name} was added. Check it once before the first booking.").format(name=name))


def _add_checked(person: Person, manifest: Manifest, name: str) -> int:
    if not name:
        raise BadInput(_("Give the session a name."))
    typed = _typed(manifest)
    forms.check_required(manifest.credentials, typed)
    base_url = str(st.session_state[_key(manifest, "base_url")])
    ship_to = {part: value for part in SHIP_TO if (value := _value(manifest, f"ship_to.{part}"))}
    credentials: dict[str, Any] = typed | ({"ship_to": ship_to} if ship_to else {})
    return sessions.add(
        context(), person.actor, provider=manifest.id, name=name, credentials=credentials, base_url=base_url
    )


def _typed(manifest: Manifest) -> dict[str, str]:
    fields = (*manifest.credentials, *manifest.settings)
    found = {field.name: _value(manifest, field.name) for field in fields}
    return {name: value for name, value in found.items() if value}


def _value(manifest: Manifest, name: str) -> str:
    return str(st.session_state.get(_key(manifest, name)) or "").strip()
