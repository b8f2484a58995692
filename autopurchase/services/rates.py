"""Exchange rates: CNY for one unit of a currency, by day. Set by hand, from a table, or fetched daily from an address.

A line keeps the rate of the day of its payment (the newest known then) with that rate's day. Nothing is invented: where
no rate was known, the line says so until one is set.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from autopurchase.domain import code
from autopurchase.domain.errors import AutopurchaseError, BadInput
from autopurchase.domain.roles import CLOCK, Actor, Role
from autopurchase.services.context import Context
from autopurchase.services.tables import read_table
from autopurchase.storage import orders as order_store
from autopurchase.storage import rates, runs, workspace

#: where the sealed address of the daily table is kept, and when it was asked last
URL_KEY, ASKED_KEY = "rates_url", "rates_asked_at"
COLUMNS = ("currency", "day", "rate")
_CODE = re.compile(r"[A-Z]{3}", re.ASCII)
_EVERY = timedelta(hours=24)
_AFTER_FAILURE = timedelta(hours=1)
_DIGITS = 10
_HIGHEST = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class RateView:
    """A rate: CNY for one unit of ``currency`` on ``day`` (ISO); ``origin``: manual, file, fetched."""

    currency: str
    day: str
    rate: Decimal
    origin: str
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class _Rate:
    currency: str
    day: str
    value: str


def set(ctx: Context, actor: Actor, currency: str, rate: str | Decimal, day: date | None = None) -> int:
    """Set the rate of a currency (CNY for one unit) from ``day`` (default today, UTC) on; returns the run.

    It counts until a newer one. Lines without a rate that were paid from that day on get it. Raises BadInput.
    """
    actor.require(Role.OPERATOR)
    found = _rate(currency, day or ctx.now().date(), rate)
    call = code.call("shop.rates.set", found.currency, found.value, day=found.day)
    return _store(ctx, actor, call, "manual", [found])


def import_file(ctx: Context, actor: Actor, path: Path, *, encoding: str = "") -> int:
    """Take rates from a CSV or Excel table with the columns currency, day, rate; returns the run, rejects kept.

    Raises BadInput when the file as a whole cannot be used, NotAllowed.
    """
    actor.require(Role.OPERATOR)
    good: list[_Rate] = []
    rejects = []
    for position, row in read_table(path, COLUMNS, encoding):
        try:
            good.append(_rate(row["currency"], _day(row["day"]), row["rate"]))
        except BadInput as error:
            rejects.append(order_store.reject_row(position, error.sentence, row))
    return _store(ctx, actor, code.call("shop.rates.import_file", Path(path).name), "file", good, rejects)


def listing(ctx: Context, actor: Actor, currency: str = "", limit: int = 500) -> list[RateView]:
    """Rates, newest day first."""
    actor.require(Role.VIEWER)
    with ctx.db.read() as tx:
        rows = rates.listing(tx, currency.upper(), limit)
    return [
        RateView(row["currency"], row["day"], Decimal(row["value"]), row["origin"], row["actor"], row["at"])
        for row in rows
    ]


# --- fetching ---


def configure(ctx: Context, actor: Actor, url: str) -> None:
    """Set the address of the daily table (CSV with currency, day, rate; or JSON, see `parse`); empty: fetch no more.

    It is kept encrypted, for it may hold a key. Raises BadInput, NotAllowed.
    """
    actor.require(Role.ADMINISTRATOR)
    url = url.strip()
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise BadInput("The address of the rates begins with https:// and names a host.")
    with ctx.db.write() as tx:
        workspace.write(tx, URL_KEY, ctx.vault.seal({"url": url}) if url else "")
        workspace.write(tx, ASKED_KEY, "")


def address(ctx: Context) -> str:
    """Host of the configured address, without what may be secret in it; empty when none is configured."""
    return urlsplit(_url(ctx)).hostname or ""


def _url(ctx: Context) -> str:
    with ctx.db.read() as tx:
        sealed = workspace.read(tx, URL_KEY)
    return str(ctx.vault.open(sealed)["url"]) if sealed else ""


def fetch(ctx: Context, actor: Actor) -> int:
    """Fetch the configured table now; returns the run, failed with its sentence when the address does not answer.

    Raises BadInput when no address is configured, NotAllowed.
    """
    actor.require(Role.OPERATOR)
    url = _url(ctx)
    if not url:
        raise BadInput("No address is configured for exchange rates: set one, or set rates by hand.")
    with ctx.db.write() as tx:
        workspace.write(tx, ASKED_KEY, ctx.now().isoformat())
    call = rates.FETCH_CALL
    try:
        return _store(ctx, actor, call, "fetched", parse(ctx.fetch(url), ctx.now().date()))
    except AutopurchaseError as error:
        with ctx.db.write() as tx:
            run_id = runs.create(tx, kind="rates", actor=actor.name, at=ctx.now(), call=call, state="running")
            sentence = f"{urlsplit(url).hostname}: {error.sentence}"
            runs.finish(tx, run_id, at=ctx.now(), out={}, error=sentence)
        return run_id


def fetch_due(ctx: Context) -> int | None:
    """Fetch when an address is configured and today's rates are not there yet; after a failure again in an hour."""
    if not _url(ctx):
        return None
    now = ctx.now()
    with ctx.db.read() as tx:
        asked, newest = workspace.read(tx, ASKED_KEY), rates.last_good(tx)
    waited = now - datetime.fromisoformat(asked) if asked else _EVERY
    fresh = newest is not None and now - newest < _EVERY
    return None if fresh or waited < _AFTER_FAILURE else fetch(ctx, CLOCK)


def parse(text: str, today: date) -> list[_Rate]:
    """Rates of a fetched table. Raises BadInput when it is none of these shapes:

    CSV with currency, day, rate; JSON ``[{"currency", "day", "rate"}, …]``; JSON ``{"base": "EUR",
    "date": "2026-11-23", "rates": {"CNY": 7.8, "USD": 1.08, …}}``, units of each currency for one of the base.
    """
    text = text.lstrip("\ufeff").strip()
    if not text.startswith(("[", "{")):
        rows = csv.DictReader(io.StringIO(text))
        return _not_empty(_listed([{str(key).strip().lower(): value for key, value in row.items()} for row in rows]))
    try:
        data = json.loads(text, parse_float=Decimal)
    except json.JSONDecodeError as error:
        raise BadInput("The answer is neither JSON nor a CSV table of rates.") from error
    if isinstance(data, dict) and isinstance(data.get("rates"), dict):
        return _not_empty(_crossed(data, today))
    rows_given = data.get("rates", []) if isinstance(data, dict) else data
    return _not_empty(_listed([row for row in rows_given if isinstance(row, dict)]))


def _not_empty(found: Iterator[_Rate]) -> list[_Rate]:
    listed = list(found)
    if not listed:
        raise BadInput("The answer holds no rate that can be used.")
    return listed


def _listed(rows: Sequence[Mapping[str, Any]]) -> Iterator[_Rate]:
    for row in rows:
        if "currency" not in row or "rate" not in row or not (row.get("day") or row.get("date")):
            raise BadInput("A row of the table lacks currency, day or rate.")
        yield _rate(str(row["currency"]), _day(str(row.get("day") or row["date"])), str(row["rate"]))


def _crossed(data: Mapping[str, Any], today: date) -> Iterator[_Rate]:
    """Units for one of the base, turned into CNY for one unit of each."""
    base = str(data.get("base") or "").upper()
    units = {str(code).upper(): _decimal(value) for code, value in data["rates"].items()}
    units[base] = Decimal(1)
    if "CNY" not in units or not _CODE.fullmatch(base):
        raise BadInput("The table of rates names no CNY, or no base.")
    day = _day(str(data["date"])) if data.get("date") else today
    for unit, value in units.items():
        if unit != "CNY" and _CODE.fullmatch(unit) and value > 0:
            yield _rate(unit, day, _rounded(units["CNY"] / value))


def _rounded(value: Decimal) -> Decimal:
    """To ten digits that count."""
    return value.quantize(Decimal(1).scaleb(value.adjusted() - _DIGITS + 1))


# --- checking and storing ---


def _rate(currency: str, day: date, rate: str | Decimal) -> _Rate:
    code = currency.strip().upper()
    if not _CODE.fullmatch(code):
        raise BadInput(f"“{currency[:20]}” is not a currency code of three letters like USD.")
    if code == "CNY":
        raise BadInput("CNY is what rates are told in: its own rate is always 1.")
    value = _decimal(rate)
    if not 0 < value < _HIGHEST:
        raise BadInput(f"The rate “{str(rate)[:40]}” is not an amount of CNY for one {code} like 7.12.")
    return _Rate(code, day.isoformat(), f"{value.normalize():f}")


def _decimal(value: object) -> Decimal:
    if isinstance(value, float):
        raise BadInput("A rate is decimal text, never a float.")
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation as error:
        raise BadInput(f"“{str(value)[:40]}” is not a rate: write it like 7.12.") from error
    if not found.is_finite():
        raise BadInput(f"“{str(value)[:40]}” is not a rate: write it like 7.12.")
    return found


def _day(text: str) -> date:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise BadInput(f"“{text[:40]}” is not a day: write it like 2026-11-23.") from error
    return moment.astimezone(UTC).date() if moment.tzinfo else moment.date()


def _store(
    ctx: Context,
    actor: Actor,
    call: str,
    origin: str,
    found: Sequence[_Rate],
    rejects: Sequence[Mapping[str, Any]] = (),
) -> int:
    now = ctx.now()
    latest = {(each.currency, each.day): each.value for each in found}
    rows: list[dict[str, Any]] = [
        {"currency": currency, "day": day, "value": value, "origin": origin, "actor": actor.name, "at": now}
        for (currency, day), value in latest.items()
    ]
    with ctx.db.write() as tx:
        order_store.take_turn(tx)  # an import that looks a rate up meanwhile is over, or comes after
        params = {"rates": [[row["currency"], row["day"], row["value"]] for row in rows[:100]]}
        run_id = runs.create(tx, kind="rates", actor=actor.name, at=now, call=call, params=params, state="running")
        changed = rates.put(tx, rows)
        filled = rates.fill(tx, [row["currency"] for row in rows])
        runs.add_rejects(tx, run_id, rejects)
        figures = {"set": changed, "unchanged": len(rows) - changed, "rejected": len(rejects)}
        runs.finish(tx, run_id, at=now, out={"rates": figures, "lines": filled})
    return run_id
