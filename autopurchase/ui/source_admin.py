"""The sources page: shops with their actions, and the form that adds one."""

from __future__ import annotations

import streamlit as st

from autopurchase.domain.errors import BadInput
from autopurchase.ports import SourceManifest
from autopurchase.services import sources
from autopurchase.services.sources import FILE, SourceView
from autopurchase.storage import figures
from autopurchase.ui import cells, feedback, forms, import_panel, tables
from autopurchase.ui.guard import Person
from autopurchase.ui.words import _, ago, plural
from autopurchase.ui.workspace import context, reading

CHECKED = "source.checked"


def listing(person: Person) -> None:
    """Every source as a card."""
    views = sources.listing(context(), person.actor)
    if not views:
        cells.empty(_("No shop yet: add one below, or import an order file."), icon="storefront")
    with reading() as connection:
        last = figures.last_imports(connection)
    for view in views:
        _card(person, view, last.get(view.name))


def _card(person: Person, view: SourceView, last_run: int | None) -> None:
    with st.container(border=True, gap="xsmall", key=f"source-{view.name}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{view.name}**", width="content")
            st.caption(view.label, width="content")
            tables.badge("active" if view.enabled else "disabled")
            st.caption(_("last import {ago}").format(ago=ago(view.imported_at, context().now())), width="stretch")
            if last_run is not None:
                tables.cell_link(last_run, _("run {n}").format(n=last_run))
        if view.error:
            st.error(view.error, icon=":material/error:")
        shown = " · ".join(f":gray[{name}] {value}" for name, value in view.settings.items() if value)
        if shown:
            st.caption(shown)
        _buttons(person, view, last_run)
        _checked(view)


def _buttons(person: Person, view: SourceView, last_run: int | None) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if view.kind != FILE:
            st.button(
                _("Import now"),
                type="primary",
                icon=":material/download:",
                key=f"import-{view.name}",
                disabled=not view.enabled,
                on_click=import_panel.start,
                args=(person, view.name),
            )
            st.button(
                _("Check"),
                icon=":material/verified_user:",
                key=f"check-{view.name}",
                on_click=_check,
                args=(person, view.name),
                help=_("Asks the shop who we are and what is missing; changes nothing"),
            )
        label, icon = (_("Disable"), "toggle_off") if view.enabled else (_("Enable"), "toggle_on")
        st.button(label, icon=f":material/{icon}:", key=f"switch-{view.name}", on_click=_switch, args=(person, view))
        if view.can_write_back:
            st.toggle(
                _("Tell the shop what was bought and sent"),
                value=view.write_back,
                key=f"write-{view.name}",
                on_change=_write_back,
                args=(person, view.name),
            )
        if last_run is not None:
            import_panel.rejects_button(last_run, view.name)


def _check(person: Person, name: str) -> None:
    found = feedback.attempt(lambda: sources.check(context(), person.actor, name))
    if found is not None:
        st.session_state[CHECKED] = {name: (found.ok, found.identity, list(found.problems), found.open_paid)}


def _checked(view: SourceView) -> None:
    """What the last check of this tab found, as sentences."""
    found = st.session_state.get(CHECKED, {}).get(view.name)
    if not found:
        return
    ok, identity, problems, open_paid = found
    for problem in problems:
        st.warning(problem, icon=":material/warning:")
    if ok:
        words = plural("{n} paid order is open", "{n} paid orders are open", open_paid) if open_paid is not None else ""
        st.success(" · ".join(filter(None, (identity, words))), icon=":material/check_circle:")


def _switch(person: Person, view: SourceView) -> None:
    action = sources.disable if view.enabled else sources.enable
    feedback.attempt(lambda: action(context(), person.actor, view.name))


def _write_back(person: Person, name: str) -> None:
    on = bool(st.session_state[f"write-{name}"])
    feedback.attempt(lambda: sources.set_write_back(context(), person.actor, name, on))


def add_form(person: Person) -> None:
    """The form made from the shop kind's own list of fields."""
    manifests = {code: kind.manifest for code, kind in context().sources.items() if code != FILE}
    if not manifests:
        return
    chosen = st.pills(
        _("Kind of shop"),
        list(manifests),
        key="add-source",
        default=next(iter(manifests)),
        required=True,
        format_func=lambda code: manifests[code].label,
    )
    manifest = manifests[str(chosen)]
    needed = [field for field in manifest.fields if field.required]
    others = [field for field in manifest.fields if not field.required]
    with st.form(f"add-source-{manifest.kind}", border=False):
        st.text_input(_("Name of the source *"), key=_key(manifest, "name"), placeholder="shop", width=420)
        with st.container(width=420):
            forms.draw(needed, f"source.{manifest.kind}")
        with st.expander(_("Special settings"), icon=":material/tune:"), st.container():
            forms.draw(others, f"source.{manifest.kind}")
        st.form_submit_button(
            _("Add source"), type="primary", icon=":material/add:", on_click=_add, args=(person, manifest)
        )


def _key(manifest: SourceManifest, name: str) -> str:
    return f"source.{manifest.kind}.{name}"


def _add(person: Person, manifest: SourceManifest) -> None:
    name = str(st.session_state[_key(manifest, "name")]).strip()

    def act() -> bool:
        if not name:
            raise BadInput(_("Give the source a name."))
        typed = {
            field.name: str(st.session_state.get(_key(manifest, field.name)) or "").strip() for field in manifest.fields
        }
        config = {key: value for key, value in typed.items() if value}
        forms.check_required(manifest.fields, config)
        sources.add(context(), person.actor, kind=manifest.kind, name=name, config=config)
        return True

    if feedback.attempt(act):
        for field in manifest.fields:
            if field.secret:
                st.session_state[_key(manifest, field.name)] = ""
        st.session_state[_key(manifest, "name")] = ""
        feedback.say("success", _("Source {name} was added. Check it, then import.").format(name=name))
