"""``conformance``: the checks a provider must pass, and the grade it earned."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click

from autopurchase.cli.output import DONE, REFUSALS, json_option, note, plain, show
from autopurchase.cli.shop import read_json
from autopurchase.conformance.report import Check, Report
from autopurchase.domain.errors import BadInput, ConnectFailed
from autopurchase.domain.purchase import Purchase, PurchaseLine
from autopurchase.domain.session import Address, Tokens
from autopurchase.providers import PROVIDER_NAMES, PROVIDERS
from autopurchase.sandbox import SandboxError

_SIGNS = {"passed": "✓", "failed": "✗", "not earned": "–", "not testable": "·"}


@click.command()
@click.option("--provider", required=True, help=f"{PROVIDER_NAMES}.")
@click.option("--base-url", default="", metavar="URL", help="Origin to examine at; none: a new practice marketplace.")
@click.option("--credentials", default="", metavar="FILE.json", help="As for session add; not at a practice one.")
@click.option("--item", default="", metavar="ID[:SKU[:SPEC]]", help="Something on sale there, for the preview.")
@click.option("--seller", default="", help="The item's seller.")
@click.option("--quantity", type=click.IntRange(1), default=1, show_default=True, help="How many of it.")
@click.option("--place", is_flag=True, help="Place one unpaid order of the item there, and cancel it.")
@click.option("--out", default="", metavar="FILE", help="Keep the report: .json for programs, else as text.")
@json_option
def conformance(
    provider: str,
    base_url: str,
    credentials: str,
    item: str,
    seller: str,
    quantity: int,
    place: bool,
    out: str,
    as_json: bool,
) -> int:
    """Examine a provider: every check with what was seen, and the grade earned.

    At a practice marketplace everything is tested on accounts made for it. Anywhere else nothing is placed without
    --place, faults are not testable, and the report says so. Ends with 1 when a check failed, or more is claimed than
    earned.
    """
    from autopurchase.conformance.run import examine  # brings pytest along, which no other command needs

    if provider not in PROVIDERS:
        raise BadInput(f"There is no provider “{provider}”. There are: {PROVIDER_NAMES}.")
    if place and not item:
        raise BadInput("Say what to order: --item.")
    if credentials == "-":
        raise BadInput("Give the credentials as a file: renewed tokens are put into it.")
    given = read_json(credentials, "the credentials") if credentials else None
    try:
        report, tokens = examine(
            PROVIDERS[provider],
            base_url=base_url,
            credentials=given,
            wanted=_wanted(item, seller, quantity),
            place=place,
            told=lambda check: None if as_json else note(_line(check)),
        )
    except SandboxError as error:
        raise ConnectFailed(f"The practice marketplace could not be used: {error}") from error
    if tokens is not None:
        _keep_tokens(credentials, given or {}, tokens)
    text = _text(report)
    if out:
        kept = json.dumps(report.as_json(), ensure_ascii=False, indent=2) if out.endswith(".json") else text
        Path(out).write_text(f"{kept}\n", encoding="utf-8")
    show(report.as_json(), as_json, *_end(report))
    return DONE if report.ok else REFUSALS


def _wanted(item: str, seller: str, quantity: int) -> Purchase | None:
    if not item:
        return None
    item_id, sku_id, spec_id = [*item.split(":"), "", ""][:3]
    return Purchase(seller, Address(), (PurchaseLine("1-1", item_id, quantity, sku_id=sku_id, spec_id=spec_id),))


def _line(check: Check) -> str:
    calls = f" ({check.calls} calls)" if check.calls else ""
    return f"{_SIGNS[check.outcome]} {check.subject}: {check.name}{calls} — {check.seen or check.outcome}"


def _end(report: Report) -> list[str]:
    left = ", ".join(report.orders_left)
    bad = [_line(check) for check in report.checks if check.outcome == "failed"]
    where = report.base_url or "a practice marketplace started for it"
    time = f"{report.calls} calls in {report.seconds:.0f} s at {where}."
    return [*bad, report.sentence, time, f"Unpaid orders left there: {left}. Cancel them on its site." if left else ""]


def _text(report: Report) -> str:
    return "\n".join(filter(None, (*map(_line, report.checks), "", *_end(report))))


def _keep_tokens(file: str, given: dict[str, Any], tokens: Tokens) -> None:
    """Put renewed tokens into the credentials file: the old ones may be dead."""
    renewed = {name: getattr(tokens, name) for name in Tokens.__slots__}
    values = {**given, **{name: value for name, value in renewed.items() if value}}
    new = Path(f"{file}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as output:
        json.dump(values, output, ensure_ascii=False, indent=2, default=plain)
    new.replace(file)
    note(f"The tokens were renewed: {file} holds the new ones. A session that uses the old ones may need them.")
