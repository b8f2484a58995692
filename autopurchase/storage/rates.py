"""Exchange rates by currency and day: CNY for one unit of a currency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from autopurchase.storage.lines import chunks
from autopurchase.storage.schema import line, orders, rate, run

#: the journal's word for fetching
FETCH_CALL = "shop.rates.fetch()"


def put(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Set rates (currency, day, value, origin, actor, at); returns how many are new or other than before."""
    dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    changed = 0
    for part in chunks(list(rows), 1000):
        known = _known(connection, part)
        new = [row for row in part if known.get((row["currency"], row["day"])) != row["value"]]
        if new:
            statement = dialect.insert(rate)
            changes = {name: statement.excluded[name] for name in ("value", "origin", "actor", "at")}
            connection.execute(
                statement.on_conflict_do_update(index_elements=["currency", "day"], set_=changes), list(new)
            )
        changed += len(new)
    return changed


def _known(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    query = select(rate.c.currency, rate.c.day, rate.c.value).where(
        rate.c.currency.in_({row["currency"] for row in rows}), rate.c.day.in_({row["day"] for row in rows})
    )
    return {(currency, day): value for currency, day, value in connection.execute(query)}


def listing(connection: Connection, currency: str = "", limit: int = 500) -> Sequence[RowMapping]:
    """Rates, newest day first."""
    query = select(rate).order_by(rate.c.day.desc(), rate.c.currency).limit(limit)
    return connection.execute(query.where(rate.c.currency == currency) if currency else query).mappings().all()


def on(connection: Connection, currency: str, day: str) -> tuple[str, str]:
    """(value, day) of the newest rate that was there on ``day`` (ISO); ``("", "")`` when none was."""
    if currency == "CNY":
        return "1", day
    query = select(rate.c.value, rate.c.day).where(rate.c.currency == currency, rate.c.day <= day)
    row = connection.execute(query.order_by(rate.c.day.desc()).limit(1)).first()
    return (row[0], row[1]) if row else ("", "")


def history(connection: Connection, currency: str) -> list[tuple[str, str]]:
    """(day, value) of every rate of a currency, oldest first."""
    query = select(rate.c.day, rate.c.value).where(rate.c.currency == currency).order_by(rate.c.day)
    return [(str(day), str(value)) for day, value in connection.execute(query)]


def last_good(connection: Connection) -> datetime | None:
    """When rates were fetched last; None when they never were."""
    query = select(func.max(run.c.finished_at)).where(run.c.kind == "rates", run.c.state == "done")
    found: datetime | None = connection.execute(query.where(run.c.call == FETCH_CALL)).scalar()
    return found


class Book:
    """Rates as an import looks them up: each currency and day once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], tuple[str, str]] = {}

    def on(self, connection: Connection, currency: str, moment: datetime) -> tuple[str, str]:
        """(rate, its day) for the day of ``moment``, as `on` says."""
        key = currency, moment.date().isoformat()
        if key not in self._found:
            self._found[key] = on(connection, *key)
        return self._found[key]


def fill(connection: Connection, currencies: Sequence[str]) -> int:
    """Give lines without a rate the one of their day, where there is one now; returns how many got one."""
    filled = 0
    for currency in sorted(set(currencies)):
        query = (
            select(line.c.id, func.coalesce(orders.c.paid_at, orders.c.created_at).label("moment"))
            .join_from(line, orders)
            .where(line.c.currency == currency, line.c.rate == "")
        )
        days: dict[str, list[int]] = {}
        for line_id, moment in connection.execute(query):
            days.setdefault(moment.date().isoformat(), []).append(line_id)
        for day, ids in sorted(days.items()):
            value, rate_day = on(connection, currency, day)
            for part in chunks(ids) if value else ():
                statement = update(line).where(line.c.id.in_(part)).values(rate=value, rate_day=rate_day)
                filled += int(connection.execute(statement).rowcount)
    return filled
