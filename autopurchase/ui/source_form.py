"""The form that adds a source, made from its kind's own list of fields; it can be tried before it is added."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from autopurchase.domain.errors import BadInput
from autopurchase.ports import SourceManifest
from autopurchase.services import source_preview, sources
from autopurchase.ui import feedback, forms
from autopurchase.ui import source_preview as looking
from autopurchase.ui.guard import Person
from autopurchase.ui.words import _
from autopurchase.ui.workspace import context

PLACE = "source-form"
WIDTH = 420


def draw(person: Person) -> None:
    """The kinds, the fields of the chosen one, and its three buttons."""
    manifests = {code: kind.manifest for code, kind in context().sources.items()}
    kinds = sorted(manifests, key=lambda code: (code == sources.FILE, list(manifests).index(code)))
    chosen = st.pills(
        _("Kind of shop"),
        kinds,
        key="add-source",
        default="vendure" if "vendure" in kinds else kinds[0],
        required=True,
        format_func=lambda code: manifests[code].label,
        on_change=looking.forget,
        args=(PLACE,),
    )
    manifest = manifests[str(chosen)]
    with st.form(f"add-source-{manifest.kind}", border=False):
        _fields(manifest)
        with st.container(horizontal=True, gap="small"):
            st.form_submit_button(
                _("Test and preview"), icon=":material/visibility:", on_click=looking.ask, args=(PLACE, "preview"),
                help=_("Reads the first lines; nothing is stored and nothing is changed there"),
            )  # fmt: skip
            st.form_submit_button(
                _("Add source"), type="primary", icon=":material/add:", on_click=_add, args=(person, manifest)
            )
    preview = (manifest.kind, _config(manifest))
    looking.draw(PLACE, preview=lambda: source_preview.preview(context(), person.actor, preview, looking.ROWS))


def _fields(manifest: SourceManifest) -> None:
    """Name and needed fields in sight, the others folded away."""
    needed = [field for field in manifest.fields if field.required]
    others = [field for field in manifest.fields if not field.required]
    with st.container(width=WIDTH):
        placeholder = "orders" if manifest.kind == sources.FILE else "shop"
        st.text_input(_("Name of the source *"), key=_key(manifest, "name"), placeholder=placeholder)
        forms.draw(needed, f"source.{manifest.kind}")
    with st.expander(_("Special settings"), icon=":material/tune:"), st.grid(3, min_column_width=250, gap="small"):
        forms.draw(others, f"source.{manifest.kind}")


def _key(manifest: SourceManifest, name: str) -> str:
    return f"source.{manifest.kind}.{name}"


def _config(manifest: SourceManifest) -> Mapping[str, str]:
    """What was typed, without empty fields."""
    typed = {field.name: st.session_state.get(_key(manifest, field.name)) for field in manifest.fields}
    return {name: str(value).strip() for name, value in typed.items() if value and str(value).strip()}


def _add(person: Person, manifest: SourceManifest) -> None:
    name = str(st.session_state[_key(manifest, "name")]).strip()
    config = dict(_config(manifest))

    def act() -> bool:
        if not name:
            raise BadInput(_("Give the source a name."))
        forms.check_required(manifest.fields, config)
        sources.add(context(), person.actor, kind=manifest.kind, name=name, config=config)
        return True

    if feedback.attempt(act):
        for field in manifest.fields:
            if field.secret:
                st.session_state[_key(manifest, field.name)] = ""
        st.session_state[_key(manifest, "name")] = ""
        looking.forget(PLACE)
        feedback.say("success", _("Source {name} was added. Test it, then import.").format(name=name))
