"""Forms made from the field lists of providers and sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from autopurchase.domain.errors import BadInput
from autopurchase.ports import Field
from autopurchase.ui.words import _


def draw(fields: Sequence[Field], prefix: str, kept: Mapping[str, str] | None = None) -> dict[str, str]:
    """One input a field; returns what was typed, without empty ones.

    ``kept``: the values now, of something that exists; a secret left empty then means that it stays.
    """
    typed = {field.name: _input(field, f"{prefix}.{field.name}", kept) for field in fields}
    return {name: value for name, value in typed.items() if value.strip()}


def _input(field: Field, key: str, kept: Mapping[str, str] | None) -> str:
    label = _(field.label) + (" *" if field.required else "")
    value = (kept or {}).get(field.name, field.default)
    if field.choices:
        place = field.choices.index(value) if value in field.choices else 0
        return str(st.selectbox(label, field.choices, index=place, key=key, help=_(field.help) or None))
    return st.text_input(
        label,
        value="" if field.secret else value,
        key=key,
        type="password" if field.secret else "default",
        placeholder=_("as it is") if field.secret and kept is not None else None,
        help=_(field.help) or None,
        autocomplete="off",
    )


def check_required(fields: Sequence[Field], typed: dict[str, str]) -> None:
    """Raise BadInput naming the needed fields that are empty."""
    missing = [_(field.label) for field in fields if field.required and field.name not in typed]
    if missing:
        raise BadInput(_("Please fill in: {fields}.").format(fields=", ".join(missing)))
