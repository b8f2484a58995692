"""The preview's answer -> Preview: what each of our lines would cost now, or why it cannot be bought."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from autopurchase.domain.money import Money
from autopurchase.domain.money import from_yuan as money_from_yuan
from autopurchase.domain.purchase import Preview, PreviewLine, Purchase
from autopurchase.providers.alibaba1688 import tables
from autopurchase.providers.alibaba1688.options import Options
from autopurchase.providers.alibaba1688.translate.asking import Group, groups
from autopurchase.providers.alibaba1688.translate.envelope import Fault, fault_of, require
from autopurchase.providers.alibaba1688.translate.scalars import as_number, from_fen, from_yuan
from autopurchase.providers.lenient import as_flag, as_list, as_text

Document = Mapping[str, Any]

_GUILTY = re.compile(r"商品\[([^\]_]+)(?:_([^\]]+))?\]")
_GOOD = frozenset({"", "0", "200"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a group of our lines cannot be bought."""

    cause: str
    text: str


def read(document: Document, raw: str, purchase: Purchase, options: Options) -> Preview:
    """The preview of ``purchase``. A refusal that names goods becomes causes of their lines; any other is raised."""
    models = as_list(document.get("orderPreviewResuslt"))  # sic
    fault = fault_of(document, bool(models))
    if fault is not None:
        return _refused(fault, raw, purchase, options)
    require(document, bool(models), options.rules, "preview", raw)
    lines = [line for group in groups(purchase) for line in _group_lines(group, models, options)]
    order = {line.number: place for place, line in enumerate(purchase.lines)}
    prepared, doubts = _prepared(models, options)
    return Preview(
        lines=tuple(sorted(lines, key=lambda line: order[line.number])),
        goods=_sum(models, "sumPaymentNoCarriage"),
        freight=_sum(models, "sumCarriage"),
        total=_sum(models, "sumPayment"),
        warnings=(*doubts, *_warnings(document, models)),
        prepared=prepared,
        raw=raw,
    )


def wants_other_flow(document: Document) -> bool:
    """Whether the refusal is “no consignment relation”, which another flow may not need."""
    fault = fault_of(document, bool(document.get("orderPreviewResuslt")))
    return fault is not None and fault.code == tables.OTHER_FLOW


# refusals of the whole call


def _refused(fault: Fault, raw: str, purchase: Purchase, options: Options) -> Preview:
    cause = options.rules.cause("preview", fault)
    guilty = _guilty(fault.text, groups(purchase))
    listed = ("preview", fault.code) in {**tables.CODES.exact, **options.rules.more}
    if cause in tables.NOT_OF_LINES or not (guilty or listed):
        raise options.rules.error("preview", fault, raw)
    at_fault: Sequence[Group] = guilty or groups(purchase)
    if fault.code == tables.SELLERS_OR_SPEC:
        at_fault, cause = _sellers_or_spec(groups(purchase), guilty)
    text = " ".join(part for part in (fault.code, fault.text) if part)
    numbers = {line.number for group in at_fault for line in group.lines}
    lines = (
        PreviewLine(line.number, cause=cause, text=text) if line.number in numbers else PreviewLine(line.number)
        for line in purchase.lines
    )
    return Preview(lines=tuple(lines), raw=raw)


def _sellers_or_spec(every: Sequence[Group], guilty: Sequence[Group]) -> tuple[Sequence[Group], str]:
    """“Several sellers, or a product without spec”: the latter when one of our lines has no spec."""
    bare = [group for group in every if not group.spec_id]
    return (bare, "sku_mismatch") if bare else (guilty or every, "mixed_sellers")


def _guilty(text: str, every: Sequence[Group]) -> list[Group]:
    """The groups named as ``商品[offer]`` or ``商品[offer_spec]``."""
    named = {(offer, spec) for offer, spec in _GUILTY.findall(text)}
    return [group for group in every if {(group.item_id, group.spec_id), (group.item_id, "")} & named]


# lines of a preview that succeeded


def _group_lines(group: Group, models: Sequence[Document], options: Options) -> list[PreviewLine]:
    found = _find(group, models)
    if found is None:
        text = "The preview does not mention this line."
        return [PreviewLine(line.number, cause="unknown_refusal", text=text) for line in group.lines]
    model, entry = found
    verdict = _verdict(model, entry, options)
    price, amounts = _prices(group, entry)
    return [
        PreviewLine(
            number=line.number,
            price=price,
            amount=amount,
            cause=verdict.cause if verdict else "",
            text=verdict.text if verdict else "",
        )
        for line, amount in zip(group.lines, amounts, strict=True)
    ]


def _find(group: Group, models: Sequence[Document]) -> tuple[Document, Document] | None:
    """The cargo entry of a group: same offer and spec, or the offer's only entry where a spec is not echoed."""
    entries = [(model, entry) for model in models for entry in as_list(model.get("cargoList"))]
    same = [pair for pair in entries if group.item_id in _offers(pair[1])]
    exact = [pair for pair in same if as_text(pair[1].get("specId")) == group.spec_id]
    if exact:
        return exact[0]
    alone = len(same) == 1 and not (group.spec_id and as_text(same[0][1].get("specId")))
    return same[0] if alone else None


def _offers(entry: Document) -> set[str]:
    return {as_text(entry.get("offerId")), as_text(entry.get("openOfferId"))} - {""}


def _verdict(model: Document, entry: Document, options: Options) -> Verdict | None:
    """Why an entry cannot be bought: its own words, its model's, or that no trade type allows ordering by API."""
    for part in (entry, model):
        fault = Fault(_bad_code(part), as_text(part.get("message")))
        if fault.code or as_flag(part.get("status")) is False:
            words = " ".join(word for word in (fault.code, fault.text) if word)
            return Verdict(options.rules.cause("preview", fault), words)
    if model.get("tradeModeNameList") == []:
        return Verdict("item_unavailable", "No trade type allows ordering this by API (tradeModeNameList is empty).")
    return None


def _bad_code(part: Document) -> str:
    code = as_text(part.get("resultCode"))
    return "" if code in _GOOD else code


def _prices(group: Group, entry: Document) -> tuple[Money | None, list[Money | None]]:
    """(unit price, line amounts). The amount of merged lines is shared by quantity; the last takes the rest."""
    amount, unit = from_yuan(entry.get("amount")), as_number(entry.get("finalUnitPrice"))
    if unit is None and amount is not None and group.quantity:
        unit = amount.decimal() / group.quantity
    price = None if unit is None else money_from_yuan(unit)
    if amount is None:
        return price, [None if unit is None else money_from_yuan(unit * line.quantity) for line in group.lines]
    return price, list(_shares(amount, [line.quantity for line in group.lines]))


def _shares(amount: Money, quantities: Sequence[int]) -> list[Money]:
    whole = max(1, sum(quantities))
    shares = [Money(amount.minor * quantity // whole, amount.currency) for quantity in quantities[:-1]]
    rest = amount.minor - sum(share.minor for share in shares)
    return [*shares, Money(rest, amount.currency)]


def _sum(models: Sequence[Document], key: str) -> Money | None:
    """Sum of a fen field over the models; None when one of them lacks it."""
    amounts = [from_fen(model.get(key)) for model in models]
    known = [amount for amount in amounts if amount is not None]
    return Money(sum(amount.minor for amount in known), "CNY") if len(known) == len(amounts) else None


# what goes back at create


def _prepared(models: Sequence[Document], options: Options) -> tuple[dict[str, str], list[str]]:
    """(flow and trade type to order with, doubts about them)."""
    flows = list(dict.fromkeys(flow for model in models if (flow := as_text(model.get("flowFlag")))))
    doubts = [f"The parts of this purchase want different flows: {', '.join(flows)}."] if len(flows) > 1 else []
    trade_type, doubt = _trade_type(models, options)
    prepared = {"flow": flows[0] if flows else options.flow, "trade_type": trade_type}
    return {key: value for key, value in prepared.items() if value}, doubts + doubt


def _trade_type(models: Sequence[Document], options: Options) -> tuple[str, list[str]]:
    """The preferred of the trade types every part allows. Left out, the platform might choose credit."""
    allowed = [_allowed(model) for model in models]
    common = [name for name in allowed[0] if all(name in names for names in allowed)]
    preferred = next((name for name in options.trade_types if name in common), "")
    if preferred:
        return preferred, []
    if common:
        return common[0], [f"None of the preferred trade types is allowed; {common[0]} will be used."]
    return next(iter(options.trade_types), ""), ["The preview names no trade type that fits the whole purchase."]


def _allowed(model: Document) -> list[str]:
    names = model.get("tradeModeNameList")
    described = as_list(model.get("tradeModelList"))
    closed = {as_text(one.get("tradeType")) for one in described if as_flag(one.get("opSupport")) is False}
    listed = names if isinstance(names, list) else [one.get("tradeType") for one in described]
    return [name for name in map(as_text, listed) if name and name not in closed]


# warnings


def _warnings(document: Document, models: Sequence[Document]) -> list[str]:
    found = []
    if len(models) > 1:
        found.append(f"The marketplace will split this purchase into {len(models)} orders; totals are their sum.")
    found += [words for model in models for words in (_sums(model), _cargo_sum(model), _channels(model)) if words]
    for key, words in (
        ("postFeeByDescOfferList", "Freight is by agreement with the seller and may change"),
        ("unsupportedCrossBorderPayOfferList", "Cannot be paid by Kuajingbao"),
    ):
        offers = document.get(key)
        if isinstance(offers, list) and offers:
            found.append(f"{words}: {', '.join(map(as_text, offers))}.")
    return found


def _sums(model: Document) -> str:
    """Goods and freight must make the total; both numbers are shown where they do not."""
    goods, freight = from_fen(model.get("sumPaymentNoCarriage")), from_fen(model.get("sumCarriage"))
    total = from_fen(model.get("sumPayment"))
    if goods is None or freight is None or total is None or goods + freight == total:
        return ""
    return f"Goods and freight make {goods + freight}, but the total is {total}."


def _cargo_sum(model: Document) -> str:
    """The lines must make the goods total, but for the discount."""
    goods, amounts = from_fen(model.get("sumPaymentNoCarriage")), _amounts(model)
    discount = abs(getattr(from_fen(model.get("discountFee")), "minor", 0))
    if goods is None or amounts is None or abs(amounts.minor - goods.minor) in (0, discount):
        return ""
    return f"The lines make {amounts}, but the goods total is {goods}."


def _amounts(model: Document) -> Money | None:
    found = [as_number(entry.get("amount")) for entry in as_list(model.get("cargoList"))]
    known = [amount for amount in found if amount is not None]
    return money_from_yuan(sum(known, Decimal(0))) if known and len(known) == len(found) else None


def _channels(model: Document) -> str:
    """Every payment channel has a limit below the sum."""
    total = from_fen(model.get("sumPayment"))
    limits = [from_fen(channel.get("amountLimit")) for channel in as_list(model.get("payChannelInfos"))]
    known = [limit for limit in limits if limit is not None]
    if total is None or not known or len(known) < len(limits) or any(total <= limit for limit in known):
        return ""
    highest = Money(max(limit.minor for limit in known), "CNY")
    return f"No payment channel allows {total}; the highest limit is {highest}."
