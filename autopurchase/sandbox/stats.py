"""What the market counted at its own door: calls by account and API, how dense, by how many connections."""

import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from autopurchase.sandbox.orders import Order


class Meter:
    """Calls of one kind: how many, the most in any second, the most at once, the connections they came by."""

    def __init__(self) -> None:
        self.calls = self.now = self.max_in_flight = self.max_per_second = 0
        self._recent: deque[float] = deque()
        self._peers: set[object] = set()

    def enter(self, moment: float, peer: object = None) -> None:
        """A call arrives at a monotonic moment (seconds), from that address and port."""
        self.calls += 1
        self._peers.add(peer)
        self.now += 1
        self.max_in_flight = max(self.max_in_flight, self.now)
        self._recent.append(moment)
        while self._recent[0] <= moment - 1.0:
            self._recent.popleft()
        self.max_per_second = max(self.max_per_second, len(self._recent))

    def recent(self) -> int:
        """Calls in the second before the last arrival, that one included."""
        return len(self._recent)

    def to_doc(self) -> dict[str, int]:
        """The figures."""
        return {
            "calls": self.calls,
            "max_per_second": self.max_per_second,
            "max_in_flight": self.max_in_flight,
            "connections": len(self._peers),
        }


class Stats:
    """Meters per account, and per account and API. The account is that of the access token, `market:name`."""

    def __init__(self) -> None:
        self.accounts: dict[str, Meter] = {}
        self.apis: dict[tuple[str, str], Meter] = {}
        self.posts: Counter[tuple[str, str]] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.stood_still = 0.0  # the longest (seconds) that this process could not look at its door

    @contextmanager
    def call(self, account: str, api: str, peer: object) -> Iterator[Meter]:
        """Measure one call from ``peer``, from its arrival to its answer; gives the account's meter."""
        meters = [self.accounts.setdefault(account, Meter()), self.apis.setdefault((account, api), Meter())]
        moment = time.monotonic()
        for meter in meters:
            meter.enter(moment, peer)
        try:
            yield meters[0]
        finally:
            for meter in meters:
                meter.now -= 1

    def post(self, account: str, reference: str) -> int:
        """Count a create POST; the how-manieth with this reference it is."""
        self.posts[account, reference] += 1
        return self.posts[account, reference]

    def reset(self) -> None:
        """Forget the figures; calls still under way keep counting in their old meters."""
        self.__init__()  # type: ignore[misc]

    def to_doc(self, orders: list[Order]) -> dict[str, Any]:
        """All figures. A duplicate is a reference whose orders came from more than one create call; it is computed
        from the orders themselves, so a restart does not lose it."""
        accounts = {
            name: {**meter.to_doc(), "creates": self._creates(name), "apis": self._apis(name)}
            for name, meter in self.accounts.items()
        }
        calls = {(o.market, o.account, o.reference, o.facts.get("call")) for o in orders}
        doubled = sorted(ref for ref, count in Counter(call[:3] for call in calls).items() if count > 1)
        return {
            "accounts": accounts,
            "creates": sum(self.posts.values()),
            "queries": self._queries(),
            "stood_still_ms": round(self.stood_still * 1000),
            "orders": len(orders),
            "references": len({(o.market, o.account, o.reference) for o in orders}),
            "duplicates": [reference for _, _, reference in doubled],
            "faults": dict(self.outcomes),
            "references_posted_again": sorted(ref for (_, ref), count in self.posts.items() if count > 1),
        }

    def _apis(self, account: str) -> dict[str, Any]:
        return {api: meter.to_doc() for (owner, api), meter in self.apis.items() if owner == account}

    def _creates(self, name: str) -> int:
        return sum(count for (owner, _), count in self.posts.items() if owner == name)

    def _queries(self) -> int:
        reads = (
            "/purchase/orders/query",
            "alibaba.trade.getBuyerOrderList",
            "alibaba.trade.get.buyerView",
            "aliexpress.trade.ds.order.get",
        )
        return sum(meter.calls for (_, api), meter in self.apis.items() if api in reads)
