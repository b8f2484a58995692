"""Messages that Taobao Global pushes: a JSON body, signed in the header ``Authorization``. Pure."""

from __future__ import annotations

import hashlib
import hmac

from autopurchase.domain.errors import BadInput
from autopurchase.domain.provider_order import ProviderState
from autopurchase.ports import Delivery, PushMessage
from autopurchase.providers.common import parse_object
from autopurchase.providers.lenient import as_dict, as_text
from autopurchase.providers.redaction import redacted
from autopurchase.providers.taobao.orders import state_of

KEPT = 4_000  # characters of a message
_NONE: frozenset[str] = frozenset()


def sign(app_key: str, app_secret: str, body: bytes) -> str:
    """Lower-case hex HMAC-SHA256 over the app key and the raw body."""
    return hmac.new(app_secret.encode(), app_key.encode() + body, hashlib.sha256).hexdigest()


class TaobaoPush:
    """See `ports.PushReader`. Types 3 (status), 8 (price) and 9 (reverse) are about orders; others are only noted."""

    thanks = 200

    def is_signed(self, app_key: str, app_secret: str, delivery: Delivery) -> bool:
        """The header against our own signature, in constant time; case does not matter."""
        given = delivery.headers.get("authorization", "").strip().lower()
        return hmac.compare_digest(given.encode(), sign(app_key, app_secret, delivery.body).encode())

    def read(self, delivery: Delivery) -> list[PushMessage]:
        """The one message of a body. Its bytes are its key: the message carries no number of its own."""
        try:
            document = parse_object(delivery.body.decode())
        except ValueError as error:
            raise BadInput("The message is no JSON object.") from error
        data = as_dict(document.get("data"))
        status = as_text(data.get("status"))
        message = PushMessage(
            key=hashlib.sha256(delivery.body).hexdigest(),
            topic=" ".join(filter(None, (as_text(document.get("message_type")), status))),
            provider_order_id=as_text(data.get("purchase_id")) or as_text(data.get("purchaseOrderId")),
            reference=as_text(data.get("outer_purchase_id")),
            account=as_text(document.get("seller_id")),
            says=state_of(status, _NONE) if status else ProviderState.UNKNOWN,
            body=redacted(document, limit=KEPT),
        )
        return [message]
