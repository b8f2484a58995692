"""Parcels of an order, from its detail and from the logistics call, as one list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from autopurchase.domain.provider_order import Parcel
from autopurchase.providers.alibaba1688 import tables
from autopurchase.providers.alibaba1688.translate.scalars import aop_date, as_ids
from autopurchase.providers.lenient import as_dict, as_list, as_text

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """A parcel with the marketplace's id of it, which survives a changed waybill.

    ``counts`` is False where a signature cannot be seen: no carrier, or the leg abroad.
    """

    logistics_id: str
    parcel: Parcel
    counts: bool = True


def parcels(info: Document, shipments: Sequence[Document]) -> tuple[Found, ...]:
    """All parcels: those of the detail, brought up to date by the logistics call, and those abroad."""
    every = tuple(
        text
        for item in as_list(info.get("productItems"))
        if (text := as_text(item.get("subItemIDString")) or as_text(item.get("subItemID")))
    )
    base = as_dict(info.get("baseInfo"))
    whole = {as_text(base.get("idOfStr")) or as_text(base.get("id")), ""}
    native = as_dict(info.get("nativeLogistics"))
    found = [_native(item, every, whole) for item in as_list(native.get("logisticsItems"))]
    for shipment in shipments:
        found = _merged(found, _shipment(shipment, every, whole))
    return tuple(found) + _abroad(info, every)


def all_signed(found: Sequence[Found], line_id: str) -> bool:
    """Whether the line has parcels with a carrier and every one of them is signed for."""
    mine = [one.parcel for one in found if one.counts and line_id in one.parcel.provider_line_ids]
    return bool(mine) and all(parcel.state == "signed" for parcel in mine)


def _native(item: Document, every: tuple[str, ...], whole: set[str]) -> Found:
    number, condition = waybill(item.get("logisticsBillNo")), as_text(item.get("noLogisticsCondition"))
    none = as_text(item.get("type")) == "2" or not number
    words = f"no logistics: {tables.NO_LOGISTICS.get(condition, condition)}" if condition else ""
    parcel = Parcel(
        carrier=as_text(item.get("logisticsCompanyName")) or as_text(item.get("noLogisticsName")),
        number="" if none else number,
        state=tables.PARCELS.get(as_text(item.get("status")), "unknown"),
        raw_status=words or as_text(item.get("status")),
        shipped_at=aop_date(item.get("deliveredTime")),
        provider_line_ids=_lines(item.get("subItemIds"), every, whole),
    )
    return Found(as_text(item.get("logisticsCode")), parcel, counts=not none and not condition)


def _shipment(shipment: Document, every: tuple[str, ...], whole: set[str]) -> Found:
    number, word = waybill(shipment.get("logisticsBillNo")), as_text(shipment.get("status"))
    parcel = Parcel(
        carrier=as_text(shipment.get("logisticsCompanyName")),
        number=number,
        state=tables.PARCELS.get(word, "unknown"),
        raw_status=word,
        shipped_at=aop_date(shipment.get("gmtSystemSend")),
        provider_line_ids=_lines(shipment.get("orderEntryIds"), every, whole),
    )
    return Found(as_text(shipment.get("logisticsId")), parcel, counts=bool(number))


def _merged(found: list[Found], newer: Found) -> list[Found]:
    """``found`` with what the logistics call says of one parcel."""
    position = next((place for place, one in enumerate(found) if _same(one, newer)), None)
    if position is None:
        return [*found, newer]
    older = found[position]
    parcel = replace(
        newer.parcel,
        carrier=newer.parcel.carrier or older.parcel.carrier,
        number=(newer.parcel.number or older.parcel.number) if older.counts else older.parcel.number,
        raw_status=newer.parcel.raw_status or older.parcel.raw_status,
        shipped_at=older.parcel.shipped_at or newer.parcel.shipped_at,
        provider_line_ids=_union(older.parcel.provider_line_ids, newer.parcel.provider_line_ids),
    )
    merged = Found(older.logistics_id or newer.logistics_id, parcel, older.counts)
    return [*found[:position], merged, *found[position + 1 :]]


def _same(one: Found, other: Found) -> bool:
    if one.logistics_id and other.logistics_id:
        return one.logistics_id == other.logistics_id
    return bool(one.parcel.number) and one.parcel.number == other.parcel.number


def _union(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _lines(ids: object, every: tuple[str, ...], whole: set[str]) -> tuple[str, ...]:
    """Line ids of a parcel; the order's own number, or nothing, stands for all its lines."""
    named = as_ids(ids)
    return every if not named or set(named) <= whole else named


def _abroad(info: Document, every: tuple[str, ...]) -> tuple[Found, ...]:
    oversea = as_dict(info.get("overseaLogisticsInfo"))
    numbers = [number for number in map(waybill, as_ids(oversea.get("overseasLogisticsIds"))) if number]
    return tuple(
        Found("", Parcel(carrier="", number=number, raw_status="abroad", provider_line_ids=every), counts=False)
        for number in numbers
    )


def waybill(value: object) -> str:
    """A tracking number; the marketplace writes “no logistics needed” into the same field."""
    text = as_text(value)
    return "" if text == tables.NO_WAYBILL else text
