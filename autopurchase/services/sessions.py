"""Connecting, checking and limiting sessions (purchasing accounts)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from autopurchase.domain.errors import AutopurchaseError, BadInput
from autopurchase.domain.purchase import Account
from autopurchase.domain.roles import Actor, Role
from autopurchase.domain.session import Address, SessionState, Tokens
from autopurchase.ports import Manifest
from autopurchase.services.calls import call_lease, config_of, open_provider, save_tokens, tokens_json
from autopurchase.services.context import Context
from autopurchase.storage import sessions
from autopurchase.storage.database import Connection, Row

#: keys of a credentials file that are columns of a session, with how they are read
_NUMBERS: dict[str, type[float] | type[int]] = {
    "rate_per_second": float,
    "concurrency": int,
    "daily_cap": int,
    "settle_seconds": float,
    "timeout_seconds": float,
}
_TOKENS = ("access_token", "refresh_token", "expires_at", "refresh_expires_at")
_MAX_CONCURRENCY = 16


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session as people see it; no secrets. Times are aware UTC."""

    id: int
    name: str
    provider: str
    label: str
    state: str
    health: str
    grade: str
    grade_reason: str
    account: str
    base_url: str
    token_expires_at: datetime | None
    refresh_expires_at: datetime | None
    used_today: int
    daily_cap: int
    rate_per_second: float
    concurrency: int
    settle_seconds: float
    synced_at: datetime | None
    sync_error: str
    checked_at: datetime | None
    check_error: str


def add(
    ctx: Context,
    actor: Actor,
    *,
    provider: str,
    name: str,
    credentials: Mapping[str, Any],
    base_url: str = "",
) -> int:
    """Add a session from credentials (the keys of a credentials file). Raises BadInput naming what is wrong."""
    actor.require(Role.ADMINISTRATOR)
    manifest = _manifest(ctx, provider)
    values = _values(ctx, manifest, dict(credentials), base_url)
    if not name.strip():
        raise BadInput("Give the session a name.")
    with ctx.db.write() as tx:
        return sessions.add(tx, name=name.strip(), provider=provider, created_at=ctx.now(), **values)


def _manifest(ctx: Context, provider: str) -> Manifest:
    if provider not in ctx.providers:
        raise BadInput(f"There is no provider “{provider}”. There are: {', '.join(ctx.providers)}.")
    return ctx.providers[provider].manifest


def _values(ctx: Context, manifest: Manifest, given: dict[str, Any], base_url: str) -> dict[str, Any]:
    for name in ("app_key", "app_secret"):
        if not str(given.get(name) or "").strip():
            raise BadInput(f"The credentials lack “{name}”: copy it from the app's page at the provider.")
    tokens = _tokens_of(given)
    numbers = {name: _number(name, given.pop(name)) for name in _NUMBERS if given.get(name) not in (None, "")}
    defaults = {
        "rate_per_second": manifest.default_rate,
        "concurrency": 2,
        "daily_cap": 0,
        "settle_seconds": manifest.default_settle_seconds,
        "timeout_seconds": 30.0,
    }
    ship_to = _ship_to(given.pop("ship_to", None) or {})
    secret = str(given.pop("app_secret"))
    values = {
        "state": (SessionState.ACTIVE if tokens.access_token else SessionState.NEEDS_AUTHORISATION).value,
        "base_url": _origin(base_url or given.pop("base_url", "") or manifest.default_base_url),
        "app_key": str(given.pop("app_key")),
        "secret_sealed": ctx.vault.seal({"app_secret": secret}),
        "tokens_sealed": ctx.vault.seal(tokens_json(tokens)),
        "token_expires_at": tokens.expires_at,
        "refresh_expires_at": tokens.refresh_expires_at,
        "ship_to": ship_to,
        "settings": _settings(manifest, given),
    }
    return values | defaults | numbers


def _tokens_of(given: dict[str, Any]) -> Tokens:
    access, refresh, expires, refresh_expires = (given.pop(name, None) for name in _TOKENS)
    return Tokens(
        str(access or ""),
        str(refresh or ""),
        _time("expires_at", expires),
        _time("refresh_expires_at", refresh_expires),
    )


def _time(name: str, value: Any) -> datetime | None:
    """ISO text or epoch (seconds; milliseconds by magnitude)."""
    if value in (None, ""):
        return None
    try:
        if isinstance(value, int | float) or str(value).isdigit():
            seconds = float(value)
            return datetime.fromtimestamp(seconds / 1000 if seconds >= 1e12 else seconds, UTC)
        found = datetime.fromisoformat(str(value))
    except (ValueError, OverflowError) as error:
        raise BadInput(f"“{name}” must be a time like 2026-12-31T00:00:00Z, not “{value}”.") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _number(name: str, value: Any) -> float | int:
    try:
        found: float | int = _NUMBERS[name](value)
    except (TypeError, ValueError) as error:
        raise BadInput(f"“{name}” must be a number, not “{value}”.") from error
    if found < 0 or (found == 0 and name != "daily_cap"):
        raise BadInput(f"“{name}” must be more than 0.")
    if name == "concurrency" and found > _MAX_CONCURRENCY:
        raise BadInput(f"At most {_MAX_CONCURRENCY} calls at once per session.")
    return found


def _ship_to(given: Mapping[str, Any]) -> dict[str, str]:
    known = {item.name for item in fields(Address)}
    unknown = sorted(set(given) - known)
    if unknown:
        raise BadInput(f"“ship_to” has unknown keys: {', '.join(unknown)}. Known: {', '.join(sorted(known))}.")
    return {name: str(value) for name, value in given.items()}


def _origin(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput(f"“{url}” is not an address: write it like https://api.example.com.")
    if parts.username or parts.password:
        raise BadInput("The address must not contain a user or password.")
    return f"{parts.scheme}://{parts.netloc}"


def _settings(manifest: Manifest, given: Mapping[str, Any]) -> dict[str, str]:
    known = {item.name: item for item in (*manifest.settings, *manifest.credentials)}
    unknown = sorted(name for name in given if name not in known and name != "unknown_lookups")
    if unknown:
        raise BadInput(f"Unknown credential keys: {', '.join(unknown)}. Known: {', '.join(sorted(known))}.")
    for name, value in given.items():
        choices = known[name].choices if name in known else ()
        if choices and str(value) not in choices:
            raise BadInput(f"“{name}” must be one of {', '.join(choices)}, not “{value}”.")
    return {name: str(value) for name, value in given.items() if value not in (None, "")}


def listing(ctx: Context, actor: Actor) -> list[SessionView]:
    """Every session with its health and how much of today's cap is used."""
    actor.require(Role.VIEWER)
    now = ctx.now()
    with ctx.db.read() as tx:
        used = sessions.used_since(tx, sessions.day_start(now))
        return [_view(ctx, row, used.get(row["id"], 0), now) for row in sessions.listing(tx)]


def _view(ctx: Context, row: Row, used: int, now: datetime) -> SessionView:
    manifest = ctx.providers[row["provider"]].manifest
    names = {item.name for item in fields(SessionView)}
    return SessionView(
        label=manifest.label,
        grade=manifest.grade.value,
        grade_reason=manifest.grade_reason,
        used_today=used,
        health=health(row, now),
        **{name: row[name] for name in names if name in row},
    )


def health(row: Row, now: datetime) -> str:
    """One sentence: what is wrong with a session and what to do, or that it is well."""
    if row["state"] == SessionState.DISABLED:
        return "Switched off."
    if row["state"] == SessionState.NEEDS_AUTHORISATION:
        return "Not authorised: authorise it to use it."
    end = row["refresh_expires_at"]
    if end and end < now:
        return "Its authorisation has ended: authorise it again."
    if end and (end - now).days < 7:
        return f"Its authorisation ends in {max(0, (end - now).days)} days: authorise it again soon."
    if row["check_error"]:
        return str(row["check_error"])
    return "Well." if row["checked_at"] else "Not checked yet."


def check(ctx: Context, actor: Actor, name: str) -> Account:
    """Ask the provider who we are; answer or error is kept with the session. Raises what the provider raised."""
    actor.require(Role.OPERATOR)
    row = _row(ctx, name)
    config = config_of(ctx, row)
    try:
        with call_lease(ctx, config):
            account = open_provider(ctx, config).check()
    except AutopurchaseError as error:
        _change(ctx, row["id"], checked_at=ctx.now(), check_error=error.sentence)
        raise
    _change(ctx, row["id"], checked_at=ctx.now(), check_error="", account=account.login or account.account_id)
    return account


def authorize_url(ctx: Context, actor: Actor, name: str, redirect_uri: str, state: str) -> str:
    """The provider's page where the account's owner allows us."""
    actor.require(Role.ADMINISTRATOR)
    config = config_of(ctx, _row(ctx, name))
    return ctx.providers[config.provider].authorize_url(config, redirect_uri, state)


def finish_authorisation(ctx: Context, actor: Actor, name: str, code: str, redirect_uri: str) -> None:
    """Exchange the code that came back for tokens and store them sealed."""
    actor.require(Role.ADMINISTRATOR)
    row = _row(ctx, name)
    config = config_of(ctx, row)
    tokens = ctx.providers[config.provider].exchange_code(config, code.strip(), redirect_uri)
    with ctx.db.write() as tx:
        save_tokens(ctx, tx, row["id"], tokens)
        sessions.change(tx, row["id"], check_error="")


def set_tokens(ctx: Context, actor: Actor, name: str, access_token: str, refresh_token: str = "") -> None:
    """Store tokens that a person pasted."""
    actor.require(Role.ADMINISTRATOR)
    if not access_token.strip():
        raise BadInput("Paste the access token.")
    row = _row(ctx, name)
    with ctx.db.write() as tx:
        save_tokens(ctx, tx, row["id"], Tokens(access_token.strip(), refresh_token.strip()))


def disable(ctx: Context, actor: Actor, name: str) -> None:
    """Switch a session off: nothing is planned, booked or synchronised through it."""
    actor.require(Role.ADMINISTRATOR)
    _change(ctx, _row(ctx, name)["id"], state=SessionState.DISABLED.value)


def enable(ctx: Context, actor: Actor, name: str) -> None:
    """Switch a session on again."""
    actor.require(Role.ADMINISTRATOR)
    _change(ctx, _row(ctx, name)["id"], state=SessionState.ACTIVE.value)


def set_limits(
    ctx: Context, actor: Actor, name: str, *, daily_cap: int, rate_per_second: float, concurrency: int
) -> None:
    """Bound a session: bookings a day (0: no cap), calls a second, calls at once."""
    actor.require(Role.ADMINISTRATOR)
    given = {"daily_cap": daily_cap, "rate_per_second": rate_per_second, "concurrency": concurrency}
    _change(ctx, _row(ctx, name)["id"], **{key: _number(key, value) for key, value in given.items()})


def _row(ctx: Context, name: str) -> Row:
    with ctx.db.read() as tx:
        return sessions.by_name(tx, name)


def _change(ctx: Context, session_id: int, **values: Any) -> None:
    with ctx.db.write() as tx:
        sessions.change(tx, session_id, **values)


def reseal(ctx: Context, tx: Connection) -> int:
    """Seal every session's secrets with the newest key; how many."""
    rows = sessions.listing(tx)
    for row in rows:
        sealed = {name: ctx.vault.seal(ctx.vault.open(row[name])) for name in ("secret_sealed", "tokens_sealed")}
        sessions.change(tx, row["id"], **sealed)
    return len(rows)
