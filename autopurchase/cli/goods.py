"""``mapping …``, ``rates …``: what is bought for a shop's products, and what its prices are worth in CNY."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import click

from autopurchase.api.workspace import local_actor
from autopurchase.cli.output import DONE, REFUSALS, aligned, json_option, show
from autopurchase.cli.shop import open_raw
from autopurchase.domain.errors import BadInput
from autopurchase.domain.mapping import Target
from autopurchase.providers import PROVIDER_NAMES
from autopurchase.services import mapping as mappings
from autopurchase.services import rates as exchange
from autopurchase.services.context import Context
from autopurchase.storage import runs
from autopurchase.storage.database import Row

_MAPPED = ("source", "product_key", "title", "provider", "item_id", "sku", "ratio", "seller_name")
_WAITING = ("source", "product_key", "title", "configuration", "lines", "pieces", "unclear")
_RATES = ("currency", "day", "rate", "origin", "actor")
_MOST_SHOWN = 200


@click.group()
def mapping() -> None:
    """What to buy for a shop's products."""


@mapping.command("list")
@click.option("--source", default="", help="Only those of this source.")
@click.option("--text", default="", help="Part of the product's id or title.")
@click.option("--waiting", is_flag=True, help="Products whose lines wait for a mapping, instead.")
@json_option
def list_mappings(source: str, text: str, waiting: bool, as_json: bool) -> int:
    """Mappings, or the products that wait for one."""
    with open_raw() as found:
        if waiting:
            products = [asdict(each) for each in mappings.waiting(found.context, local_actor(), source=source)]
            told = aligned(products, _WAITING, most=_MOST_SHOWN) or "No line waits for a mapping."
            show({"waiting": products}, as_json, told)
            return DONE
        views = mappings.listing(found.context, local_actor(), source=source, text=text, limit=100_000)
    rows: list[dict[str, Any]] = [{**asdict(view), **asdict(view.target)} for view in views]
    for row in rows:
        del row["target"]
    shown = [{**row, "sku": row["sku_id"] or row["spec_id"]} for row in rows]
    show({"mappings": rows}, as_json, aligned(shown, _MAPPED, most=_MOST_SHOWN) or "There is no mapping yet.")
    return DONE


@mapping.command("set")
@click.argument("product_key")
@click.option("--source", default="", help="Of this source; without it, of every source.")
@click.option("--provider", default="", help=f"{PROVIDER_NAMES}.")
@click.option("--item", "item_id", default="", help="Id of the item there.")
@click.option("--sku", "sku_id", default="", help="Configuration at Taobao.")
@click.option("--spec", "spec_id", default="", help="Configuration at 1688.")
@click.option("--ratio", type=click.IntRange(1), default=1, show_default=True, help="Pieces bought for one sold.")
@click.option("--seller-id", default="")
@click.option("--seller-name", default="")
@click.option("--item-url", default="", metavar="URL", help="Link to the item, for people.")
@click.option("--remove", is_flag=True, help="Forget the mapping: the source's own word counts again.")
@json_option
def set_mapping(product_key: str, source: str, remove: bool, as_json: bool, **target: Any) -> int:
    """Say what is bought for PRODUCT_KEY, the shop's id of a product; lines that wait for it become ready."""
    with open_raw() as found:
        if remove:
            number = mappings.remove(found.context, local_actor(), source, product_key)
        else:
            number = mappings.set(found.context, local_actor(), source, product_key, Target(**target))
        return _changed(found.context, number, "mappings", as_json)


@mapping.command("import")
@click.argument("file")
@click.option("--encoding", default="", help="Of CSV; empty means UTF-8.")
@json_option
def import_mappings(file: str, encoding: str, as_json: bool) -> int:
    """Take mappings from FILE (.csv, .xlsx): product_key, provider, item_id, and what `mapping export` writes."""
    with open_raw() as found:
        number = mappings.import_file(found.context, local_actor(), _path(file), encoding=encoding)
        return _changed(found.context, number, "mappings", as_json)


@mapping.command("export")
@click.argument("file")
@json_option
def export_mappings(file: str, as_json: bool) -> int:
    """Write every mapping to FILE (.csv or .xlsx)."""
    path = _path(file)
    with open_raw() as found:
        content = mappings.export(found.context, local_actor(), path.suffix.lower().removeprefix("."))
    try:
        path.write_bytes(content)
    except OSError as error:
        raise BadInput(f"{path} cannot be written ({error.strerror}).") from error
    show({"file": str(path), "bytes": len(content)}, as_json, f"{path} holds the mappings.")
    return DONE


@click.group()
def rates() -> None:
    """Exchange rates: CNY for one unit of a currency, by day."""


@rates.command("list")
@click.option("--currency", default="", help="Only this one.")
@json_option
def list_rates(currency: str, as_json: bool) -> int:
    """Rates, newest day first."""
    with open_raw() as found:
        rows = [asdict(view) for view in exchange.listing(found.context, local_actor(), currency)]
        address = exchange.address(found.context)
    told = f"Fetched daily from {address}." if address else ""
    show({"rates": rows, "fetched_from": address}, as_json, aligned(rows, _RATES) or "There is no rate yet.", told)
    return DONE


@rates.command("set")
@click.argument("currency")
@click.argument("rate")
@click.option("--day", default="", metavar="YYYY-MM-DD", help="From this day on; today without it.")
@json_option
def set_rate(currency: str, rate: str, day: str, as_json: bool) -> int:
    """One unit of CURRENCY is RATE CNY: rates set USD 7.12."""
    with open_raw() as found:
        number = exchange.set(found.context, local_actor(), currency, rate, _day(day) if day else None)
        return _changed(found.context, number, "rates", as_json)


@rates.command("import")
@click.argument("file")
@click.option("--encoding", default="", help="Of CSV; empty means UTF-8.")
@json_option
def import_rates(file: str, encoding: str, as_json: bool) -> int:
    """Take rates from FILE (.csv, .xlsx) with the columns currency, day, rate."""
    with open_raw() as found:
        number = exchange.import_file(found.context, local_actor(), _path(file), encoding=encoding)
        return _changed(found.context, number, "rates", as_json)


@rates.command("fetch")
@click.option("--url", default=None, help="Fetch from here, now and daily; empty: never again.")
@json_option
def fetch_rates(url: str | None, as_json: bool) -> int:
    """Fetch today's rates from the configured address (a daily table in CSV or JSON)."""
    with open_raw() as found:
        if url is not None:
            exchange.configure(found.context, local_actor(), url)
            if not url.strip():
                show({"fetched_from": ""}, as_json, "Rates are fetched no more.")
                return DONE
        return _changed(found.context, exchange.fetch(found.context, local_actor()), "rates", as_json)


def _path(file: str) -> Path:
    return Path(file).expanduser().resolve()


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"“{text}” is not a day: write it like 2026-11-23.") from error


def _changed(ctx: Context, number: int, what: str, as_json: bool) -> int:
    """Say what a run changed; exit 1 when rows were rejected or an address did not answer."""
    with ctx.db.read() as tx:
        run = runs.get(tx, number)
        rejects = [{"position": row["position"], "reason": row["reason"]} for row in runs.rejects(tx, number)]
    document = {"run": number, "state": run["state"], **run["out"], "rejects": rejects}
    if run["error"]:
        document["error"] = {"sentence": run["error"], "cause": "rates_not_fetched"}
    show(document, as_json, _told(run, what), *(f"  {each['position']}: {each['reason']}" for each in rejects))
    return REFUSALS if rejects or run["error"] else DONE


def _told(run: Row, what: str) -> str:
    if run["error"]:
        return f"Run {run['id']}: {run['error']}"
    counts = run["out"][what]
    lines = run["out"]["lines"]
    touched = f"{lines} lines got a rate" if isinstance(lines, int) else f"{lines['freed']} waiting lines are ready"
    return f"Run {run['id']}: {counts['set']} {what} set, {counts['unchanged']} unchanged; {touched}."


commands: tuple[Any, ...] = (mapping, rates)
