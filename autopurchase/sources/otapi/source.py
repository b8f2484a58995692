"""An OT Box shop as a source: sweep, fresh read, mark, shipment, check."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from autopurchase.domain.errors import BadInput, Refused
from autopurchase.domain.shop import Reject, ShopOrder
from autopurchase.ports import SourceCheck
from autopurchase.sources import shipments
from autopurchase.sources.otapi import comments, xml
from autopurchase.sources.otapi.client import Client
from autopurchase.sources.otapi.manifest import LINE_SETS, LINE_TARGETS, MANIFEST, ORDER_SETS, Settings, settings
from autopurchase.sources.otapi.translate import Node, Reader, Statuses, line_nodes, order_info, rows, text
from autopurchase.sources.shop_http import NotThere

_LARGEST_FRAME = 100
_MOST_FRAMES = 20_000
_MOST_PASSES = 5
_ALL_LINES = "0"
_ID = re.compile(r"[A-Za-z0-9_-]{1,60}", re.ASCII)


class OtapiSource:
    """One shop, by its key and one operator."""

    manifest = MANIFEST

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = Client(settings)
        self._known: Reader | None = None

    # --- statuses ---

    def _reader(self) -> Reader:
        """The reader with the shop's own statuses, read once. Raises BadInput where a needed setting fits none."""
        if self._known is None:
            sets = {
                **self._fitting(ORDER_SETS, self._status_list("GetOrderStatusList")),
                **self._fitting((*LINE_SETS, *LINE_TARGETS), self._status_list("GetOrderLineStatusList")),
            }
            self._known = Reader(self._settings, Statuses(sets))
        return self._known

    def _status_list(self, method: str) -> dict[str, str]:
        """Names of the shop's statuses by id."""
        found = rows(self._client.read(method).get("Result"))
        return {text(each, "Id"): text(each, "Name") for each in found if text(each, "Id")}

    def _fitting(self, names: Sequence[str], there: Mapping[str, str]) -> dict[str, frozenset[str]]:
        sets = {name: _ids(self._settings.statuses[name], there) for name in names}
        for name in ("open_order_statuses", "ready_line_statuses"):
            if name in sets and not sets[name]:
                shown = "; ".join(f"{status} {label}" for status, label in there.items())
                raise BadInput(f"The setting “{name}” names no status of the shop. It has: {shown[:1500]}.")
        return sets

    def check(self) -> SourceCheck:
        """Whether the operator may sign in and read, and the settings fit the shop's statuses; ``details`` lists those.

        Whether the operator may write cannot be known without writing.
        """
        identity = f"operator {self._settings.login} at {self._settings.base_url}"
        try:
            self._client.sign_in()
            details = {
                "order statuses": _shown(self._status_list("GetOrderStatusList")),
                "line statuses": _shown(self._status_list("GetOrderLineStatusList")),
            }
        except Refused as error:
            return SourceCheck(False, identity, (error.sentence,))
        try:
            reader = self._reader()
            count = len({text(info, "Id") for info in self._listed(_LARGEST_FRAME) if _is_paid(reader, info)})
        except Refused as error:
            return SourceCheck(False, identity, (error.sentence,), details=details)
        return SourceCheck(
            True, identity, (), count, {**details, "writing": "not checked: any write would change data"}
        )

    # --- reading ---

    def open_paid(self, page_size: int = 50) -> Iterator[ShopOrder | Reject]:
        """Every order in an open status, paid or not. The ids of all are read first, then order by order."""
        reader = self._reader()
        for order_id in self._sweep(max(1, min(page_size, _LARGEST_FRAME))):
            details = self._details(order_id)
            if details is not None:
                yield from _read(reader, order_id, details)

    def get(self, external_id: str) -> ShopOrder | None:
        """One fresh order; lines that cannot be taken are left out."""
        reader = self._reader()
        details = self._details(external_id)
        return reader.order(details)[0] if details is not None else None

    def _sweep(self, take: int) -> list[str]:
        """Ids of the orders in open statuses, once each.

        The list is counted through by position, so an order that leaves meanwhile hides another. It is read until two
        readings agree; in a shop where they never do, everything that any of them showed is taken. That needs the whole
        list before the first order, so no more than ids is kept of it.
        """
        found: dict[str, None] = {}
        before: list[str] = []
        for _ in range(_MOST_PASSES):
            seen = list(dict.fromkeys(text(info, "Id") for info in self._listed(take)))
            found |= dict.fromkeys(seen)
            if seen == before:
                break
            before = seen
        return list(found)

    def _listed(self, take: int) -> Iterator[Node]:
        """One reading of the list of orders in open statuses, as the list shows them."""
        wanted = xml.search(self._reader().statuses.sets["open_order_statuses"])
        for frame in range(_MOST_FRAMES):
            asked = {"xmlSearchParameters": wanted, "framePosition": str(frame * take), "frameSize": str(take)}
            result = self._client.read("SearchOrders", asked).get("Result")
            page = rows(result)
            yield from (info for info in page if text(info, "Id"))
            if len(page) < take:
                return

    def _details(self, order_id: str) -> Node | None:
        if not _ID.fullmatch(order_id):
            return None
        asked = {"orderId": order_id, "filter": "", "queryType": _ALL_LINES}
        try:
            result = self._client.read("GetSalesOrderDetailsForOperator", asked).get("Result")
        except NotThere:
            return None
        return result if isinstance(result, dict) else {}

    def _existing(self, order_id: str) -> Node:
        details = self._details(order_id)
        if details is None:
            raise NotThere(f"The shop has no order {order_id[:60]}: it may have been deleted there.")
        order_info(details)
        return details

    # --- writing ---

    def mark(self, external_id: str, status: str, reference: str) -> bool:
        """Note status and reference in the operator comment of the order's live lines; True when one was different.

        What people wrote there stays. With ``ordered_line_status`` set, lines that were ready get that status.
        """
        reader, details = self._reader(), self._existing(external_id)
        wanted = (comments.plain(status), comments.plain(reference))
        live = [node for node in line_nodes(details) if not reader.statuses.is_cancelled(reader.field(node, "status"))]
        notes = {reader.field(node, "id"): reader.field(node, "operator_comment") for node in live}
        new = {line: note for line, note in notes.items() if comments.mark(note) != wanted}
        changed = self._advance(external_id, [node for node in live if _is_ready(reader, node)], "ordered_line_status")
        if new:
            texts = {line: comments.with_mark(note, status, reference) for line, note in new.items()}
            self._comment(external_id, texts, {"VendPurchId": reference})
        return bool(new) or changed

    def report_shipment(self, external_id: str, lines: Sequence[tuple[str, int]], carrier: str, number: str) -> str:
        """Note a parcel in the operator comment of its lines; answers ``done``, ``already`` or ``refused: …``.

        What is under the number already is not noted again, so a report may be repeated. With ``sent_line_status``
        set, lines that are sent in full get that status.
        """
        asked = shipments.quantities(lines)
        reader, details = self._reader(), self._existing(external_id)
        nodes = {reader.field(node, "id"): node for node in line_nodes(details)}
        number = comments.plain(number)
        known = {line: _pieces(reader, node, number) for line, node in nodes.items()}
        new = {line: count - known.get(line, 0) for line, count in asked.items() if count > known.get(line, 0)}
        left = {line: reader.quantity(node) - reader.sent(node) for line, node in nodes.items()}
        if reason := shipments.refusal(new, left):
            return f"refused: {reason}"
        if new:
            parcels = {line: comments.Parcel(carrier, number, count) for line, count in new.items()}
            texts = {
                line: comments.with_parcel(reader.field(nodes[line], "operator_comment"), parcel)
                for line, parcel in parcels.items()
            }
            self._comment(external_id, texts, {})
        full = [nodes[line] for line in asked if left[line] == new.get(line, 0)]
        moved = self._advance(external_id, full, "sent_line_status")
        return "done" if new or moved else "already"

    def _comment(self, order_id: str, texts: Mapping[str, str], more: Mapping[str, str]) -> None:
        """Write operator comments of lines, at once."""
        lines = [{"SalesLineId": line, "OperatorComment": note, **more} for line, note in texts.items()]
        self._client.write("PurchaseItems", {"xmlPurchaseInfo": xml.purchases(order_id, lines)})

    def _advance(self, order_id: str, nodes: Sequence[Node], setting: str) -> bool:
        """Give lines the status that a setting names, if it names one; True when a line had another."""
        reader = self._reader()
        target = next(iter(reader.statuses.sets[setting]), "")
        moving = [reader.field(node, "id") for node in nodes if target and reader.field(node, "status") != target]
        if not moving:
            return False
        asked = {"orderId": order_id, "orderLineIds": ";".join(moving), "xmlUpdateData": xml.line_status(target)}
        self._client.write("UpdateOrderLinesForOperator", asked)
        return True


def _read(reader: Reader, order_id: str, details: Node) -> Iterator[ShopOrder | Reject]:
    try:
        order, rejects = reader.order(details)
    except BadInput as error:
        yield Reject(f"order {order_id}", error.sentence, {"order": order_id})
        return
    yield from rejects
    if order.lines:
        yield order


def _is_paid(reader: Reader, info: Node) -> bool:
    total, paid = reader.amounts(info)
    return paid >= total and total.minor > 0


def _ids(wanted: Sequence[str], there: Mapping[str, str]) -> frozenset[str]:
    """Ids of the statuses that are named by id or by name; those that the shop does not have are left out."""
    by_name = {label.casefold(): status for status, label in there.items()}
    found = (each if each in there else by_name.get(each.casefold(), "") for each in wanted)
    return frozenset(filter(None, found))


def _shown(statuses: Mapping[str, str]) -> str:
    return "; ".join(f"{status} {label}" for status, label in statuses.items())


def _is_ready(reader: Reader, node: Node) -> bool:
    return reader.field(node, "status") in reader.statuses.sets["ready_line_statuses"]


def _pieces(reader: Reader, node: Node, number: str) -> int:
    """Pieces of a line in parcels with this number."""
    found = comments.parcels(reader.field(node, "operator_comment"))
    return sum(each.pieces for each in found if each.number == number)


class OtapiKind:
    """Opens OTAPI sources."""

    manifest = MANIFEST

    def open(self, config: Mapping[str, Any]) -> OtapiSource:
        """The shop of ``config``; raises BadInput naming the missing or wrong field."""
        return OtapiSource(settings(config))


KIND = OtapiKind()
