"""1688: Alibaba's domestic wholesale market, through its open platform."""

from __future__ import annotations

from autopurchase.providers.alibaba1688.kind import Alibaba1688Kind

KIND = Alibaba1688Kind()
