"""What every service is given: the database and the outside, as Protocols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from autopurchase.ports import Clock, ProviderKind, Queue, SourceKind, Vault
from autopurchase.storage.database import Database


@dataclass(frozen=True, slots=True)
class Context:
    """One open workspace. ``tag`` is the workspace's mark in our references (out_order_id)."""

    db: Database
    clock: Clock
    vault: Vault
    queue: Queue
    providers: Mapping[str, ProviderKind]
    sources: Mapping[str, SourceKind]
    tag: str

    def now(self) -> datetime:
        """The moment, aware UTC."""
        return self.clock.now()
