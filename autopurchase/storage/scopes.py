"""Which part of the work figures are about, as ids; and the names of what figures are cut by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from autopurchase.domain.errors import BadInput
from autopurchase.storage.schema import session, source

#: a filter for what belongs to nobody
NOBODY = "not assigned"


@dataclass(frozen=True, slots=True)
class Scope:
    """None does not restrict; session 0 and operator "" mean: of nobody."""

    source_id: int | None = None
    provider: str | None = None
    session_id: int | None = None
    seller: str | None = None
    operator: str | None = None

    @property
    def by_account(self) -> bool:
        """Whether it is restricted to a session or an operator: lines enter and leave their queues without an event."""
        return self.session_id is not None or self.operator is not None

    def on(self, columns: Mapping[str, ColumnElement[Any]]) -> list[ColumnElement[bool]]:
        """Conditions; ``columns``: source_id, provider, session_id, seller and operator of what is asked for."""
        wanted = {
            "source_id": self.source_id,
            "provider": self.provider,
            "seller": self.seller,
            "operator": self.operator,
        }
        found = [columns[name] == value for name, value in wanted.items() if value is not None]
        if self.session_id is not None:
            found.append(func.coalesce(columns["session_id"], 0) == self.session_id)
        return found


def scope(
    connection: Connection, *, source: str = "", provider: str = "", session: str = "", seller: str = "",
    operator: str = "",
) -> Scope:  # fmt: skip
    """Names as ids; an empty one does not restrict. Raises BadInput for a source or session there is not."""
    return Scope(
        source_id=_id(connection, _SOURCE, source, "source") if source else None,
        provider=provider or None,
        session_id=_id(connection, _SESSION, session, "session") if session else None,
        seller=("" if seller == NOBODY else seller) if seller else None,
        operator=("" if operator == NOBODY else operator) if operator else None,
    )


_SOURCE, _SESSION = select(source.c.name, source.c.id), select(session.c.name, session.c.id)


def _id(connection: Connection, names: Any, wanted: str, what: str) -> int:
    if wanted == NOBODY:
        return 0
    found = {str(name): int(key) for name, key in connection.execute(names)}
    if wanted not in found:
        raise BadInput(f"There is no {what} “{wanted}”.")
    return found[wanted]


@dataclass(frozen=True, slots=True)
class Names:
    """What ids are called."""

    sources: Mapping[int, str]
    sessions: Mapping[int, str]

    def source(self, key: int | None) -> str:
        """A source's name."""
        return self.sources.get(key or 0, NOBODY)

    def session(self, key: int | None) -> str:
        """A session's name."""
        return self.sessions.get(key or 0, NOBODY)


def names(connection: Connection) -> Names:
    """Sources and sessions by id."""
    sources = {int(key): str(name) for name, key in connection.execute(_SOURCE)}
    sessions = {int(key): str(name) for name, key in connection.execute(_SESSION)}
    return Names(sources, sessions)
