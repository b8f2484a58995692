"""OAuth 1.0a for plain HTTP, where the key and secret must not travel (WooCommerce REST documentation, one-legged)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote


def signed(
    method: str, url: str, params: Mapping[str, str], key: str, secret: str, *, timestamp: int, nonce: str
) -> dict[str, str]:
    """``params`` with the OAuth parameters and the signature over all; ``timestamp`` in seconds since 1970."""
    given = {
        **params,
        "oauth_consumer_key": key,
        "oauth_timestamp": str(timestamp),
        "oauth_nonce": nonce,
        "oauth_signature_method": "HMAC-SHA256",
    }
    return {**given, "oauth_signature": signature(method, url, given, secret)}


def signature(method: str, url: str, params: Mapping[str, str], secret: str) -> str:
    """Base64 of HMAC-SHA256 over method, address and sorted parameters (RFC 5849, 3.4)."""
    pairs = sorted((_encoded(name), _encoded(value)) for name, value in params.items())
    query = "&".join(f"{name}={value}" for name, value in pairs)
    text = "&".join((method.upper(), _encoded(url), _encoded(query)))
    return base64.b64encode(hmac.new(f"{secret}&".encode(), text.encode(), hashlib.sha256).digest()).decode()


def _encoded(text: str) -> str:
    return quote(text, safe="~")
