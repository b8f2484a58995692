"""Mappings of shops' products to what is bought, their history, and the lines that they are about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, func, insert, or_, select, update

from autopurchase.domain.mapping import NEEDS_MAPPING, Target
from autopurchase.domain.order import DEAD
from autopurchase.storage.lines import chunks, lock_orders
from autopurchase.storage.schema import line, mapping, mapping_change, orders, source

#: a product of one source (its id), or of every source (None)
Key = tuple[int | None, str]
_FREE = ("ready", "problem")
_GONE = tuple(status.value for status in DEAD)


def any_at_all(connection: Connection) -> bool:
    """Whether there is a mapping."""
    return connection.execute(select(mapping.c.id).limit(1)).first() is not None


def targets(connection: Connection, source_id: int | None, product_keys: Iterable[str]) -> dict[str, Target]:
    """What to buy for these products of a source: its own mapping, else the one for every source."""
    found: dict[str, Target] = {}
    for part in chunks(sorted({key for key in product_keys if key})):
        query = (
            select(mapping.c.product_key, mapping.c.target)
            .where(
                mapping.c.product_key.in_(part), or_(mapping.c.source_id == source_id, mapping.c.source_id.is_(None))
            )
            .order_by(mapping.c.source_id.is_not(None))  # a source's own comes last and stays
        )
        found.update({key: Target.from_json(data) for key, data in connection.execute(query)})
    return found


def _is(key: Key) -> ColumnElement[bool]:
    source_id, product_key = key
    return and_(mapping.c.source_id.is_not_distinct_from(source_id), mapping.c.product_key == product_key)


def get(connection: Connection, key: Key) -> RowMapping | None:
    """One mapping."""
    return connection.execute(select(mapping).where(_is(key))).mappings().first()


def put(
    connection: Connection, key: Key, target: Target | None, *, title: str, at: datetime, actor: str, run_id: int
) -> bool:
    """Set a mapping (None removes it) and keep the change; False when it is so already."""
    stored = get(connection, key)
    before = stored["target"] if stored else {}
    after = target.as_json() if target else {}
    if before == after:
        return False
    change = {"at": at, "actor": actor, "run_id": run_id, "source_id": key[0], "product_key": key[1]}
    connection.execute(insert(mapping_change).values(**change, before=before, after=after))
    values = {"target": after, "changed_at": at, "actor": actor} | ({"title": title} if title else {})
    if not after:
        connection.execute(delete(mapping).where(_is(key)))
    elif stored:
        connection.execute(update(mapping).where(mapping.c.id == stored["id"]).values(values))
    else:
        new = {"source_id": key[0], "product_key": key[1], "created_at": at, **values}
        connection.execute(insert(mapping).values(new))
    return True


def listing(
    connection: Connection, *, source_id: int | None = None, text: str = "", limit: int = 1000, offset: int = 0
) -> Sequence[RowMapping]:
    """Mappings with their source's name (None: every source), by product; ``source_id`` restricts to a source's own."""
    query = select(mapping, source.c.name.label("source")).outerjoin_from(mapping, source)
    if source_id is not None:
        query = query.where(mapping.c.source_id == source_id)
    if text.strip():
        words = [column.icontains(text.strip(), autoescape=True) for column in (mapping.c.product_key, mapping.c.title)]
        query = query.where(or_(*words))
    query = query.order_by(mapping.c.product_key, source.c.name).limit(limit).offset(offset)
    return connection.execute(query).mappings().all()


def changes(connection: Connection, product_key: str, limit: int = 200) -> Sequence[RowMapping]:
    """What became of a product's mappings, newest first: at, actor, run_id, source, before, after."""
    query = (
        select(mapping_change, source.c.name.label("source"))
        .outerjoin_from(mapping_change, source)
        .where(mapping_change.c.product_key == product_key)
        .order_by(mapping_change.c.id.desc())
        .limit(limit)
    )
    return connection.execute(query).mappings().all()


# --- lines ---


def free_lines(connection: Connection, *, keys: Sequence[str] = (), order_ids: Sequence[int] = ()) -> list[RowMapping]:
    """Lines of these products or orders with nothing under way, still to be bought; locked, each with ``source_id``."""
    lock_orders(connection, line.c.product_key if keys else line.c.order_id, keys or order_ids)
    wanted = line.c.product_key.in_(keys) if keys else line.c.order_id.in_(order_ids)
    query = (
        select(line, orders.c.source_id)
        .join_from(line, orders)
        .where(wanted, line.c.product_key != "", line.c.purchase.in_(_FREE), line.c.status.not_in(_GONE))
        .order_by(line.c.id)
        .with_for_update(of=line)
    )
    return list(connection.execute(query).mappings())


def waiting(connection: Connection, source_id: int | None = None, limit: int = 500) -> Sequence[RowMapping]:
    """Products whose lines wait for a mapping, most lines first.

    Columns: source_id, source, product_key, title, configuration, unclear, photo_url, item_url, lines, pieces, since.
    """
    words = ("title", "configuration", "unclear", "photo_url", "item_url")
    query = (
        select(orders.c.source_id, source.c.name.label("source"), line.c.product_key)
        .add_columns(*[func.max(line.c[name]).label(name) for name in words])
        .add_columns(func.count().label("lines"), func.sum(line.c.open_quantity).label("pieces"))
        .add_columns(func.min(line.c.changed_at).label("since"))
        .join_from(line, orders)
        .join(source, source.c.id == orders.c.source_id)
        .where(*_waits(source_id))
        .group_by(orders.c.source_id, source.c.name, line.c.product_key)
        .order_by(func.count().desc(), source.c.name, line.c.product_key)
        .limit(limit)
    )
    return connection.execute(query).mappings().all()


def waiting_count(connection: Connection, source_id: int | None = None) -> int:
    """Lines that wait for a mapping."""
    query = select(func.count()).select_from(line.join(orders)).where(*_waits(source_id))
    return int(connection.execute(query).scalar_one())


def _waits(source_id: int | None) -> list[ColumnElement[bool]]:
    waits = [line.c.purchase == "problem", line.c.cause == NEEDS_MAPPING]
    return waits if source_id is None else [*waits, orders.c.source_id == source_id]


def titles(connection: Connection, keys: Sequence[tuple[int | None, str]]) -> dict[str, str]:
    """What the shop calls these products, as far as lines of them are known: product key -> title."""
    found: dict[str, str] = {}
    for part in chunks(sorted({key for _, key in keys})):
        query = select(line.c.product_key, func.max(line.c.title)).where(line.c.product_key.in_(part))
        found.update({key: title for key, title in connection.execute(query.group_by(line.c.product_key))})
    return found


def existing(connection: Connection, keys: Sequence[Key]) -> Mapping[Key, Target]:
    """Those of these mappings that there are."""
    found: dict[Key, Target] = {}
    for part in chunks([key for _, key in keys], 2000):
        query = select(mapping.c.source_id, mapping.c.product_key, mapping.c.target)
        for source_id, key, target in connection.execute(query.where(mapping.c.product_key.in_(part))):
            found[source_id, key] = Target.from_json(target)
    return found
