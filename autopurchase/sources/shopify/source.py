"""A Shopify shop as a source: sweep, fresh read, mark, shipment, check."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from autopurchase.domain.errors import BadInput, NotSupported, Refused
from autopurchase.domain.shop import Reject, ShopOrder
from autopurchase.ports import SourceCheck
from autopurchase.sources import shipments, sweep
from autopurchase.sources.shop_http import NotThere
from autopurchase.sources.shopify import queries, shipment
from autopurchase.sources.shopify.client import Client, TooCostly
from autopurchase.sources.shopify.manifest import ALL_ORDERS, MANIFEST, RIGHTS, Settings, settings
from autopurchase.sources.shopify.translate import Node, Reader, metafield, open_quantities, sent_quantities

_LARGEST_PAGE = 250  # the shop refuses more
_MOST_PAGES = 20_000
_AT_ONCE = 20  # orders read in full by one query; fewer when the shop finds that too costly
_ID = re.compile(r"gid://shopify/Order/\d{1,20}", re.ASCII)
_SIXTY_DAYS = (
    f"The token lacks {ALL_ORDERS}: the shop keeps back orders older than 60 days without a word. "
    "Ask Shopify for that right, or make sure that no order waits so long."
)


class ShopifySource:
    """One shop, by one access token."""

    manifest = MANIFEST

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = Client(settings)
        self._reader = Reader(settings.names)
        self._at_once = _AT_ONCE

    def check(self) -> SourceCheck:
        """Whether the token works and has its rights. That older orders are kept back is said, and no fault."""
        identity = f"access token at {self._settings.base_url}"
        try:
            found = self._client.read(queries.CHECK, {"query": queries.PAID_AND_OPEN})
        except Refused as error:
            return SourceCheck(False, identity, (error.sentence,))
        held = {str(each["handle"]) for each in found["currentAppInstallation"]["accessScopes"]}
        problems = [f"The token lacks the right {right}: grant it to the app in the shop." for right in _lacking(held)]
        said = [] if ALL_ORDERS in held else [_SIXTY_DAYS]
        if self._client.served not in ("", self._settings.version):
            said.append(f"Version {self._settings.version} has expired: set api_version to {self._client.served}.")
        shop = found["shop"]
        details = {"shop": str(shop["name"]), "currency": str(shop["currencyCode"]), "version": self._client.served}
        identity = f"access token at {shop['myshopifyDomain']}"
        count = int(found["ordersCount"]["count"])
        return SourceCheck(not problems, identity, (*problems, *said), count, details)

    # --- reading ---

    def open_paid(self, page_size: int = 50) -> Iterator[ShopOrder | Reject]:
        """Every order that is paid and not sent in full, oldest first. A page of ids is read, then its orders."""
        take = max(1, min(page_size, _LARGEST_PAGE))
        for page in sweep.by_cursor(lambda after: self._page(take, after)):
            ids = [str(node["id"]) for node in page]
            while ids:
                nodes, ids = self._next(ids)
                for node in nodes:
                    yield from self._read(node)

    def get(self, external_id: str) -> ShopOrder | None:
        """One fresh order; lines that cannot be taken are left out."""
        node = self._order(external_id)
        return self._reader.order(node)[0] if node else None

    def _read(self, node: Node) -> Iterator[ShopOrder | Reject]:
        try:
            order, rejects = self._reader.order(node)
        except BadInput as error:
            yield Reject(f"order {node['name']}", error.sentence, {"order": str(node["name"])})
            return
        yield from rejects
        if order.lines:
            yield order

    def _page(self, take: int, after: str) -> tuple[list[Node], str]:
        """Ids of open paid orders after a cursor, and the cursor of the next page."""
        asked = {"first": take, "after": after or None, "query": queries.PAID_AND_OPEN}
        page = self._client.read(queries.IDS, asked)["orders"]
        return page["nodes"], str(page["pageInfo"]["endCursor"]) if page["pageInfo"]["hasNextPage"] else ""

    def _next(self, ids: list[str]) -> tuple[list[Node], list[str]]:
        """The next orders in full, and the ids that remain; as many at once as the shop's budget allows."""
        part = ids[: self._at_once]
        try:
            nodes = self._client.read(queries.orders(self._settings.names) + queries.MONEY, {"ids": part})["nodes"]
        except TooCostly:
            if self._at_once == 1:
                raise
            self._at_once = max(1, self._at_once // 2)
            return [], ids
        return [self._with_all_lines(node) for node in nodes if node], ids[len(part) :]

    def _order(self, external_id: str) -> Node | None:
        if not _ID.fullmatch(external_id):
            return None
        query = queries.orders(self._settings.names) + queries.MONEY
        nodes = self._client.read(query, {"ids": [external_id]})["nodes"]
        return self._with_all_lines(nodes[0]) if nodes and nodes[0] else None

    def _with_all_lines(self, node: Node) -> Node:
        lines, page = list(node["lineItems"]["nodes"]), node["lineItems"]["pageInfo"]
        query = queries.more_lines(self._settings.names) + queries.MONEY
        for _ in range(_MOST_PAGES):
            if not page["hasNextPage"]:
                break
            more = self._client.read(query, {"id": node["id"], "after": page["endCursor"]})["order"]["lineItems"]
            lines, page = lines + more["nodes"], more["pageInfo"]
        return {**node, "lineItems": {"nodes": lines}}

    def _existing(self, external_id: str) -> Node:
        node = self._order(external_id)
        if node is None:
            raise NotThere(f"The shop has no order {external_id[:60]}: it may have been deleted there.")
        return node

    # --- writing ---

    def mark(self, external_id: str, status: str, reference: str) -> bool:
        """Write status and reference into the order's metafields; True when they were different."""
        names = self._settings.names
        given = {"status_metafield": status, "reference_metafield": reference}
        wanted = {setting: value for setting, value in given.items() if setting in names}
        if not wanted:
            raise NotSupported("The settings name no metafield for our status and reference.")
        node = self._existing(external_id)
        # a metafield takes no empty text: one that shall be empty stays as it is
        new = {setting: value for setting, value in wanted.items() if value and metafield(node, setting) != value}
        if not new:
            return False
        entries = [_entry(external_id, names[setting], value) for setting, value in new.items()]
        answer = self._client.write(queries.MARK, {"metafields": entries})["metafieldsSet"]
        if said := shipment.user_errors(answer):
            raise Refused(f"The shop refused: {said}.")
        return True

    def report_shipment(self, external_id: str, lines: Sequence[tuple[str, int]], carrier: str, number: str) -> str:
        """Fulfil lines with tracking; answers ``done``, ``already`` or ``refused: …``.

        What is under the tracking number already is not sent again, so a report that stopped halfway is continued.
        """
        asked = shipments.quantities(lines)
        node = self._existing(external_id)
        sent = sent_quantities(node, number)
        rest = {line: count - sent[line] for line, count in asked.items() if count > sent[line]}
        if not rest:
            return "already"
        if reason := shipments.refusal(rest, open_quantities(node)):
            return f"refused: {reason}"
        taken, missing = shipment.parts(self._fulfilment_orders(external_id), rest)
        if missing:
            return f"refused: the shop does not let {sum(missing.values())} pieces be sent now: they are held or moved"
        for order_id, pieces in taken.items():
            asking = shipment.request(order_id, pieces, carrier, number, self._settings.notify_customer)
            answer = self._client.write(queries.FULFIL, {"fulfillment": asking})["fulfillmentCreate"]
            if said := shipment.user_errors(answer):
                return f"refused: {said}"
        return "done"

    def _fulfilment_orders(self, external_id: str) -> list[Node]:
        found = self._client.read(queries.FULFILMENT_ORDERS, {"id": external_id})["order"]["fulfillmentOrders"]
        return list(found["nodes"])


def _entry(owner: str, name: str, value: str) -> dict[str, Any]:
    space, _, key = name.partition(".")
    return {"ownerId": owner, "namespace": space, "key": key, "type": "single_line_text_field", "value": value}


def _lacking(held: set[str]) -> list[str]:
    """Rights that are missing; one to write includes the one to read."""
    return [right for right in RIGHTS if right not in held and right.replace("read_", "write_", 1) not in held]


class ShopifyKind:
    """Opens Shopify sources."""

    manifest = MANIFEST

    def open(self, config: Mapping[str, Any]) -> ShopifySource:
        """The shop of ``config``; raises BadInput naming the missing or wrong field."""
        return ShopifySource(settings(config))


KIND = ShopifyKind()
