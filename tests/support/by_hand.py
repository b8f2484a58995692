"""Orders that a person makes by hand: at the marketplace, through another program than ours, on the same account."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from autopurchase.sandbox import Item, SandboxAt, Sku
from tests.sandbox.wire import Alibaba, Taobao
from tests.support.world import World

_numbers = itertools.count(1)


def buy(
    market: SandboxAt, provider: str, account: str, picks: Sequence[tuple[Item, Sku, int]], reference: str = ""
) -> str:
    """Place an order (item, sku, pieces) of one seller; its number at the marketplace."""
    client: Any = (Taobao if provider == "taobao" else Alibaba)(market, account)
    reference = reference or f"HAND-{next(_numbers)}"
    answer = client.create(reference, list(picks))
    found = market.orders(account=account, reference=reference)
    assert len(found) == 1, answer
    return str(found[0]["id"])


def bought(world: World, provider: str, picks: Sequence[tuple[Item, Sku, int]], reference: str = "") -> str:
    """The same on the account of a world."""
    return buy(world.market, provider, world.account, picks, reference)
