"""What we ask -> the parameters of the calls. All values are text; objects and lists are JSON text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from autopurchase.domain.purchase import Purchase, PurchaseLine
from autopurchase.domain.session import Address
from autopurchase.providers.alibaba1688.options import Options
from autopurchase.providers.alibaba1688.translate.scalars import as_json, id_list, to_aop_date, wire_id

LONGEST_MESSAGE = 500  # characters, of the note to the seller and of a cancel's remark
CANCEL_REASONS = ("buyerCancel", "sellerGoodsLack", "other")

Params = dict[str, str]


@dataclass(frozen=True, slots=True)
class Group:
    """Our lines that are one line to the marketplace: same offer and spec, quantities added."""

    item_id: str
    spec_id: str
    lines: tuple[PurchaseLine, ...]

    @property
    def quantity(self) -> int:
        """Pieces of all its lines."""
        return sum(line.quantity for line in self.lines)


def groups(purchase: Purchase) -> tuple[Group, ...]:
    """The purchase's lines by (offer, spec), in the order of their first line."""
    found: dict[tuple[str, str], list[PurchaseLine]] = {}
    for line in purchase.lines:
        found.setdefault((line.item_id, line.spec_id), []).append(line)
    return tuple(Group(item, spec, tuple(lines)) for (item, spec), lines in found.items())


def preview(purchase: Purchase, options: Options, flow: str) -> Params:
    """Parameters of the preview; an empty ``flow`` lets the platform choose the best."""
    asked = {
        "addressParam": address(purchase.ship_to, options),
        "cargoParamList": cargo(purchase),
        "isvBizType": options.isv_biz_type,
        "flow": flow,
    }
    return {key: value for key, value in asked.items() if value}


def create(purchase: Purchase, reference: str, options: Options) -> Params:
    """Parameters of either create call: the flow and trade type of the preview, our reference always."""
    asked = {
        "flow": purchase.prepared.get("flow") or options.flow or "general",
        "addressParam": address(purchase.ship_to, options),
        "cargoParamList": cargo(purchase),
        "tradeType": purchase.prepared.get("trade_type") or next(iter(options.trade_types), ""),
        "outOrderId": reference,
        "message": message(purchase),
        "isvBizType": options.isv_biz_type,
    }
    return {key: value for key, value in asked.items() if value}


def cargo(purchase: Purchase) -> str:
    """``cargoParamList``: one entry an (offer, spec); an encrypted offer id goes under its own key."""
    return as_json([_cargo(group) for group in groups(purchase)])


def _cargo(group: Group) -> dict[str, object]:
    offer = wire_id(group.item_id)
    entry: dict[str, object] = {"offerId" if isinstance(offer, int) else "openOfferId": offer}
    if group.spec_id:
        entry["specId"] = group.spec_id
    return {**entry, "quantity": group.quantity}


def address(to: Address, options: Options) -> str:
    """``addressParam`` in one of its three exclusive forms: a saved address, a district code, or plain words."""
    if options.address_id:
        return as_json({"addressId": int(options.address_id)})
    phone = "".join(sign for sign in to.phone if sign in "0123456789-")
    person = {
        "fullName": to.name,
        "mobile": to.mobile_phone or phone,
        "phone": phone,
        "postCode": to.zip or "000000",
        "address": to.address,
    }
    if options.district_code:
        return as_json({**person, "districtCode": options.district_code})
    area = {"provinceText": to.state, "cityText": to.city, "areaText": to.district, "townText": ""}
    return as_json({**person, **area})


def message(purchase: Purchase) -> str:
    """The note to the seller: the purchase's remark and its lines' remarks, each once."""
    remarks = (purchase.remark, *(line.remark for line in purchase.lines))
    return "\n".join(dict.fromkeys(text.strip() for text in remarks if text.strip()))[:LONGEST_MESSAGE]


def item(item_id: str) -> Params:
    """Parameters of the item lookup."""
    return {"offerDetailParam": as_json({"offerId": wire_id(item_id), "country": "en"})}


def cancel(provider_order_id: str, reason: str) -> Params:
    """Parameters of a cancel: a coded reason as such, any other words as the remark."""
    coded = reason if reason in CANCEL_REASONS else "buyerCancel"
    remark = "" if coded == reason else reason.strip()[:LONGEST_MESSAGE]
    asked = {"webSite": "1688", "tradeID": provider_order_id, "cancelReason": coded, "remark": remark}
    return {key: value for key, value in asked.items() if value}


def created_in(since: datetime, reference: str = "") -> Params:
    """List filter: created since a moment, with our reference where one is given."""
    window = {"createStartTime": to_aop_date(since), "isHis": "false"}
    return {**window, "outOrderId": reference} if reference else window


def modified_in(since: datetime, until: datetime) -> Params:
    """List filter: modified in the window."""
    return {"modifyStartTime": to_aop_date(since), "modifyEndTime": to_aop_date(until), "isHis": "false"}


def page(filters: Mapping[str, str], number: int, size: int) -> Params:
    """A list call's parameters for one page, counted from 1."""
    return {**filters, "page": str(number), "pageSize": str(size)}


def detail(provider_order_id: str) -> Params:
    """Parameters of the detail and of the logistics call."""
    return {"webSite": "1688", "orderId": provider_order_id}


def payment(ids: Sequence[str]) -> Params:
    """Parameters of a cashier link."""
    return {"orderIdList": id_list(ids)}
