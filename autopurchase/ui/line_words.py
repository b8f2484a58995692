"""What was done to a line by hand, in words: what differs in an order, what was changed, which parts it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autopurchase.ui.words import _

#: changed columns in people's words
NAMES = {
    "provider": "marketplace",
    "item_id": "item",
    "sku_id": "sku",
    "spec_id": "spec",
    "seller_name": "seller",
    "configuration": "configuration",
    "configuration_original": "configuration in Chinese",
    "unit_price_minor": "price in cents",
}


def differences(found: Sequence[Mapping[str, Any]]) -> str:
    """What differs between a line and what an order has."""
    words = {
        "item": _("another item"),
        "configuration": _("another configuration"),
        "quantity": _("{theirs} free, {ours} needed"),
        "price": _("CNY {theirs}, not {ours}"),
        "seller": _("seller {theirs}"),
        "payment": _("the customer has not paid or agreed"),
    }
    return "; ".join(words[one["what"]].format(ours=one["ours"], theirs=one["theirs"]) for one in found)


def of_event(data: Mapping[Any, Any]) -> list[str]:
    """What events of binding, splitting and changing say beside status, cause and reason."""
    found = []
    if data.get("split_from"):
        found.append(_("part of {line}").format(line=data["split_from"]))
    if data.get("parts"):
        found.append(", ".join(f"{number}: {count}" for number, count in data["parts"]))
    if data.get("joined"):
        found.append(_("joined: {lines}").format(lines=", ".join(data["joined"])))
    if data.get("difference"):
        found.append(differences(data["difference"]))
    if isinstance(data.get("after"), Mapping):
        found += [f"{_(NAMES[name])}: {_said(data['before'][name])} → {_said(value)}"
                  for name, value in data["after"].items() if name in NAMES]  # fmt: skip
    return found


def _said(value: Any) -> str:
    return str(value) if value not in (None, "") else "–"
