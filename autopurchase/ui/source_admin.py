"""The sources page: every source as a card with its state, actions and settings."""

from __future__ import annotations

import streamlit as st

from autopurchase.services import mapping, source_preview, sources
from autopurchase.services.sources import FILE, SourceView
from autopurchase.storage import figures
from autopurchase.ui import cells, feedback, forms, import_panel, source_news, tables
from autopurchase.ui import source_preview as looking
from autopurchase.ui.guard import Person
from autopurchase.ui.order import plain
from autopurchase.ui.words import _, ago, plural
from autopurchase.ui.workspace import context, reading


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
        _head(person, view, last_run)
        if view.error:
            st.error(view.error, icon=":material/error:")
        if facts := _settings(view):
            st.caption(facts)
        _buttons(person, view, last_run)
        if view.can_write_back:
            _told(view)
        looking.draw(
            _place(view),
            test=lambda: sources.check(context(), person.actor, view.name),
            preview=lambda: source_preview.preview(context(), person.actor, view.name, looking.ROWS),
        )


def _place(view: SourceView) -> str:
    return f"source-{view.name}"


def _settings(view: SourceView) -> str:
    """Its settings other than the usual ones; none is secret."""
    fields = context().sources[view.kind].manifest.fields
    told = [(field, view.settings.get(field.name, field.default)) for field in fields if not field.secret]
    return " · ".join(f":gray[{_(field.label)}] {plain(value)}" for field, value in told if value != field.default)


def _reads_by_itself(view: SourceView) -> bool:
    """Whether there is something to read without a person giving a file."""
    return view.kind != FILE or bool(view.settings.get("path"))


def _head(person: Person, view: SourceView, last_run: int | None) -> None:
    waiting = mapping.waiting_count(context(), person.actor, source=view.name)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{view.name}**", width="content")
        st.caption(view.label, width="content")
        tables.badge("active" if view.enabled else "disabled")
        if view.dry_run and view.write_back:
            st.badge(_("Dry run"), color="blue", width="content", help=_("What the shop would be told is only noted"))
        st.caption(_("last import {ago}").format(ago=ago(view.imported_at, context().now())), width="content")
        if last_run is not None:
            tables.cell_link(last_run, _("run {n}").format(n=last_run))
        if waiting:
            st.page_link(
                "pages/operate/mapping.py",
                label=plural("{n} line needs mapping", "{n} lines need mapping", waiting),
                icon=":material/alt_route:",
                query_params={"mapping_source": view.name},
            )


def _buttons(person: Person, view: SourceView, last_run: int | None) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if _reads_by_itself(view):
            _reading(person, view)
        label, icon = (_("Disable"), "toggle_off") if view.enabled else (_("Enable"), "toggle_on")
        st.button(label, icon=f":material/{icon}:", key=f"switch-{view.name}", on_click=_switch, args=(person, view))
        _editing(person, view)
        if view.can_write_back:
            _telling(person, view)
        if last_run is not None:
            import_panel.rejects_button(last_run, view.name)


def _reading(person: Person, view: SourceView) -> None:
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
        _("Test"),
        icon=":material/verified_user:",
        key=f"check-{view.name}",
        on_click=looking.ask,
        args=(_place(view), "test"),
        help=_("Asks the shop who we are and what is missing; changes nothing"),
    )
    st.button(
        _("Preview"),
        icon=":material/visibility:",
        key=f"preview-{view.name}",
        on_click=looking.ask,
        args=(_place(view), "preview"),
        help=_("Shows the lines as they would come in, before anything is stored"),
    )
    if view.kind != FILE:
        _schedule(person, view)


def _schedule(person: Person, view: SourceView) -> None:
    words = plural("Every {n} minute", "Every {n} minutes", view.every_minutes)
    with st.popover(words, icon=":material/schedule:", help=_("How often it is imported by itself")):
        st.number_input(
            _("Import every so many minutes"),
            min_value=1,
            max_value=1440,
            step=5,
            value=view.every_minutes,
            key=f"every-{view.name}",
            on_change=_set_interval,
            args=(person, view.name),
        )


def _editing(person: Person, view: SourceView) -> None:
    """Its settings as a form; secrets are never shown, and stay where the field is left empty."""
    fields = context().sources[view.kind].manifest.fields
    with (
        st.popover(_("Settings"), icon=":material/tune:", width="content"),
        st.form(f"settings-{view.name}", border=False),
        st.container(width=420),
    ):
        forms.draw(fields, f"settings.{view.name}", view.settings)
        st.form_submit_button(
            _("Save"), type="primary", key=f"save-{view.name}", on_click=_change_settings, args=(person, view)
        )


def _change_settings(person: Person, view: SourceView) -> None:
    fields = context().sources[view.kind].manifest.fields
    typed = {field.name: str(st.session_state[f"settings.{view.name}.{field.name}"]).strip() for field in fields}
    before = {field.name: view.settings.get(field.name, "" if field.secret else field.default) for field in fields}
    given = {name: value for name, value in typed.items() if value != before[name]}
    if not given:
        feedback.say("toast", _("Nothing was changed."))
        return
    run = feedback.attempt(lambda: sources.change_settings(context(), person.actor, view.name, given))
    if run is not None:
        feedback.say("toast", _("Saved. Test it now."), run)


def _telling(person: Person, view: SourceView) -> None:
    """What the shop is told of purchases: switched on or off, sent or only noted."""
    words = _("Tells the shop: dry run") if view.dry_run else _("Tells the shop")
    with st.popover(words if view.write_back else _("Tells the shop nothing"), icon=":material/campaign:"):
        st.toggle(
            _("Tell the shop what was bought and sent"),
            value=view.write_back,
            key=f"write-{view.name}",
            on_change=_write_back,
            args=(person, view.name),
        )
        st.toggle(
            _("Dry run: note it, send nothing"),
            value=view.dry_run,
            key=f"dry-{view.name}",
            disabled=not view.write_back,
            on_change=_dry_run,
            args=(person, view.name),
            help=_("Switched off, what was noted meanwhile is sent."),
        )


def _told(view: SourceView) -> None:
    """What the shop was told, or would be; read only while it is open."""
    label = _("What the shop would be told") if view.dry_run else _("What the shop was told")
    opened = st.expander(label, icon=":material/campaign:", on_change="rerun", key=f"told-{view.name}")
    if opened.open:
        with opened:
            source_news.of_source(view.name)


def _set_interval(person: Person, name: str) -> None:
    minutes = int(st.session_state[f"every-{name}"])
    feedback.attempt(lambda: sources.set_interval(context(), person.actor, name, minutes))


def _switch(person: Person, view: SourceView) -> None:
    action = sources.disable if view.enabled else sources.enable
    feedback.attempt(lambda: action(context(), person.actor, view.name))


def _write_back(person: Person, name: str) -> None:
    on = bool(st.session_state[f"write-{name}"])
    feedback.attempt(lambda: sources.set_write_back(context(), person.actor, name, on))


def _dry_run(person: Person, name: str) -> None:
    on = bool(st.session_state[f"dry-{name}"])
    run = feedback.attempt(lambda: sources.set_dry_run(context(), person.actor, name, on))
    if run is not None:
        feedback.say("toast", _("Dry run is on.") if on else _("Dry run is off: what was noted is sent now."), run)
