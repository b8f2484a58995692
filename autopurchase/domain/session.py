"""Sessions: one authorised purchasing account at a provider."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Grade(StrEnum):
    """How safely an unknown outcome can be settled by machine."""

    A = "A"  # our reference is accepted and searchable
    B = "B"  # orders can be listed and matched
    C = "C"  # neither: the machine never repeats


class SessionState(StrEnum):
    """Whether a session may be used."""

    ACTIVE = "active"
    NEEDS_AUTHORISATION = "needs_authorisation"  # the token is dead: a person authorises again
    DISABLED = "disabled"  # switched off by a person


@dataclass(frozen=True, slots=True)
class Tokens:
    """Secrets of a session. ``None`` expiry means not stated. Never printed."""

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    expires_at: datetime | None = None
    refresh_expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """Where purchases are delivered: the agent's warehouse. Chinese names as text."""

    name: str = ""
    phone: str = ""
    mobile_phone: str = ""
    country: str = "中国"
    state: str = ""
    city: str = ""
    district: str = ""
    address: str = ""
    zip: str = ""


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """What an adapter needs of a session, decrypted in memory only.

    ``rate_per_second`` and ``concurrency`` bound all calls of the session together; ``settle_seconds`` is how long
    after a call of unknown outcome "not found" is believed; ``settings`` holds the provider's own fields.
    """

    id: int
    name: str
    provider: str
    app_key: str
    app_secret: str = field(repr=False)
    base_url: str = ""
    ship_to: Address = Address()
    rate_per_second: float = 2.0
    concurrency: int = 2
    daily_cap: int = 0
    settle_seconds: float = 60.0
    timeout_seconds: float = 30.0
    settings: dict[str, str] = field(default_factory=dict)
