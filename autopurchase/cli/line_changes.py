"""``line split``, ``join``, ``change``, ``answer``, ``comment``: what is done to single lines."""

from __future__ import annotations

from typing import Any

import click

from autopurchase.api.runs import Run
from autopurchase.cli.output import DONE, json_option, show
from autopurchase.cli.shop import line_numbers, opened
from autopurchase.providers import PROVIDER_NAMES


@click.command("split")
@click.argument("number")
@click.option("--parts", required=True, metavar="3,2", help="Pieces of each part; together what is still to be bought.")
@json_option
def split(number: str, parts: str, as_json: bool) -> int:
    """Split line NUMBER into parts that are bought apart; the first keeps the number."""
    words = line_numbers(parts)
    if not all(word.isascii() and word.isdigit() for word in words):
        raise click.UsageError("Write the parts as whole numbers: --parts 3,2.")
    with opened() as shop:
        ((_, made),) = shop.split({number: [int(word) for word in words]}).items()
    show({"parts": made}, as_json, f"{number} is now {', '.join(made)}.")
    return DONE


@click.command("join")
@click.argument("number")
@json_option
def join(number: str, as_json: bool) -> int:
    """Join the parts of the split line NUMBER again; only while nobody touched them."""
    with opened() as shop:
        return _done(shop.join(number), as_json)


@click.command("change")
@click.argument("number")
@click.option("--reason", default="", help="Why; needed.")
@click.option("--provider", default="", help=f"{PROVIDER_NAMES}.")
@click.option("--item", "item_id", default="", help="Id of another item.")
@click.option("--sku", "sku_id", default="", help="Configuration at Taobao.")
@click.option("--spec", "spec_id", default="", help="Configuration at 1688.")
@click.option("--seller-id", default="")
@click.option("--seller-name", default="")
@click.option("--item-url", default="", metavar="URL")
@click.option("--configuration", default=None, help="In the customer's words.")
@click.option("--configuration-original", default=None, help="In the marketplace's words.")
@click.option("--price", default="", metavar="AMOUNT", help="Unit price to the customer, in the line's currency.")
@click.option("--ask-customer", is_flag=True, help="The customer must agree first: status Price confirmation.")
@click.option("--take-back", is_flag=True, help="The shop's word counts again for everything that was changed.")
@json_option
def change(number: str, take_back: bool, as_json: bool, **given: Any) -> int:
    """Change what is bought of line NUMBER; it wins over later imports until it is taken back."""
    with opened() as shop:
        if take_back:
            return _done(shop.take_back(number, given["reason"]), as_json)
        kept = {name: value for name, value in given.items() if value or name == "reason"}
        return _done(shop.amend(number, **kept), as_json)


@click.command("answer")
@click.argument("numbers", nargs=-1, required=True)
@click.option("--agreed/--declined", "agreed", default=None, help="What the customer said.")
@click.option("--reason", default="", help="In the customer's words.")
@json_option
def answer(numbers: tuple[str, ...], agreed: bool | None, reason: str, as_json: bool) -> int:
    """Say what customers answered for lines NUMBERS… in Price confirmation: back to Paid, or cancelled."""
    if agreed is None:
        raise click.UsageError("Say --agreed or --declined.")
    with opened() as shop:
        return _done(shop.customer_answered(line_numbers(" ".join(numbers)), agreed=agreed, reason=reason), as_json)


@click.command("comment")
@click.argument("number")
@click.argument("text")
@json_option
def comment(number: str, text: str, as_json: bool) -> int:
    """Set the operators' comment of line NUMBER; an empty TEXT removes it."""
    with opened() as shop:
        shop.comment(number, text)
    show({"line": number, "comment": text}, as_json, f"{number}: commented.")
    return DONE


def _done(run: Run, as_json: bool) -> int:
    document = {"run": run.number, "state": run.state, **run.out}
    show(document, as_json, f"Run {run.number}: {run.out.get('lines', 0)} lines changed.")
    return DONE


commands: tuple[Any, ...] = (split, join, change, answer, comment)
