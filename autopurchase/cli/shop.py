"""Opening the workspace for one command, and reading what people type."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click

from autopurchase import demo, wiring
from autopurchase.api.workspace import ReadyFilters, Workspace, local_actor
from autopurchase.domain.errors import BadInput
from autopurchase.providers import PROVIDER_NAMES

_AGE = re.compile(r"(\d+)\s*(m|min|h|d)")
_UNITS = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days"}


@contextmanager
def opened(*, calls: bool = False) -> Iterator[Workspace]:
    """The workspace of the environment. ``calls``: a demo's marketplace must answer, for providers will be called."""
    with open_raw() as found:
        if calls:
            demo.attend(found)
        yield Workspace(found, local_actor())


@contextmanager
def open_raw() -> Iterator[wiring.Workspace]:
    """The workspace as the services know it."""
    found = wiring.open_workspace()
    try:
        yield found
    finally:
        found.close()


def read_json(path: str, what: str) -> dict[str, Any]:
    """The JSON object in a file, ``-`` is standard input. Raises BadInput; nothing of the content is repeated."""
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadInput(f"{path} cannot be read ({why}): give {what} as a JSON file.") from error
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadInput(f"{path} is not JSON (line {error.lineno}): {what} are one JSON object.") from error
    if not isinstance(found, dict):
        raise BadInput(f"{path} must hold one JSON object with {what}.")
    return found


def line_numbers(text: str) -> list[str]:
    """``53-1,53-2`` or one a line; ``#`` begins a comment."""
    kept = "\n".join(line.partition("#")[0] for line in text.splitlines())
    return [word for word in re.split(r"[\s,;]+", kept) if word]


def numbers_in_file(path: str) -> list[str]:
    """Line numbers from a text file, ``-`` is standard input. Raises BadInput."""
    try:
        return line_numbers(sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read: give a text file with one line number a line.") from error


def filter_options(command: Any) -> Any:
    """The options that say which ready lines are meant."""
    options = (
        click.option("--provider", default="", help=f"{PROVIDER_NAMES}."),
        click.option("--source", default="", help="Name of the source."),
        click.option("--seller", default="", help="Part of the seller's name, or its id."),
        click.option("--customer", default="", help="Part of the customer's name."),
        click.option("--order", default="", help="Part of the order number."),
        click.option("--cause", default="", help="Cause shown on the line."),
        click.option("--currency", default="", help="Currency of the line."),
        click.option("--text", default="", help="Part of number, title, item or configuration."),
        click.option("--older-than", default="", metavar="AGE", help="Ready for longer than this: 30min, 6h, 2d."),
        click.option("--max-price", default="", metavar="AMOUNT", help="Unit price, in the line's currency."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def filters(given: dict[str, Any], *, held: bool = False) -> ReadyFilters:
    """What `filter_options` collected. Raises BadInput."""
    found: ReadyFilters = {
        "held": held,
        "provider": given["provider"],
        "source": given["source"],
        "seller": given["seller"],
        "customer": given["customer"],
        "order": given["order"],
        "cause": given["cause"],
        "currency": given["currency"],
        "text": given["text"],
    }
    if given["older_than"]:
        found["older_than"] = _age(given["older_than"])
    if given["max_price"]:
        found["max_price"] = _amount(given["max_price"])
    return found


def _age(text: str) -> timedelta:
    match = _AGE.fullmatch(text.strip().lower())
    if not match:
        raise BadInput(f"“{text}” is not an age: write it like 30min, 6h or 2d.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _amount(text: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation as error:
        raise BadInput(f"“{text}” is not an amount: write it like 12.50.") from error
    if not found.is_finite():
        raise BadInput(f"“{text}” is not an amount: write it like 12.50.")
    return found
