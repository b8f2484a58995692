"""A WooCommerce shop as a source: sweep, fresh read, mark, shipment, check."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from autopurchase.domain.errors import BadInput, NotSupported, Refused, SessionRefused
from autopurchase.domain.shop import Reject, ShopOrder
from autopurchase.ports import SourceCheck
from autopurchase.sources import shipments, sweep
from autopurchase.sources.shop_http import NotThere
from autopurchase.sources.woocommerce import shipment
from autopurchase.sources.woocommerce.client import Client
from autopurchase.sources.woocommerce.manifest import MANIFEST, Settings, settings
from autopurchase.sources.woocommerce.translate import Node, Reader, meta, meta_entry, moment, refunded

_LARGEST_PAGE = 100  # the shop refuses more
_MOST_PAGES = 20_000
#: products and variations that are remembered
_MOST_GOODS = 2_000
_NARROW = "id,date_created_gmt,date_paid_gmt,status,payment_method"


class WooSource:
    """One shop, by one consumer key."""

    manifest = MANIFEST

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = Client(settings)
        self._reader = Reader(settings)
        self._goods: dict[str, Node] = {}

    # --- checking ---

    def check(self) -> SourceCheck:
        """Whether the key works and may write; ``open_paid`` counts orders whose payment is money.

        ``details`` names the payment methods of open orders that are not counted as money.
        """
        identity = f"consumer key …{self._settings.key[-7:]} at {self._settings.base_url}"
        try:
            paid, methods = self._check_reading()
        except Refused as error:
            return SourceCheck(False, identity, (error.sentence,))
        counted = self._settings.paid_methods
        details = {"counted": ", ".join(sorted(counted)), "not counted": ", ".join(sorted(methods - counted))}
        problems = self._check_writing()
        return SourceCheck(not problems, identity, tuple(problems), paid, details)

    def _check_reading(self) -> tuple[int, set[str]]:
        """How many open orders are paid, and the payment methods of all."""
        paid, methods = 0, set()
        for page in self._sweep(self._settings.paid_statuses, _LARGEST_PAGE, {"_fields": _NARROW}):
            paid += sum(self._reader.is_paid(each) for each in page)
            methods |= {str(each["payment_method"]) for each in page}
        return paid, methods

    def _check_writing(self) -> list[str]:
        """A change of an order that there is not: the right is asked first."""
        try:
            self._client.may_write("/orders/0")
        except SessionRefused:
            return ["The consumer key may only read: give it Read/Write in the shop, or switch write-back off."]
        except NotThere:
            return []
        except Refused as error:
            return [error.sentence]
        return []

    # --- reading ---

    def open_paid(self, page_size: int = 50) -> Iterator[ShopOrder | Reject]:
        """Every order that is paid or awaits its payment, and not finished; oldest first.

        Refunds are asked for per order: lists do not have them, and they do not move an order's modified time.
        """
        statuses = (*self._settings.paid_statuses, *self._settings.waiting_statuses)
        for page in self._sweep(statuses, max(1, min(page_size, _LARGEST_PAGE))):
            self._learn([line for node in page for line in node["line_items"]])
            for node in page:
                yield from self._read(node)

    def get(self, external_id: str) -> ShopOrder | None:
        """One fresh order; lines that cannot be taken are left out."""
        try:
            node = self._client.one(f"/orders/{_number(external_id)}")
        except NotThere:
            return None
        self._learn(node["line_items"])
        return self._reader.order(node, self._refunds(external_id), self._goods)[0]

    def _read(self, node: Node) -> Iterator[ShopOrder | Reject]:
        try:
            refunds = self._refunds(str(node["id"])) if self._reader.is_paid(node) else []
            order, rejects = self._reader.order(node, refunds, self._goods)
        except NotThere:
            return
        except BadInput as error:
            number = str(node.get("number") or node["id"])
            yield Reject(f"order {number}", error.sentence, {"order": number})
            return
        yield from rejects
        if order.lines:
            yield order

    def _sweep(self, statuses: Sequence[str], take: int, more: Mapping[str, str] | None = None) -> Iterator[list[Node]]:
        """Pages of the orders in ``statuses``; ``more``: parameters of the list."""
        asked = {"status": ",".join(statuses), "orderby": "date", "order": "asc", **(more or {})}

        def page(after: datetime | None, skip: int, take: int) -> list[Node]:
            since = {"after": _text(after), "dates_are_gmt": "true"} if after else {}
            place = {"per_page": str(take), "offset": str(skip)}
            return list(self._client.rows("/orders", {**asked, **since, **place}).rows)

        return sweep.by_time(page, _placed, take, _LARGEST_PAGE)

    def _refunds(self, external_id: str) -> list[Node]:
        return self._all(f"/orders/{_number(external_id)}/refunds", {})

    def _all(self, path: str, params: Mapping[str, str]) -> list[Node]:
        """All rows of a list that changes little while it is read."""
        found: list[Node] = []
        for page in range(1, _MOST_PAGES):
            rows, total = self._client.rows(path, {**params, "per_page": str(_LARGEST_PAGE), "page": str(page)})
            found += rows
            if len(rows) < _LARGEST_PAGE or len(found) >= total:
                break
        return found

    def _learn(self, lines: Sequence[Node]) -> None:
        """Read the products and variations of lines that do not say themselves what to buy, a hundred at once."""
        if len(self._goods) > _MOST_GOODS:
            self._goods.clear()
        name = self._settings.names.get("url_meta", "")
        asking = [line for line in lines if not meta(line, name)]
        self._learn_from("/products", {str(line["product_id"]) for line in asking if line.get("product_id")})
        parents: dict[str, set[str]] = {}
        for line in asking:
            if line.get("variation_id"):
                parents.setdefault(str(line["product_id"]), set()).add(str(line["variation_id"]))
        for product, variations in sorted(parents.items()):
            self._learn_from(f"/products/{product}/variations", variations)

    def _learn_from(self, path: str, ids: set[str]) -> None:
        new = sorted(ids - self._goods.keys(), key=int)
        for start in range(0, len(new), _LARGEST_PAGE):
            wanted = ",".join(new[start : start + _LARGEST_PAGE])
            try:
                asked = {"include": wanted, "per_page": str(_LARGEST_PAGE), "_fields": "id,meta_data"}
                rows = self._client.rows(path, asked).rows
            except NotThere:
                continue
            self._goods |= {str(row["id"]): row for row in rows}

    # --- writing ---

    def mark(self, external_id: str, status: str, reference: str) -> bool:
        """Write status and reference into the order's meta data; True when they were different."""
        node = self._existing(external_id)
        names = self._settings.names
        wanted = {
            names[setting]: value
            for setting, value in (("status_meta", status), ("reference_meta", reference))
            if setting in names
        }
        if not wanted:
            raise NotSupported("The settings name no meta data for our status and reference.")
        if all(meta(node, name) == value for name, value in wanted.items()):
            return False
        self._write_meta(node, wanted)
        return True

    def report_shipment(self, external_id: str, lines: Sequence[tuple[str, int]], carrier: str, number: str) -> str:
        """Keep a parcel in the order's meta data and note it; answers ``done``, ``already`` or ``refused: …``.

        The same lines with the same number are one parcel, however often they are reported; a note that failed is made
        when the parcel is reported again.
        """
        asked = shipments.quantities(lines)
        name = self._settings.names.get("shipments_meta", "")
        if not name:
            raise NotSupported("The settings name no meta data for parcels.")
        node = self._existing(external_id)
        text = meta(node, name)
        new = shipment.parcel(asked, carrier, number)
        fresh = not shipment.known(text, new)
        if fresh:
            if reason := shipments.refusal(asked, self._still_open(node, text)):
                return f"refused: {reason}"
            kept = json.dumps([*shipment.shipments(text), new], ensure_ascii=False)
            self._write_meta(node, {name: kept})
        noted = self._note(node, new)
        return "done" if fresh or noted else "already"

    def _still_open(self, node: Node, text: str) -> dict[str, int]:
        back = refunded(self._refunds(str(node["id"]))).quantities
        shipped = shipment.shipped_quantities(text)
        counts = {str(line["id"]): int(line["quantity"]) for line in node["line_items"]}
        return {line: max(0, count - back[line] - shipped[line]) for line, count in counts.items()}

    def _write_meta(self, node: Node, wanted: Mapping[str, str]) -> None:
        """Change meta data in place, by its id. Nothing else is sent: lines would be counted anew."""
        entries = [{**_id_of(meta_entry(node, name)), "key": name, "value": value} for name, value in wanted.items()]
        self._client.send("PUT", f"/orders/{node['id']}", {"meta_data": entries})

    def _note(self, node: Node, new: Mapping[str, Any]) -> bool:
        """Note a parcel unless it is noted; True when it was not."""
        titles = {str(line["id"]): str(line.get("name") or "") for line in node["line_items"]}
        text, key = shipment.note(new, titles)
        path = f"/orders/{node['id']}/notes"
        if any(key in str(each.get("note")) for each in self._client.rows(path, {}).rows):
            return False
        self._client.send("POST", path, {"note": text, "customer_note": self._settings.note_to_customer})
        return True

    def _existing(self, external_id: str) -> Node:
        return self._client.one(f"/orders/{_number(external_id)}")


def _id_of(entry: Node | None) -> dict[str, Any]:
    return {"id": entry["id"]} if entry else {}


def _number(external_id: str) -> str:
    if not external_id.isascii() or not external_id.isdigit():
        raise NotThere(f"The shop has no order {external_id[:40]}: its numbers are digits only.")
    return external_id


def _placed(node: Node) -> datetime:
    return moment(str(node["date_created_gmt"]))


def _text(time: datetime) -> str:
    """A time in GMT as the shop states it, without saying so."""
    return time.replace(tzinfo=None).isoformat()


class WooKind:
    """Opens WooCommerce sources."""

    manifest = MANIFEST

    def open(self, config: Mapping[str, Any]) -> WooSource:
        """The shop of ``config``; raises BadInput naming the missing or wrong field."""
        return WooSource(settings(config))


KIND = WooKind()
