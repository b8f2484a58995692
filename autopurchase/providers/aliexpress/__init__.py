"""AliExpress Dropshipping: single pieces bought at AliExpress."""

from __future__ import annotations

from autopurchase.providers.aliexpress.client import AliExpressKind

KIND = AliExpressKind()
