"""What an import of a source would do, shown before anything is stored: rows, counts, and what is in the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from autopurchase.domain.errors import BadInput
from autopurchase.domain.mapping import NEEDS_MAPPING, Target
from autopurchase.domain.money import Money
from autopurchase.domain.order import LineStatus, short_number
from autopurchase.domain.roles import Actor, Role
from autopurchase.domain.shop import Reject, ShopLine, ShopOrder, paid_in_full
from autopurchase.ports import Source
from autopurchase.services import import_rules as rules
from autopurchase.services.context import Context
from autopurchase.services.import_batch import check
from autopurchase.services.sources import FILE, open_kind, open_source
from autopurchase.storage import mappings, sources

#: orders and rejects looked at; a shop or file with more is counted as far as that
LOOK = 10_000
_PAGE = 100


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """A line as it would be imported. ``outlook``: ready, awaiting payment, or why it would not be bought."""

    number: str
    product_key: str
    title: str
    configuration: str
    configuration_original: str
    provider: str
    item_id: str
    sku: str
    ratio: int
    quantity: int
    unit_price: Money
    status: str
    outlook: str
    unclear: str
    item_url: str


@dataclass(frozen=True, slots=True)
class SourcePreview:
    """``rows``: the first lines; ``counts`` by what they are (see `sentence`); ``rejects``: position and reason.

    ``problems``: what the shop's check found; ``complete``: whether everything was looked at.
    """

    identity: str
    rows: tuple[PreviewRow, ...]
    counts: Mapping[str, int]
    rejects: tuple[Reject, ...]
    problems: tuple[str, ...]
    complete: bool

    @property
    def sentence(self) -> str:
        """``12 orders, 9 of them paid in full; 15 lines ready, 3 need mapping, 1 rejected``."""
        counts = self.counts
        more = "" if self.complete else f" (of the first {LOOK:,})"
        told = [f"{counts['ready']} lines ready", f"{counts['needs_mapping']} need mapping"]
        told += [f"{counts[name]} {name.replace('_', ' ')}" for name in ("awaiting_payment", "held", "over", "rejected")
                 if counts[name]]  # fmt: skip
        return f"{counts['orders']} orders{more}, {counts['paid']} of them paid in full; {', '.join(told)}"


@dataclass(slots=True)
class _Look:
    limit: int
    source_id: int | None
    rows: list[PreviewRow] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def preview(ctx: Context, actor: Actor, source: str | tuple[str, Mapping[str, Any]], limit: int = 20) -> SourcePreview:
    """Read a source by name, or one that is not stored yet as ``(kind, config)``, and store nothing.

    Raises BadInput, NotAllowed; Refused or NotSent when the shop cannot be read.
    """
    opened, source_id = _opened(ctx, actor, source)
    found = opened.check()
    look = _Look(max(0, limit), source_id)
    items = islice(opened.open_paid(_PAGE), LOOK + 1)
    seen = 0
    complete = True
    while part := list(islice(items, 500)):
        seen += len(part)
        complete = seen <= LOOK
        _take(ctx, look, part if complete else part[: len(part) - (seen - LOOK)])
    names = ("orders", "paid", "ready", NEEDS_MAPPING, "awaiting_payment", "held", "over", "rejected")
    counts = {name: look.counts[name] for name in names}
    return SourcePreview(found.identity, tuple(look.rows), counts, tuple(look.rejects), tuple(found.problems), complete)


def _opened(ctx: Context, actor: Actor, source: str | tuple[str, Mapping[str, Any]]) -> tuple[Source, int | None]:
    if isinstance(source, str):
        actor.require(Role.OPERATOR)
        with ctx.db.read() as tx:
            row = sources.by_name(tx, source)
        return open_source(ctx, row), int(row["id"])
    actor.require(Role.OPERATOR if source[0] == FILE else Role.ADMINISTRATOR)  # as importing or adding it does
    return open_kind(ctx, *source), None


def _take(ctx: Context, look: _Look, part: list[ShopOrder | Reject]) -> None:
    orders = [item for item in part if isinstance(item, ShopOrder)]
    with ctx.db.read() as tx:
        keys = {line.product_key for order in orders for line in order.lines}
        targets = mappings.targets(tx, look.source_id, keys)
    _reject(look, (item for item in part if isinstance(item, Reject)))
    for order in orders:
        try:
            check(order, ctx.providers, targets)
        except BadInput as error:
            _reject(look, [Reject(f"order {order.number}", error.sentence, {"external_id": order.external_id})])
            continue
        look.counts["orders"] += 1
        look.counts["paid"] += paid_in_full(order)
        for line in order.lines:
            _add(look, order, line, targets.get(line.product_key))


def _reject(look: _Look, rejects: Iterable[Reject]) -> None:
    for reject in rejects:
        look.counts["rejected"] += 1
        if len(look.rejects) < max(look.limit, 20):
            look.rejects.append(reject)


def _add(look: _Look, order: ShopOrder, line: ShopLine, mapped: Target | None) -> None:
    values = rules.line_values(line, mapped)
    status, outlook = _outlook(order, line, values["item_id"] != "")
    look.counts[outlook if outlook in ("ready", NEEDS_MAPPING, "awaiting_payment", "over") else "held"] += 1
    if len(look.rows) < look.limit:
        look.rows.append(
            PreviewRow(
                number=short_number(order.number, line.line_no),
                unit_price=line.unit_price,
                status=status,
                outlook=outlook,
                sku=values["sku_id"] or values["spec_id"],
                **{name: values[name] for name in _SHOWN},
            )
        )


_SHOWN = (
    "product_key", "title", "configuration", "configuration_original", "provider", "item_id", "ratio", "quantity",
    "unclear", "item_url",
)  # fmt: skip


def _outlook(order: ShopOrder, line: ShopLine, known_item: bool) -> tuple[str, str]:
    """Status, and what stands between the line and being bought; ``over``: nothing is left to buy."""
    word = rules.word_on(order, line)
    held = next((data["cause"] for kind, data in rules.first_events(line, word, known_item) if kind == "held"), "")
    if held:
        return word.status.value, str(held)
    if word.status is LineStatus.PAID and line.open_quantity:
        return word.status.value, "ready"
    return word.status.value, "awaiting_payment" if word.status is LineStatus.AWAITING_PAYMENT else "over"
