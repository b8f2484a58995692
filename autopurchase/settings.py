"""Settings from the environment: where the workspace lives, its database, its key."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """``home``: the workspace's folder. ``key``: empty means the key file in it. No secret is ever printed."""

    home: Path
    database_url: str
    key: str


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """AUTOPURCHASE_HOME (``./data``), AUTOPURCHASE_DATABASE_URL (SQLite in it), AUTOPURCHASE_KEY (key file in it)."""
    found = os.environ if environment is None else environment
    home = Path(found.get("AUTOPURCHASE_HOME") or "data").expanduser().resolve()
    url = found.get("AUTOPURCHASE_DATABASE_URL") or f"sqlite:///{home / 'autopurchase.db'}"
    return Settings(home, url, found.get("AUTOPURCHASE_KEY", ""))
