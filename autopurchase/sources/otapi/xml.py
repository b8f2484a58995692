"""Parameters that the API takes as XML; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from xml.sax.saxutils import escape


def search(status_ids: Iterable[str]) -> str:
    """Orders in these statuses."""
    ids = "".join(_element("Id", status) for status in sorted(status_ids))
    return f"<OrderSearchParameters><StatusIdList>{ids}</StatusIdList></OrderSearchParameters>"


def purchases(order_id: str, lines: Iterable[Mapping[str, str]]) -> str:
    """Purchase data of lines. No price is among them: a price written back asks the customer to confirm it."""
    infos = "".join(
        "<SalesLinePurchInfo>"
        + _element("SalesId", order_id)
        + "".join(_element(name, value) for name, value in line.items())
        + "</SalesLinePurchInfo>"
        for line in lines
    )
    return f"<SalesLinePurchInfoList>{infos}</SalesLinePurchInfoList>"


def line_status(status_id: str) -> str:
    """A status for lines."""
    return f"<OrderLineUpdateData>{_element('StatusId', status_id)}</OrderLineUpdateData>"


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>"
