"""What a person changed of a line: their word wins over the shop's until it is taken back. Pure.

``line.amended``: ``ours`` and ``shop`` by column (the latter: what the shop says now), ``reason``, ``by`` and ``at``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from autopurchase.domain.mapping import OWN

#: columns that say which item is bought: they are changed together
ITEM = (*OWN, "reference_fen")
#: everything that can be changed
COLUMNS = (*ITEM, "configuration", "configuration_original", "unit_price_minor")


def over(row: Mapping[Any, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Columns as the shop or a mapping gives them, with what a person changed in their place.

    What is said of changed columns is kept beside; a sum follows a changed price.
    """
    amended = row["amended"]
    if amended is None:
        return dict(values)
    ours, shop = amended["ours"], amended["shop"]
    said = {name: values.get(name, shop[name]) for name in ours}
    found = {**values, **{name: value for name, value in ours.items() if name in values}}
    if "unit_price_minor" in ours and "quantity" in values:
        found["sum_minor"] = ours["unit_price_minor"] * values["quantity"]
    if said != shop:
        found["amended"] = {**amended, "shop": said}
    return found


def changed(row: Mapping[Any, Any], changes: Mapping[str, Any], note: Mapping[str, str]) -> dict[str, Any]:
    """Columns after a person's ``changes``, ``amended`` and the sum among them; ``note``: reason, by, at."""
    before = row["amended"] or {"ours": {}, "shop": {}}
    shop = {name: before["shop"].get(name, row[name]) for name in {**before["ours"], **changes}}
    ours = _differing({**before["ours"], **changes}, shop)
    amended = {"ours": ours, "shop": {name: shop[name] for name in ours}, **note} if ours else None
    return {**changes, **_sum(row, changes), "amended": amended}


def _differing(ours: Mapping[str, Any], shop: Mapping[str, Any]) -> dict[str, Any]:
    """What is not as the shop says; of an item everything, or its seller could become another item's."""
    found = {name for name, value in ours.items() if value != shop[name]}
    if found & set(ITEM):
        found |= set(ITEM) & set(ours)
    return {name: value for name, value in ours.items() if name in found}


def taken_back(row: Mapping[Any, Any], names: Iterable[str]) -> dict[str, Any]:
    """Columns when the shop's word counts again for ``names``."""
    amended = row["amended"]
    back = {name: amended["shop"][name] for name in names if name in amended["ours"]}
    ours = {name: value for name, value in amended["ours"].items() if name not in back}
    rest = {**amended, "ours": ours, "shop": {name: amended["shop"][name] for name in ours}} if ours else None
    return {**back, **_sum(row, back), "amended": rest}


def _sum(row: Mapping[Any, Any], changes: Mapping[str, Any]) -> dict[str, int]:
    price = changes.get("unit_price_minor")
    return {} if price is None else {"sum_minor": price * row["quantity"]}
