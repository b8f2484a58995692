"""What the admin API is asked, in GraphQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

#: placed and not finished; an authorised payment is no payment yet, so such orders await theirs
SETTLED_STATES = ("PaymentSettled", "PartiallyShipped", "PartiallyDelivered")
OPEN_STATES = ("PaymentAuthorized", *SETTLED_STATES)

CHANNEL = "{ activeChannel { code currencyCode } }"
COUNT = "query ($o: OrderListOptions!) { orders(options: $o) { totalItems } }"
#: changes nothing: there is no order 0, and the right is asked first
MAY_UPDATE = 'mutation { setOrderCustomFields(input: {id: "0"}) { id } }'
MARK = "mutation ($input: UpdateOrderInput!) { setOrderCustomFields(input: $input) { id } }"
FULFIL = """mutation ($input: FulfillOrderInput!) { addFulfillmentToOrder(input: $input) {
  ... on Fulfillment { id state } ... on ErrorResult { errorCode message } } }"""
SHIP = """mutation ($id: ID!) { transitionFulfillmentToState(id: $id, state: "Shipped") {
  ... on Fulfillment { id state } ... on ErrorResult { errorCode message } } }"""


def order_list(names: Mapping[str, str]) -> str:
    """A page of orders with everything that is read of one; ``names``: custom fields by setting."""
    return f"query ($o: OrderListOptions!) {{ orders(options: $o) {{ totalItems items {{ {_order(names)} }} }} }}"


def one_order(names: Mapping[str, str]) -> str:
    """One order by id."""
    return f"query ($id: ID!) {{ order(id: $id) {{ {_order(names)} }} }}"


def options(states: Sequence[str], take: int, skip: int = 0, after: str = "") -> dict[str, object]:
    """Variables of a list: a page of orders in ``states``, oldest first, placed after a time (exclusive)."""
    filters: dict[str, object] = {"state": {"in": list(states)}}
    if after:
        filters["orderPlacedAt"] = {"after": after}
    sort = {"orderPlacedAt": "ASC", "id": "ASC"}
    return {"o": {"take": take, "skip": skip, "sort": sort, "filter": filters}}


def _order(names: Mapping[str, str]) -> str:
    return f"""
    id code state updatedAt orderPlacedAt currencyCode subTotalWithTax shippingWithTax totalWithTax
    customer {{ firstName lastName emailAddress }}
    payments {{ state amount updatedAt refunds {{ state total }} }}
    fulfillments {{ id state method trackingCode lines {{ orderLineId quantity }} }}
    shippingLines {{ shippingMethod {{ name }} }}
    {_custom(names, "order")}
    shippingAddress {{
      fullName company streetLine1 streetLine2 city province postalCode countryCode phoneNumber }}
    lines {{ id createdAt quantity unitPriceWithTax featuredAsset {{ preview }} {_custom(names, "line")}
      productVariant {{ sku name options {{ name group {{ name }} }} {_custom(names, "variant")} }} }}"""


def _custom(names: Mapping[str, str], entity: str) -> str:
    wanted = sorted({name for setting, name in names.items() if setting.startswith(f"{entity}_")})
    return f"customFields {{ {' '.join(wanted)} }}" if wanted else ""
