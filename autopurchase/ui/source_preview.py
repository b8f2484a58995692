"""Looking at a source before anything is stored: a test in words, and a preview of what an import would do.

Both call a shop, read-only. A click asks; the page then reads with a spinner, and keeps what was found for this tab.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from autopurchase.domain.causes import cause
from autopurchase.domain.errors import AutopurchaseError
from autopurchase.domain.mapping import NEEDS_MAPPING
from autopurchase.domain.money import amount_text
from autopurchase.ports import SourceCheck
from autopurchase.services.source_preview import PreviewRow, SourcePreview
from autopurchase.ui import downloads, feedback, tables
from autopurchase.ui.links import outside
from autopurchase.ui.order import plain
from autopurchase.ui.words import _, plural

#: session state: what was asked for (place, ``test`` or ``preview``), and by place what was found
ASKED, FOUND = "source.asked", "source.found"
#: lines shown
ROWS = 20
_OUTLOOKS = ("ready", NEEDS_MAPPING, "awaiting_payment", "not_payable", "partial_refund", "over")
_COLOURS: dict[str, tables.Colour] = {
    "ready": "blue",
    NEEDS_MAPPING: "orange",
    "awaiting_payment": "gray",
    "over": "gray",
}
_WORDS = {
    "ready": "Ready",
    NEEDS_MAPPING: "Needs mapping",
    "awaiting_payment": "Awaiting payment",
    "over": "Nothing left",
}


def ask(place: str, what: str) -> None:
    """Callback: read a source (``test`` or ``preview``) at the next drawing of ``place``."""
    st.session_state[ASKED] = (place, what)
    st.session_state.setdefault(FOUND, {}).pop(place, None)


def draw(place: str, **readers: Callable[[], SourceCheck | SourcePreview]) -> None:
    """Read what was asked for (a reader's name), and show what was found at this place."""
    asked = st.session_state.get(ASKED)
    if asked and asked[0] == place:
        st.session_state[ASKED] = None  # a read that another click interrupts is not taken up again
        with st.spinner(_("Reading the source; nothing is stored and nothing is changed there …"), show_time=True):
            st.session_state.setdefault(FOUND, {})[place] = _read(readers[asked[1]])
    found = st.session_state.get(FOUND, {}).get(place)
    if isinstance(found, SourcePreview):
        _preview(place, found)
    elif isinstance(found, SourceCheck):
        _tested(found)
    elif found:
        st.error(found, icon=":material/error:")


def _read(action: Callable[[], SourceCheck | SourcePreview]) -> SourceCheck | SourcePreview | str:
    """What the action found, or the sentence of why it could not."""
    try:
        return action()
    except AutopurchaseError as error:
        return error.sentence
    except Exception as error:
        return feedback.unexpected(error)


def forget(place: str) -> None:
    """Callback: close what was found."""
    st.session_state.get(FOUND, {}).pop(place, None)


# --- the test ---


def _tested(found: SourceCheck) -> None:
    words = check_words(found)
    if found.ok:
        st.success(words, icon=":material/check_circle:")
    else:
        st.warning(words, icon=":material/warning:")


def check_words(found: SourceCheck) -> str:
    """``12 open paid orders · 3 lines need mapping · The API key's role lacks …``, and as whom that was seen."""
    waiting = int(found.details.get(NEEDS_MAPPING, 0))
    told = [] if found.open_paid is None else [plural("{n} open paid order", "{n} open paid orders", found.open_paid)]
    if waiting:
        told.append(plural("{n} imported line needs mapping", "{n} imported lines need mapping", waiting))
    told += found.problems
    if not found.problems:
        told.append(_("nothing is missing"))
    seen = [value for key, value in found.details.items() if key in ("currency", "version") and value]
    return f"**{' · '.join(told)}**  \n:small[{plain(' · '.join([found.identity, *seen]))}]"


# --- the preview ---


def _preview(place: str, found: SourcePreview) -> None:
    with st.container(gap="xsmall", key=f"found-{place}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f":material/visibility: **{preview_words(found)}**", width="stretch")
            st.button(
                _("Close"), icon=":material/close:", type="tertiary", key=f"forget-{place}", on_click=forget,
                args=(place,),
            )  # fmt: skip
        for problem in found.problems:
            st.warning(problem, icon=":material/warning:")
        if found.rows:
            _rows(found)
        if found.counts[NEEDS_MAPPING]:
            st.caption(
                _("Lines that need mapping are imported too: they wait on the page Mapping and are not lost."),
            )
        if found.rejects:
            _rejects(place, found)


def preview_words(found: SourcePreview) -> str:
    """``12 orders, 9 of them paid · 15 lines ready · 3 need mapping · 1 row not taken``."""
    counts = found.counts
    orders = plural("{n} order", "{n} orders", counts["orders"])
    if not found.complete:
        orders = _("the first {orders}").format(orders=orders)
    told = [
        orders + ", " + _("{n} of them paid").format(n=f"{counts['paid']:,}"),
        plural("{n} line ready", "{n} lines ready", counts["ready"]),
        plural("{n} needs mapping", "{n} need mapping", counts[NEEDS_MAPPING]) if counts[NEEDS_MAPPING] else "",
        _("{n} awaiting payment").format(n=counts["awaiting_payment"]) if counts["awaiting_payment"] else "",
        _("{n} held").format(n=counts["held"]) if counts["held"] else "",
        plural("{n} row not taken", "{n} rows not taken", counts["rejected"]) if counts["rejected"] else "",
    ]
    return " · ".join(filter(None, told))


def _rows(found: SourcePreview) -> None:
    total = sum(found.counts[name] for name in ("ready", NEEDS_MAPPING, "awaiting_payment", "held", "over"))
    st.caption(_("The first {n} of {total} lines, as they would come in").format(n=len(found.rows), total=f"{total:,}"))
    shown = pd.DataFrame([_row(row) for row in found.rows])
    empty = [name for name in ("chinese", "why") if not shown[name].any()]
    st.dataframe(
        shown.drop(columns=empty),
        hide_index=True,
        height=tables.height(len(found.rows), 10),
        alt=_("Lines as they would be imported"),
        column_config=_columns(),
    )


def _row(row: PreviewRow) -> dict[str, Any]:
    return {
        "line": row.number,
        "outlook": [_outlook(row.outlook)],
        "title": row.title,
        "configuration": row.configuration,
        "chinese": row.configuration_original,
        "product": row.product_key,
        "item": outside(row.item_url, row.item_id or _("open")) or row.item_id,
        "sku": row.sku,
        "quantity": f"{row.quantity} × {row.ratio}" if row.ratio > 1 else str(row.quantity),
        "price": f"{amount_text(row.unit_price.minor, row.unit_price.currency)} {row.unit_price.currency}",
        "why": row.unclear,
    }


def _outlook(code: str) -> str:
    """What stands between a line and being bought."""
    return _(_WORDS[code]) if code in _WORDS else _(cause(code).label)


def _columns() -> dict[str, Any]:
    outlook = st.column_config.MultiselectColumn(
        _("Would be"),
        options=[_outlook(code) for code in _OUTLOOKS],
        color=[_COLOURS.get(code, "red") for code in _OUTLOOKS],
        width=118,
    )
    return {
        "line": tables.text(_("Line"), 132),
        "outlook": outlook,
        "title": tables.text(_("In the shop"), 130),
        "configuration": tables.text(_("Configuration"), 96),
        "chinese": tables.text(_("In Chinese"), 80),
        "product": tables.text(_("Product"), 74),
        "item": tables.link(_("Item"), 94, help=_("The item at its marketplace; the link as the shop stores it")),
        "sku": tables.text(_("Sku or spec id"), 100),
        "quantity": tables.text(_("Qty"), 40, alignment="right", help=_("Sold × pieces bought for one sold")),
        "price": tables.text(_("Price"), 86, alignment="right"),
        "why": tables.text(_("Why it is not understood"), 206),
    }


def _rejects(place: str, found: SourcePreview) -> None:
    count = found.counts["rejected"]
    st.markdown(f"**{plural('{n} row would not be taken', '{n} rows would not be taken', count)}**")
    rows = [{"position": one.position, "reason": one.reason, "row": dict(one.row)} for one in found.rejects]
    st.dataframe(
        pd.DataFrame([{"position": row["position"], "reason": row["reason"]} for row in rows]),
        hide_index=True,
        height=tables.height(len(rows), 6),
        alt=_("Rows that would not be taken"),
        column_config={"position": tables.text(_("Where"), 170), "reason": tables.text(_("Why"), "large")},
    )
    st.download_button(
        _("These rows, as CSV"),
        data=lambda: downloads.rejects_table(rows),
        file_name="rejects-preview.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key=f"preview-rejects-{place}",
    )
