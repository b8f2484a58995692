"""Removal of secrets and personal data from everything that is kept or shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal

RAW_LIMIT = 20_000  # characters of a raw answer that are kept
REMOVED = "[removed]"

_SECRET_KEYS = frozenset(
    "access_token refresh_token app_secret client_secret sign _aop_signature accesstoken refreshtoken "
    "pay_url payurl payment_url paymenturl".split()  # pages to pay at can carry a signature
)
#: objects and values that describe a person; compared in lower case without underscores
_PERSON_KEYS = frozenset(
    "receiver receiveraddress warehouseaddress warehouseaddressinfo receiverinfo addressparam orderreceiver "
    "buyercontact receiverphone receivername tofullname tomobile tophone toaddress topost "
    "phone mobile mobilephone mobileno telephone tel fullname contactname contactperson contactphone email "
    "address detailaddress buyerphone zip zipcode toarea topost contactperson tocontact "
    "fromaddress frommobile fromphone frompost fromcontact".split()
)


def redacted(answer: object, secrets: Iterable[str] = (), limit: int = RAW_LIMIT) -> str:
    """``answer`` (parsed, or its text) as JSON text without secrets and personal data, bounded by
    ``limit``.

    Values under secret and personal keys are removed, and every one of ``secrets`` wherever it occurs.
    """
    document = _parsed(answer) if isinstance(answer, str) else answer
    text = scrub(json.dumps(_clean(document), ensure_ascii=False, default=str), secrets)
    return text if len(text) <= limit else json.dumps({"truncated": text[:limit]}, ensure_ascii=False)


def scrub(text: str, secrets: Iterable[str]) -> str:
    """``text`` with every one of ``secrets`` replaced, and ``token=…`` pairs as found in addresses."""
    for secret in secrets:
        if len(secret) >= 4:
            for form in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
                text = text.replace(form, REMOVED)
    return _PAIR.sub(rf"\1{REMOVED}", text)


_PAIR = re.compile(r"((?:access_token|refresh_token|app_secret|client_secret|_aop_signature|sign)=)[^&\s\"'<>]+", re.I)


def _parsed(text: str) -> object:
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError:
        return {"text": text[:2000]}


def _clean(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: REMOVED if _private(str(key)) and item else _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value


def _private(key: str) -> bool:
    lower = key.lower()
    return lower in _SECRET_KEYS or lower.replace("_", "") in _PERSON_KEYS
