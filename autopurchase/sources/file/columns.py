"""The columns of an order file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from autopurchase.domain.errors import BadInput

#: a row of text cells by column
Row = Mapping[str, str]

REQUIRED = (
    "order_number",
    "line_no",
    "quantity",
    "unit_price",
    "currency",
    "created_at",
)
#: what says what to buy; a ``product_key`` alone leaves it to a mapping
ITEM = ("provider", "item_id")
OPTIONAL = (
    "product_key",
    "sku_id",
    "spec_id",
    "title",
    "configuration",
    "configuration_original",
    "reference_price",
    "seller_id",
    "seller_name",
    "weight",
    "item_url",
    "photo_url",
    "customer",
    "customer_comment",
    "paid_at",
    "paid_amount",
    "order_total",
    "delivery_cost",
    "delivery_service",
    "status",
)
KNOWN = frozenset(REQUIRED + ITEM + OPTIONAL)


@lru_cache(1024)
def column(text: str) -> str:
    """``" Order number "`` -> ``order_number``."""
    return "_".join(text.lower().split())


def check_columns(names: Iterable[str]) -> tuple[str, ...]:
    """The columns of a file from its heading. Raises BadInput naming what is missing or doubled."""
    found = tuple(column(name) for name in names)
    needed = REQUIRED if "product_key" in found else ITEM + REQUIRED
    missing = [name for name in needed if name not in found]
    if missing:
        raise BadInput(
            f"The file has no column {_list(missing)}. Needed are {_list(REQUIRED)}, and {_list(ITEM)} or product_key; "
            f"may be there: {_list(OPTIONAL)}. Found: {_list(found) or 'nothing'}. Put these names into the first row."
        )
    doubled = sorted({name for name in found if name and found.count(name) > 1})
    if doubled:
        raise BadInput(f"The column {_list(doubled)} is there twice: rename or remove one of them.")
    return found


def filled(row: Row) -> dict[str, str]:
    """The cells of a row that hold something, shortened for keeping beside a reason."""
    return {name or "(no name)": cell[:1000] for name, cell in row.items() if cell.strip()}


def extras(row: Row) -> dict[str, str]:
    """What the row says in columns that are not ours."""
    return {name: cell for name, cell in row.items() if name not in KNOWN and name and cell}


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)[:1000]
