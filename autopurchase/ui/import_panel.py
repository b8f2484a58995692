"""Importing: uploading an order file, and how far imports are."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any

import streamlit as st

from autopurchase.domain.errors import BadInput
from autopurchase.services import import_orders, source_preview
from autopurchase.services.source_preview import SourcePreview
from autopurchase.services.sources import FILE
from autopurchase.storage import cells
from autopurchase.ui import downloads, feedback, tables
from autopurchase.ui import source_preview as looking
from autopurchase.ui.guard import Person
from autopurchase.ui.words import _, plural, when
from autopurchase.ui.workspace import context, reading, workspace

RUNS = "import.runs"
PLACE = "order-file"
EXAMPLE = (
    "order_number,line_no,provider,item_id,sku_id,title,configuration,quantity,unit_price,currency,reference_price,"
    "seller_id,created_at,paid_at,paid_amount,order_total\n"
    "ORD-000000053,1,taobao,650000104729,4000001047290,Cotton T-shirt,Colour: Black,2,12.90,USD,59.00,"
    "2200600007919,2026-11-20T09:00:00Z,2026-11-20T09:05:00Z,25.80,25.80\n"
)


def start(person: Person, source: str) -> None:
    """Callback: ask the worker to import a source."""
    _watch(feedback.attempt(lambda: import_orders.request(context(), person.actor, source)))


def _watch(run: int | None) -> None:
    if run is not None:
        st.session_state[RUNS] = [run, *st.session_state.get(RUNS, [])][:3]


def upload(person: Person) -> None:
    """The file box, the button, and an example to start from."""
    st.file_uploader(_("Order file"), type=["csv", "xlsx", "json"], key="order-file", label_visibility="collapsed")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            _("Import the file"),
            type="primary",
            icon=":material/upload_file:",
            key="import-file",
            disabled=st.session_state.get("order-file") is None,
            on_click=_upload,
            args=(person,),
        )
        st.button(
            _("Preview"),
            icon=":material/visibility:",
            key="preview-file",
            disabled=st.session_state.get("order-file") is None,
            on_click=looking.ask,
            args=(PLACE, "preview"),
            help=_("Shows the lines as they would come in, before anything is stored"),
        )
        st.download_button(
            _("Example file"),
            EXAMPLE.encode("utf-8-sig"),
            "orders-example.csv",
            "text/csv",
            on_click="ignore",
            icon=":material/download:",
            type="tertiary",
        )
        st.caption(
            _(
                "Needed columns: order_number, line_no, quantity, unit_price, currency, created_at; and provider with "
                "item_id, or product_key."
            )
        )
    looking.draw(PLACE, preview=lambda: _preview(person))


def _preview(person: Person) -> SourcePreview:
    """The uploaded file as it would come in; the file itself is kept no longer than that takes."""
    given = st.session_state.get("order-file")
    if given is None:
        raise BadInput(_("Choose a file first."))
    path = keep(given.name, given.getvalue())
    try:
        return source_preview.preview(context(), person.actor, (FILE, {"path": str(path)}), looking.ROWS)
    finally:
        shutil.rmtree(path.parent)


def _upload(person: Person) -> None:
    given = st.session_state.get("order-file")
    if given is None:
        return
    path = keep(given.name, given.getvalue())
    _watch(feedback.attempt(lambda: import_orders.request_file(context(), person.actor, path)))


def keep(name: str, content: bytes) -> Path:
    """Put an uploaded file into the workspace, under a name of its own, for the worker to read."""
    folder = workspace().home / "uploads" / token_hex(4)
    folder.mkdir(parents=True)
    safe = re.sub(r"[^\w.-]+", "_", Path(name).name)[-80:] or "orders"
    (folder / safe).write_bytes(content)
    return folder / safe


def progress() -> None:
    """Imports started from here, live while any runs."""
    runs: list[int] = st.session_state.get(RUNS, [])
    if runs:
        if _open(runs):
            _live(runs)
        else:
            _lines(runs)


@st.fragment(run_every=1.0)
def _live(runs: list[int]) -> None:
    if not _open(runs):
        st.rerun()
    _lines(runs)


def _read(runs: list[int]) -> list[Mapping[Any, Any]]:
    with reading() as connection:
        return [row for row in (cells.one(connection, run) for run in runs) if row is not None]


def _open(runs: list[int]) -> bool:
    return any(row["state"] in ("queued", "running") for row in _read(runs))


def _lines(runs: list[int]) -> None:
    for row in _read(runs):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"import-run-{row['id']}"):
            tables.badge(row["state"])
            tables.cell_link(row["id"], f"**[{row['id']}]** {row['source']}")
            words = tables.summary(row) or plural("{n} order so far", "{n} orders so far", row["done"])
            st.caption(f"{words} · {when(row['finished_at'] or row['created_at'])}", width="stretch")
            rejects_button(row["id"], "panel")


def rejects_button(run_id: int, place: str) -> None:
    """A download of what the run did not take, when there is any."""
    with reading() as connection:
        count = cells.reject_count(connection, run_id)
    if count:
        st.download_button(
            plural("{n} row not taken", "{n} rows not taken", count),
            data=lambda: downloads.rejects_csv(run_id),
            file_name=f"rejects-{run_id}.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            key=f"rejects-{place}-{run_id}",
        )
