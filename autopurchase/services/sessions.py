"""Connecting, checking and limiting sessions (purchasing accounts)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from math import isfinite
from typing import Any
from urllib.parse import urlsplit

from autopurchase.domain import budget as rules
from autopurchase.domain.budget import Budget, Use
from autopurchase.domain.errors import AutopurchaseError, BadInput
from autopurchase.domain.money import Money
from autopurchase.domain.purchase import Account
from autopurchase.domain.roles import Actor, Role
from autopurchase.domain.session import Address, SessionConfig, SessionState, Tokens
from autopurchase.ports import Manifest
from autopurchase.services.budget import budget_of, health_of
from autopurchase.services.calls import call_lease, config_of, open_provider, save_tokens, tokens_json
from autopurchase.services.context import Context
from autopurchase.storage import bookings, sessions
from autopurchase.storage.database import Connection, Row

#: keys of a credentials file that are columns of a session, with how they are read
_NUMBERS: dict[str, Callable[[Any], float | int]] = {
    "rate_per_second": float,
    "concurrency": int,
    "hourly_cap": int,
    "daily_cap": int,
    "daily_amount": lambda value: Money.of(str(value), "CNY").minor,
    "pause_seconds": float,
    "rest_seconds": float,
    "strikes": int,
    "release_budget": int,
    "settle_seconds": float,
    "timeout_seconds": float,
}
#: columns of another name than their key
_COLUMNS = {"daily_amount": "daily_amount_fen", "strikes": "rest_after"}
#: those that may be 0: no bound (of releases: none)
_UNBOUNDED = frozenset({"hourly_cap", "daily_cap", "daily_amount", "pause_seconds", "release_budget"})
#: what can be changed after a session was added
LIMITS = tuple(name for name in _NUMBERS if name not in ("settle_seconds", "timeout_seconds"))
#: rules of ours that a session's settings may hold beside the provider's own
_RULES = frozenset({"unknown_lookups", "cancel_give_up_seconds", "freight_tolerance", "pay_within_hours"})
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
    budget: Budget
    use: Use
    queued: int
    queued_fen: int
    room: int | None  # bookings that may still be sent today, those that wait not among them; None: no bound
    resting_until: datetime | None
    resting_why: str
    rate_per_second: float
    concurrency: int
    settle_seconds: float
    release_budget: int  # releases a day of what was not placed as planned
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
    columns, secret, tokens = _columns(manifest, given, base_url)
    return columns | {
        "state": (SessionState.ACTIVE if tokens.access_token else SessionState.NEEDS_AUTHORISATION).value,
        "secret_sealed": ctx.vault.seal({"app_secret": secret}),
        "tokens_sealed": ctx.vault.seal(tokens_json(tokens)),
        "token_expires_at": tokens.expires_at,
        "refresh_expires_at": tokens.refresh_expires_at,
    }


def read_credentials(
    manifest: Manifest, credentials: Mapping[str, Any], base_url: str = ""
) -> tuple[SessionConfig, Tokens]:
    """What a credentials file says, outside of any workspace. Raises BadInput naming what is wrong."""
    found, secret, tokens = _columns(manifest, dict(credentials), base_url)
    names = ("app_key", "base_url", "rate_per_second", "concurrency", "settle_seconds", "timeout_seconds", "settings")
    values = {name: found[name] for name in names}
    ship_to = Address(**found["ship_to"])
    return SessionConfig(id=0, name="", provider=manifest.id, app_secret=secret, ship_to=ship_to, **values), tokens


def _columns(manifest: Manifest, given: dict[str, Any], base_url: str) -> tuple[dict[str, Any], str, Tokens]:
    """What can be kept as it is, the app's secret, and the tokens."""
    for name in ("app_key", "app_secret"):
        if not str(given.get(name) or "").strip():
            raise BadInput(f"The credentials lack “{name}”: copy it from the app's page at the provider.")
    tokens = _tokens_of(given)
    numbers = _numbers({name: given.pop(name) for name in list(_NUMBERS) if name in given})
    defaults = {
        "rate_per_second": manifest.default_rate,
        "concurrency": 2,
        "settle_seconds": manifest.default_settle_seconds,
        "timeout_seconds": 30.0,
    }
    ship_to = _ship_to(given.pop("ship_to", None) or {})
    secret = str(given.pop("app_secret"))
    values = {
        "base_url": _origin(base_url or given.pop("base_url", "") or manifest.default_base_url),
        "app_key": str(given.pop("app_key")),
        "ship_to": ship_to,
        "settings": _settings(manifest, given),
    }
    return values | defaults | numbers, secret, tokens


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


def _numbers(given: Mapping[str, Any]) -> dict[str, float | int]:
    """Columns and their values; raises BadInput naming the key that is wrong."""
    stated = {name: value for name, value in given.items() if value not in (None, "")}
    return {_COLUMNS.get(name, name): _number(name, value) for name, value in stated.items()}


def _number(name: str, value: Any) -> float | int:
    try:
        found = _NUMBERS[name](value)
    except (TypeError, ValueError, OverflowError, BadInput) as error:
        raise BadInput(f"“{name}” must be a number, not “{value}”.") from error
    if not isfinite(found) or found < 0 or (found == 0 and name not in _UNBOUNDED):
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
    unknown = sorted(name for name in given if name not in known and name not in _RULES)
    if unknown:
        raise BadInput(f"Unknown credential keys: {', '.join(unknown)}. Known: {', '.join(sorted(known))}.")
    for name, value in given.items():
        choices = known[name].choices if name in known else ()
        if choices and str(value) not in choices:
            raise BadInput(f"“{name}” must be one of {', '.join(choices)}, not “{value}”.")
    if given.get("freight_tolerance"):
        Money.of(str(given["freight_tolerance"]), "CNY")
    return {name: str(value) for name, value in given.items() if value not in (None, "")}


def listing(ctx: Context, actor: Actor) -> list[SessionView]:
    """Every session with its health and what is used of its budget."""
    actor.require(Role.VIEWER)
    now = ctx.now()
    with ctx.db.read() as tx:
        uses, waiting = sessions.uses(tx, now), bookings.waiting(tx)
        rows = sessions.listing(tx)
    return [_view(ctx, row, uses.get(row["id"], Use()), waiting.get(row["id"], (0, 0)), now) for row in rows]


def read(ctx: Context, actor: Actor, name: str) -> SessionView:
    """One session as `listing` shows it. Raises BadInput naming those there are."""
    _row(ctx, name)
    return next(view for view in listing(ctx, actor) if view.name == name)


def _view(ctx: Context, row: Row, use: Use, queued: tuple[int, int], now: datetime) -> SessionView:
    manifest = ctx.providers[row["provider"]].manifest
    names = {item.name for item in fields(SessionView)}
    budget = budget_of(row)
    resting = rules.resting(health_of(row), now, row["name"])
    own = {name: row[name] for name in names if name in row and not name.startswith("resting")}
    return SessionView(
        label=manifest.label,
        grade=manifest.grade.value,
        grade_reason=manifest.grade_reason,
        budget=budget,
        use=use,
        queued=queued[0],
        queued_fen=queued[1],
        room=rules.room(budget, use, queued[0]),
        resting_until=resting.until if resting else None,
        resting_why=row["resting_why"] if resting else "",
        health=health(row, now),
        **own,
    )


def suggested(views: Sequence[SessionView], provider: str, now: datetime) -> str:
    """The session of a provider with the most room today that is well; empty: there is none. People choose."""
    candidates = [
        rules.Candidate(
            view.name,
            view.room,
            view.use.day,
            view.state == SessionState.ACTIVE and not view.check_error,
            view.resting_until,
            view.refresh_expires_at or view.token_expires_at,
        )
        for view in views
        if view.provider == provider
    ]
    return rules.suggestion(candidates, now)


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
    if (resting := rules.resting(health_of(row), now, row["name"])) is not None:
        return f"Rests until {resting.until:%H:%M} UTC. {row['resting_why']}"
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


def set_limits(ctx: Context, actor: Actor, name: str, **limits: Any) -> None:
    """Change some of `LIMITS`; what waits for another limit is looked at anew. Raises BadInput.

    Caps, amount and pause may be 0: no bound. ``daily_amount`` is in CNY, ``strikes`` are throttled answers, and with
    a ``release_budget`` of 0 a person decides about everything that was not placed as planned.
    """
    actor.require(Role.ADMINISTRATOR)
    if unknown := sorted(set(limits) - set(LIMITS)):
        raise BadInput(f"There is no limit “{unknown[0]}”. There are: {', '.join(LIMITS)}.")
    values = _numbers(limits)
    row = _row(ctx, name)
    with ctx.db.write() as tx:
        sessions.change(tx, row["id"], **values)
        bookings.release(tx, row["id"], ctx.now())


def wake(ctx: Context, actor: Actor, name: str) -> None:
    """End a session's rest: one booking is tried, and the others follow when it is placed."""
    actor.require(Role.ADMINISTRATOR)
    row = _row(ctx, name)
    if row["resting_until"] is None:
        raise BadInput(f"Session {name} does not rest.")
    with ctx.db.write() as tx:
        sessions.change(tx, row["id"], resting_until=ctx.now())
        bookings.release(tx, row["id"], ctx.now())


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
