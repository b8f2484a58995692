"""``session …`` and ``source …``: connecting purchasing accounts and shops."""

from __future__ import annotations

import secrets
import sys
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qs, urlsplit

import click

from autopurchase.api.rows import session_row
from autopurchase.api.workspace import local_actor
from autopurchase.cli.output import DONE, REFUSALS, aligned, json_option, note, show
from autopurchase.cli.shop import open_raw, opened, read_json
from autopurchase.demo import attend
from autopurchase.domain.errors import BadInput
from autopurchase.providers import PROVIDER_NAMES
from autopurchase.services import sessions, source_preview, sources

_SESSION = ("name", "provider", "state", "health", "grade", "account", "used_today", "daily_cap", "synced_at")
_SOURCE = ("name", "kind", "enabled", "write_back", "imported_at", "error")
_PREVIEW = ("number", "product_key", "title", "provider", "item_id", "ratio", "quantity", "unit_price", "outlook")
_REDIRECT = "http://127.0.0.1:8501/sessions"


@click.group()
def session() -> None:
    """Purchasing accounts at providers."""


@session.command()
@click.option("--provider", required=True, help=f"{PROVIDER_NAMES}.")
@click.option("--name", required=True, help="What you call it, for example main.")
@click.option("--credentials", required=True, metavar="FILE.json", help="App key, secret, tokens; - is standard input.")
@click.option("--base-url", default="", metavar="URL", help="Origin of the provider, when it is not the usual one.")
@json_option
def add(provider: str, name: str, credentials: str, base_url: str, as_json: bool) -> int:
    """Add a session from a credentials file."""
    given = read_json(credentials, "the credentials")
    with open_raw() as found:
        sessions.add(found.context, local_actor(), provider=provider, name=name, credentials=given, base_url=base_url)
        view = sessions.read(found.context, local_actor(), name.strip())
    told = f"Session {view.name} is added at {view.label} ({view.base_url}). Check it: session check {view.name}"
    show({"session": session_row(view)}, as_json, told)
    return DONE


@session.command("list")
@json_option
def list_sessions(as_json: bool) -> int:
    """All sessions with their health."""
    with opened() as shop:
        table = shop.sessions()
    show({"sessions": table}, as_json, aligned(table.rows, _SESSION) or "There is no session yet: session add …")
    return DONE


@session.command()
@click.argument("name")
@json_option
def check(name: str, as_json: bool) -> int:
    """Ask the provider who we are there."""
    with open_raw() as found:
        attend(found)
        account = sessions.check(found.context, local_actor(), name)
    document = {"session": name, "ok": True, "login": account.login, "account_id": account.account_id}
    rows = [{"what": key, "is": value} for key, value in account.details.items()]
    told = f"Session {name} is well: {account.login or account.account_id or 'the provider accepts it'}."
    show({**document, "details": dict(account.details)}, as_json, told, aligned(rows, ("what", "is")))
    return DONE


@session.command()
@click.argument("name")
@click.option("--code", default="", help="The code that came back, or the whole address the browser was sent to.")
@click.option("--redirect-uri", default=_REDIRECT, show_default=True, help="As registered with the app.")
@json_option
def authorize(name: str, code: str, redirect_uri: str, as_json: bool) -> int:
    """Authorise a session: open the printed page, allow, and give the code that comes back."""
    with open_raw() as found:
        attend(found)
        if not code:
            url = sessions.authorize_url(found.context, local_actor(), name, redirect_uri, secrets.token_urlsafe(16))
            if as_json or not sys.stdin.isatty():
                again = f"Then: session authorize {name} --code CODE --redirect-uri {redirect_uri}"
                show({"session": name, "url": url}, as_json, f"Open this page and allow the app:\n{url}\n{again}")
                return DONE
            note(f"Open this page and allow the app:\n{url}")
            code = click.prompt("Code, or the address you were sent to", err=True)
        sessions.finish_authorisation(found.context, local_actor(), name, _code(code), redirect_uri)
    show({"session": name, "authorised": True}, as_json, f"Session {name} is authorised.")
    return DONE


def _code(given: str) -> str:
    """The code itself, also from the address in which it came."""
    if "://" not in given:
        return given.strip()
    found = parse_qs(urlsplit(given.strip()).query).get("code", [])
    if not found:
        raise BadInput("That address holds no code: copy the whole address the browser was sent to.")
    return found[0]


@session.command()
@click.argument("name")
@json_option
def disable(name: str, as_json: bool) -> int:
    """Switch a session off."""
    with open_raw() as found:
        sessions.disable(found.context, local_actor(), name)
    show({"session": name, "state": "disabled"}, as_json, f"Session {name} is switched off.")
    return DONE


@session.command()
@click.argument("name")
@json_option
def enable(name: str, as_json: bool) -> int:
    """Switch a session on again."""
    with open_raw() as found:
        sessions.enable(found.context, local_actor(), name)
    show({"session": name, "state": "active"}, as_json, f"Session {name} is switched on.")
    return DONE


@click.group()
def source() -> None:
    """Shops that paid orders come from."""


@source.command("add")
@click.option("--kind", required=True, help="vendure or file.")
@click.option("--name", required=True, help="What you call it, for example shop.")
@click.option("--config", required=True, metavar="FILE.json", help="Its settings; - is standard input.")
@json_option
def add_source(kind: str, name: str, config: str, as_json: bool) -> int:
    """Add a source from a configuration file."""
    given = read_json(config, "the settings")
    with open_raw() as found:
        sources.add(found.context, local_actor(), kind=kind, name=name, config=given)
    told = f"Source {name} is added. Check it: source check {name}"
    show({"source": name, "kind": kind}, as_json, told)
    return DONE


@source.command("list")
@json_option
def list_sources(as_json: bool) -> int:
    """All sources."""
    with open_raw() as found:
        rows: list[dict[str, Any]] = [asdict(view) for view in sources.listing(found.context, local_actor())]
    show({"sources": rows}, as_json, aligned(rows, _SOURCE) or "There is no source yet: source add …")
    return DONE


@source.command("check")
@click.argument("name")
@json_option
def check_source(name: str, as_json: bool) -> int:
    """Ask the shop who we are there and what is missing."""
    with open_raw() as found:
        result = sources.check(found.context, local_actor(), name)
    paid = "" if result.open_paid is None else f" It holds {result.open_paid} open paid orders."
    told = f"Source {name} ({result.identity}) is {'well' if result.ok else 'not usable yet'}.{paid}"
    document = {**asdict(result), "source": name, "details": dict(result.details)}
    show(document, as_json, told, *(f"- {problem}" for problem in result.problems))
    return DONE if result.ok else REFUSALS


@source.command("preview")
@click.argument("name")
@click.option("--limit", type=click.IntRange(0, 1000), default=20, show_default=True, help="Lines shown.")
@json_option
def preview_source(name: str, limit: int, as_json: bool) -> int:
    """Show what an import of a source would bring; nothing is stored."""
    with open_raw() as found:
        seen = source_preview.preview(found.context, local_actor(), name, limit)
    rejects = [f"  {each.position}: {each.reason}" for each in seen.rejects]
    rows: list[dict[str, Any]] = [asdict(row) | {"unit_price": row.unit_price} for row in seen.rows]
    document = {"source": name, "sentence": seen.sentence, **asdict(seen), "rows": rows}
    told = (aligned(rows, _PREVIEW), f"{name}: {seen.sentence}.", *(f"- {problem}" for problem in seen.problems))
    show(document, as_json, *told, *rejects)
    return REFUSALS if seen.rejects or seen.problems else DONE


@source.command("set")
@click.argument("name")
@click.option("--config", default="", metavar="FILE.json", help="Settings to change; what is not in it stays.")
@click.option("--every", type=click.IntRange(1, 1440), default=None, metavar="MINUTES", help="Import this often.")
@json_option
def set_source(name: str, config: str, every: int | None, as_json: bool) -> int:
    """Change a source's settings or how often it is imported."""
    if not config and every is None:
        raise click.UsageError("Say what to change: --config or --every.")
    with open_raw() as found:
        if config:
            given = {key: str(value) for key, value in read_json(config, "the settings").items()}
            sources.change_settings(found.context, local_actor(), name, given)
        if every is not None:
            sources.set_interval(found.context, local_actor(), name, every)
    show({"source": name, "changed": True}, as_json, f"Source {name} is changed. Check it: source check {name}")
    return DONE


@source.command("enable")
@click.argument("name")
@json_option
def enable_source(name: str, as_json: bool) -> int:
    """Import from a source again."""
    with open_raw() as found:
        sources.enable(found.context, local_actor(), name)
    show({"source": name, "enabled": True}, as_json, f"Source {name} is imported again.")
    return DONE


@source.command("disable")
@click.argument("name")
@json_option
def disable_source(name: str, as_json: bool) -> int:
    """Import no more from a source; its orders stay."""
    with open_raw() as found:
        sources.disable(found.context, local_actor(), name)
    show({"source": name, "enabled": False}, as_json, f"Source {name} is imported no more.")
    return DONE


@source.command("write-back")
@click.argument("name")
@click.argument("how", type=click.Choice(["on", "off", "dry-run"]))
@json_option
def write_back(name: str, how: str, as_json: bool) -> int:
    """Tell the shop what was bought, tell it nothing, or only note what it would be told."""
    with open_raw() as found:
        sources.set_write_back(found.context, local_actor(), name, how != "off")
        sources.set_dry_run(found.context, local_actor(), name, how == "dry-run")
    show({"source": name, "write_back": how}, as_json, f"Write-back to {name}: {how}.")
    return DONE
