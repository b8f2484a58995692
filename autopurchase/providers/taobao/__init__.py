"""Taobao Global: the marketplace of Taobao and Tmall goods for registered purchasing accounts."""

from __future__ import annotations

from autopurchase.providers.taobao.client import TaobaoKind

KIND = TaobaoKind()
