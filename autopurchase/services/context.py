"""What every service is given: the database and the outside, as Protocols."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from autopurchase.domain.errors import NotSupported
from autopurchase.ports import Clock, ProviderKind, Queue, SourceKind, Vault
from autopurchase.storage.database import Database


def _no_web(url: str) -> str:
    raise NotSupported("This workspace was opened without a way to read addresses.")


@dataclass(frozen=True, slots=True)
class Context:
    """One open workspace. ``tag`` is the workspace's mark in our references (out_order_id).

    ``fetch`` reads the text at an address; it raises Refused or NotSent.
    """

    db: Database
    clock: Clock
    vault: Vault
    queue: Queue
    providers: Mapping[str, ProviderKind]
    sources: Mapping[str, SourceKind]
    tag: str
    fetch: Callable[[str], str] = _no_web

    def now(self) -> datetime:
        """The moment, aware UTC."""
        return self.clock.now()
