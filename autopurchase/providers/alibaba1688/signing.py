"""The gateway's signature."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping


def sign(secret: str, url_path: str, params: Mapping[str, str]) -> str:
    """HMAC-SHA1 of the path (from ``param2/`` on) and all ``key + value`` strings, as upper-case hex.

    The platform's own kits sort the *concatenated* strings, not the keys; that differs when one key begins with
    another (``a`` = ``z`` sorts after ``ab`` = ``1``). An empty path signs push messages.
    """
    parts = sorted(key + value for key, value in params.items() if key != "_aop_signature")
    message = url_path + "".join(parts)
    return hmac.new(secret.encode(), message.encode(), hashlib.sha1).hexdigest().upper()
