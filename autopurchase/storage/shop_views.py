"""Reads of the sources, mapping and order pages: lines behind a product, providers' own words, what shops are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, RowMapping, func, select, text

from autopurchase.domain.mapping import NEEDS_MAPPING
from autopurchase.storage.lines import chunks
from autopurchase.storage.schema import booking, booking_line, line, mapping, orders, source, write_back

Rows = Sequence[RowMapping]


def waiting_lines(connection: Connection, source_name: str, product_key: str, limit: int = 50) -> Rows:
    """Lines of a source's product that wait for a mapping, oldest first, each with its order's number and customer."""
    query = (
        select(line, orders.c.number.label("order_number"), orders.c.customer)
        .join_from(line, orders)
        .join(source, source.c.id == orders.c.source_id)
        .where(
            source.c.name == source_name,
            line.c.product_key == product_key,
            line.c.purchase == "problem",
            line.c.cause == NEEDS_MAPPING,
        )
        .order_by(line.c.id)
        .limit(limit)
    )
    return connection.execute(query).mappings().all()


def product_of(connection: Connection, number: str) -> list[str] | None:
    """Source and product key of the line of this number; None when there is no such line, or it names no product."""
    query = (
        select(source.c.name, line.c.product_key)
        .join_from(line, orders)
        .join(source, source.c.id == orders.c.source_id)
        .where(line.c.number == number, line.c.product_key != "")
    )
    row = connection.execute(query).first()
    return [row[0], row[1]] if row else None


def words(connection: Connection, product_keys: Sequence[str], most: int = 2000) -> Mapping[tuple[str, str], str]:
    """What the provider called the configuration when it was planned last: (product key, its sku or spec id) -> words.

    Only what was booked is known; the newest booking counts.
    """
    found: dict[tuple[str, str], str] = {}
    for part in chunks(sorted({key for key in product_keys if key})):
        query = (
            select(line.c.product_key, line.c.number, booking.c.purchase)
            .join_from(line, booking_line)
            .join(booking)
            .where(line.c.product_key.in_(part))
            .order_by(booking.c.id)
            .limit(most)
        )
        for key, number, purchase in connection.execute(query):
            for bought in purchase.get("lines", ()):
                if bought["number"] == number and bought.get("provider_words"):
                    found[key, bought["spec_id"] or bought["sku_id"]] = bought["provider_words"]
    return found


def same_item(connection: Connection, provider: str, item_id: str, limit: int = 50) -> Rows:
    """Mappings to an item of a provider: product_key, title, target."""
    query = select(mapping.c.product_key, mapping.c.title, mapping.c.target).where(
        mapping.c.target["provider"].as_string() == provider, mapping.c.target["item_id"].as_string() == item_id
    )
    return connection.execute(query.order_by(mapping.c.product_key).limit(limit)).mappings().all()


def without_rate(connection: Connection) -> dict[str, int]:
    """Currency -> ready lines in it for which no exchange rate was known."""
    query = (
        select(line.c.currency, func.count())
        .where(text("line.ready"), line.c.rate == "", line.c.currency != "CNY")
        .group_by(line.c.currency)
        .order_by(line.c.currency)
    )
    return {str(currency): int(count) for currency, count in connection.execute(query)}


def told(connection: Connection, order_id: int) -> Rows:
    """What the shop was and will be told of an order, newest first: kind, payload, state, answer, attempts, times."""
    query = select(write_back).where(write_back.c.order_id == order_id).order_by(write_back.c.id.desc())
    return connection.execute(query).mappings().all()


def news(connection: Connection, source_name: str, limit: int = 50) -> Rows:
    """What a source was and will be told, newest first: the columns of `told` and the order's ``number``."""
    query = (
        select(write_back, orders.c.number)
        .join_from(write_back, orders)
        .join(source, source.c.id == write_back.c.source_id)
        .where(source.c.name == source_name)
        .order_by(write_back.c.id.desc())
        .limit(limit)
    )
    return connection.execute(query).mappings().all()
