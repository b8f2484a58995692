"""What the Admin API is asked, in GraphQL."""

from __future__ import annotations

import json
from collections.abc import Mapping

#: paid, also where something was given back, and something is still to be sent
PAID_AND_OPEN = (
    "status:open AND (financial_status:paid OR financial_status:partially_refunded) "
    "AND (fulfillment_status:unfulfilled OR fulfillment_status:partial)"
)

CHECK = """query ($query: String!) {
  shop { name myshopifyDomain currencyCode }
  currentAppInstallation { accessScopes { handle } }
  ordersCount(query: $query) { count precision } }"""
#: the order of creation does not move, so pages do not shift
IDS = """query ($first: Int!, $after: String, $query: String!) {
  orders(first: $first, after: $after, sortKey: CREATED_AT, query: $query) {
    pageInfo { hasNextPage endCursor } nodes { id } } }"""
MARK = """mutation ($metafields: [MetafieldsSetInput!]!) {
  metafieldsSet(metafields: $metafields) { metafields { key } userErrors { field message } } }"""
FULFILMENT_ORDERS = """query ($id: ID!) { order(id: $id) { fulfillmentOrders(first: 50) {
  pageInfo { hasNextPage }
  nodes { id status lineItems(first: 100) {
    pageInfo { hasNextPage } nodes { id remainingQuantity lineItem { id } } } } } } }"""
FULFIL = """mutation ($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) { fulfillment { id status } userErrors { field message } } }"""


def orders(names: Mapping[str, str]) -> str:
    """Orders by ids, with everything that is read of one; ``names``: metafields by setting."""
    return f"query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Order {{ {_order(names)} }} }} }}"


def more_lines(names: Mapping[str, str]) -> str:
    """The lines of one order after a cursor."""
    return f"""query ($id: ID!, $after: String!) {{ order(id: $id) {{
      lineItems(first: 50, after: $after) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {_line(names)} }} }} }} }}"""


def _order(names: Mapping[str, str]) -> str:
    return f"""
    id name createdAt processedAt cancelledAt closed displayFinancialStatus displayFulfillmentStatus currencyCode note
    totalPriceSet {{ ...money }} currentTotalPriceSet {{ ...money }} totalReceivedSet {{ ...money }}
    totalRefundedSet {{ ...money }} currentSubtotalPriceSet {{ ...money }} totalShippingPriceSet {{ ...money }}
    shippingLine {{ title }}
    shippingAddress {{ name company address1 address2 city province zip countryCodeV2 phone }}
    {_metafields(names, "status_metafield", "reference_metafield")}
    refunds(first: 100) {{ id refundLineItems(first: 50) {{
      pageInfo {{ hasNextPage }}
      nodes {{ quantity subtotalSet {{ ...money }} totalTaxSet {{ ...money }} lineItem {{ id }} }} }} }}
    fulfillments(first: 100) {{ id status trackingInfo {{ company number }}
      fulfillmentLineItems(first: 50) {{ pageInfo {{ hasNextPage }} nodes {{ quantity lineItem {{ id }} }} }} }}
    lineItems(first: 50) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {_line(names)} }} }}"""


def _line(names: Mapping[str, str]) -> str:
    wanted = _metafields(
        names, "url_metafield", "sku_metafield", "price_metafield", "seller_id_metafield", "seller_name_metafield"
    )
    return f"""
    id title variantTitle sku quantity currentQuantity unfulfilledQuantity image {{ url }}
    discountedUnitPriceAfterAllDiscountsSet {{ ...money }} customAttributes {{ key value }}
    variant {{ id sku selectedOptions {{ name value }} {wanted} product {{ id {wanted} }} }}"""


MONEY = " fragment money on MoneyBag { shopMoney { amount currencyCode } }"


def _metafields(names: Mapping[str, str], *settings: str) -> str:
    """Metafields under the names of their settings."""
    parts = ((setting, *names[setting].split(".", 1)) for setting in settings if setting in names)
    return " ".join(
        f"{setting}: metafield(namespace: {json.dumps(space)}, key: {json.dumps(key)}) {{ value }}"
        for setting, space, key in parts
    )
