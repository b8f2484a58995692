"""Messages that 1688 pushes: a form with the fields ``message`` (JSON) and ``_aop_signature``. Pure."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any
from urllib.parse import parse_qsl

from autopurchase.domain.errors import BadInput
from autopurchase.domain.provider_order import ProviderState
from autopurchase.ports import Delivery, PushMessage
from autopurchase.providers.alibaba1688 import tables
from autopurchase.providers.alibaba1688.signing import sign
from autopurchase.providers.common import parse_object
from autopurchase.providers.lenient import as_dict, as_list, as_text
from autopurchase.providers.redaction import redacted

KEPT = 4_000  # characters of a message
MOST_ORDERS = 100  # of one message
MOST_FIELDS = 50
#: objects of messages about parcels; their orders are listed inside
#: topics whose `currentStatus` is about something else than the order's state, or where more has changed than that
_OTHER_WORDS = ("REFUND", "PRICE")
_PARCELS = ("OrderLogisticsTracingModel", "MailNoChangeModel")


class Alibaba1688Push:
    """See `ports.PushReader`."""

    thanks = 204

    def is_signed(self, app_key: str, app_secret: str, delivery: Delivery) -> bool:
        """All parameters of query and body, as the API's calls but without a path; in constant time."""
        params = _params(delivery)
        given = params.get("_aop_signature", "").strip().upper()
        return bool(given) and hmac.compare_digest(given.encode(), sign(app_secret, "", params).encode())

    def read(self, delivery: Delivery) -> list[PushMessage]:
        """One message an order; ``msgId`` tells repetitions."""
        text = _params(delivery).get("message", "")
        try:
            envelope = parse_object(text)
        except ValueError as error:
            raise BadInput("The message is no JSON object.") from error
        data = _data(envelope)
        topic, status = as_text(envelope.get("type")), as_text(data.get("currentStatus"))
        number = as_text(envelope.get("msgId")) or hashlib.sha256(text.encode()).hexdigest()
        told = not any(word in topic for word in _OTHER_WORDS)
        says = tables.STATES.get(status, ProviderState.UNKNOWN) if told else ProviderState.UNKNOWN
        orders = _orders(data)[:MOST_ORDERS] or [""]
        return [
            PushMessage(
                key=f"{number}:{order}",
                topic=topic,
                provider_order_id=order,
                account=as_text(envelope.get("userInfo")),
                says=says,
                body=redacted(envelope, limit=KEPT),
            )
            for order in orders
        ]


def _params(delivery: Delivery) -> dict[str, str]:
    texts = (delivery.query, delivery.body.decode("utf-8", "replace"))
    try:
        pairs = [pair for text in texts for pair in parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)]
    except ValueError:  # so many fields are no message
        return {}
    return dict(pairs)


def _data(envelope: dict[str, Any]) -> dict[str, Any]:
    """``data`` comes as an object or as JSON text."""
    data = envelope.get("data")
    if not isinstance(data, str):
        return as_dict(data)
    try:
        return parse_object(data)
    except ValueError:
        return {}


def _orders(data: dict[str, Any]) -> list[str]:
    """Numbers of the orders a message is about: one, those paid together, or those of a parcel."""
    parcels = (as_dict(data.get(name)) for name in _PARCELS)
    inside = [row for parcel in parcels for row in as_list(parcel.get("orderLogsItems"))]
    entries = [data, *as_list(data.get("batchPay")), *inside]
    return list(dict.fromkeys(number for entry in entries if (number := as_text(entry.get("orderId")))))
