"""Whether push messages arrive, per session; and where marketplaces send them."""

from __future__ import annotations

from typing import Any

import streamlit as st

from autopurchase.services import pushes
from autopurchase.ui import cells
from autopurchase.ui.guard import Person
from autopurchase.ui.words import _, ago, plural
from autopurchase.ui.workspace import context


def panel(person: Person) -> None:
    """A row a session: when the last one came, and how many in a day."""
    rows = pushes.arriving(context(), person.actor)
    if not any(row["last_at"] or row["recent"] for row in rows):
        cells.empty(
            _("No marketplace has pushed anything yet. Orders are read every 5 minutes all the same."), icon="podcasts"
        )
        return
    now = context().now()
    with st.container(gap="xsmall"):
        for row in rows:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"**{row['name']}**" if row["name"] else _("No session of ours"), width=180)
                st.caption(_told(row, now), width="content")


def _told(row: Any, now: Any) -> str:
    if row["name"] and not row["last_at"]:
        silent = context().providers[row["provider"]].push is None
        return _("this marketplace pushes nothing; its orders are read") if silent else _("nothing has come yet")
    parts = [_("last one {t}").format(t=ago(row["last_at"], now))] if row["last_at"] else []
    parts.append(plural("{n} message in 24 hours", "{n} messages in 24 hours", row["recent"]))
    if row["ignored"]:
        parts.append(_("{n} needed nothing").format(n=f"{row['ignored']:,}"))
    return " · ".join(parts)
