"""Frozen reports, byte for byte, and what the workspace's figures are based on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, text

from autopurchase.storage.schema import report

_LOCK = 0x7265706F7274  # any fixed number: versions of a period are counted one after the other on PostgreSQL
_HEAD = (report.c.kind, report.c.period, report.c.version, report.c.actor, report.c.as_of, report.c.digest)


def digest(body: str) -> str:
    """What tells one body from another."""
    return hashlib.sha256(body.encode()).hexdigest()


def freeze(
    connection: Connection, *, kind: str, period: str, actor: str, as_of: datetime, params: Mapping[str, Any], body: str
) -> int:
    """Keep a report as the next version of its period; returns the version."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(:n)"), {"n": _LOCK})
    last = select(func.coalesce(func.max(report.c.version), 0)).where(report.c.kind == kind, report.c.period == period)
    version = int(connection.execute(last).scalar_one()) + 1
    values = {"kind": kind, "period": period, "version": version, "actor": actor, "as_of": as_of}
    connection.execute(insert(report).values(**values, params=dict(params), body=body, digest=digest(body)))
    return version


def listing(connection: Connection, kind: str, period: str = "", limit: int = 500) -> Sequence[RowMapping]:
    """Frozen reports without their bodies, newest period and version first."""
    query = select(*_HEAD).where(report.c.kind == kind).order_by(report.c.period.desc(), report.c.version.desc())
    query = query.where(report.c.period == period) if period else query
    return connection.execute(query.limit(limit)).mappings().all()


def get(connection: Connection, kind: str, period: str, version: int = 0) -> RowMapping | None:
    """One frozen report; version 0: the newest."""
    query = select(report).where(report.c.kind == kind, report.c.period == period).order_by(report.c.version.desc())
    query = query.where(report.c.version == version) if version else query
    return connection.execute(query.limit(1)).mappings().first()
