"""Signatures as the marketplaces' gateways compute them, written apart from the product's own adapters."""

import hashlib
import hmac
from collections.abc import Mapping


def iop_sha256(secret: str, path: str, params: Mapping[str, str]) -> str:
    """Taobao Global: path, then every non-empty pair in the order of its key; upper-case hex."""
    text = path
    for key in sorted(params):
        if key and params[key] and key != "sign":
            text += key + params[key]
    return _hmac(secret, text, "sha256").upper()


def iop_push_sha256(secret: str, app_key: str, body: str) -> str:
    """Taobao Global push header: lower-case hex over application key and raw body."""
    return _hmac(secret, app_key + body, "sha256")


def aop_sha1(secret: str, path: str, params: Mapping[str, str]) -> str:
    """1688: path from `param2/` on, then the sorted key+value texts; pushes use the empty path."""
    pieces = [key + value for key, value in params.items() if key != "_aop_signature"]
    return _hmac(secret, path + "".join(sorted(pieces)), "sha1").upper()


def iop_md5(secret: str, params: Mapping[str, str]) -> str:
    """The sibling recipe of AliExpress: MD5 over secret, sorted pairs, secret."""
    inner = "".join(key + params[key] for key in sorted(params) if key and params[key] and key != "sign")
    return hashlib.md5((secret + inner + secret).encode(), usedforsecurity=False).hexdigest().upper()


def same(left: str, right: str) -> bool:
    """Compare two signatures without regard to case and in constant time."""
    return hmac.compare_digest(left.upper().encode(), right.upper().encode())


def _hmac(secret: str, text: str, algorithm: str) -> str:
    return hmac.new(secret.encode(), text.encode(), algorithm).hexdigest()
