"""Things that go wrong on purpose. A rule says what, where, and for which calls."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

BEFORE = ("hang_before", "error_before", "drop_before", "throttle", "expired_token", "html")  # nothing is done
AFTER = ("hang_after", "error_after", "drop_after", "html_after")  # done, then the answer is spoilt
LATE = ("late",)  # done only after `seconds`, also when the client has gone
INSIDE = (  # the call is answered properly, with this in it
    "out_of_stock",
    "price_change",
    "unknown_status",
    "lag",
    "build_error",
    "hidden",
    "split",
    "flat_false",
    "partial",
    "refuse",
    "cancel_ignored",  # a cancel is accepted, and nothing happens
    "cancel_refused",  # a cancel of an unpaid order is refused
    "limit",  # the account may not order any more for now
    "risk",  # its orders are stopped by risk control
)
KINDS = BEFORE + AFTER + LATE + INSIDE


@dataclass(frozen=True)
class Occasion:
    """One call as the rules see it. `post` counts the POSTs of the same reference, 1 for the first."""

    market: str
    account: str
    api: str
    kind: str  # create, preview, list, detail, item, cancel, pay, logistics, token, other
    reference: str = ""
    post: int = 1


class Faults:
    """The rules in force, asked in order; the first that fits decides.

    A rule: `kind` (see KINDS); `on` (kind or exact name of the API, default create, `*` all); `market`; `account`;
    `probability` with `seed`, or `share` of references by hash (then only their first POST), or `references`
    (the same); `times` at most; and what the kind needs: `seconds`, `percent`, `status`, `style`, `then`, `code`,
    `message`.
    """

    def __init__(self, rules: list[dict[str, Any]] | None = None) -> None:
        self.rules: list[dict[str, Any]] = []
        self.hits: Counter[int] = Counter()
        self._asked: Counter[int] = Counter()
        self.set(rules or [])

    def set(self, rules: list[dict[str, Any]]) -> None:
        """Replace the rules and forget their counters. ValueError names a wrong kind."""
        wrong = [rule.get("kind") for rule in rules if rule.get("kind") not in KINDS]
        if wrong:
            raise ValueError(f"no such fault: {wrong[0]}; there are {', '.join(KINDS)}")
        self.rules = rules
        self.hits.clear()
        self._asked.clear()

    def choose(self, occasion: Occasion) -> dict[str, Any] | None:
        """The rule that strikes this call, or None."""
        for number, rule in enumerate(self.rules):
            if self._fits(rule, occasion) and self._strikes(number, rule, occasion):
                self.hits[number] += 1
                return rule
        return None

    @staticmethod
    def _fits(rule: dict[str, Any], occasion: Occasion) -> bool:
        return (
            rule.get("on", "create") in ("*", occasion.kind, occasion.api)
            and rule.get("market", occasion.market) == occasion.market
            and rule.get("account", occasion.account) == occasion.account
        )

    def _strikes(self, number: int, rule: dict[str, Any], occasion: Occasion) -> bool:
        if "times" in rule and self.hits[number] >= int(rule["times"]):
            return False
        if "references" in rule:
            return occasion.reference in rule["references"] and occasion.post <= int(rule.get("posts", 1))
        if "share" in rule:
            chosen = draw(f"{rule.get('seed', 0)}:{occasion.reference}") < float(rule["share"])
            return chosen and occasion.post <= int(rule.get("posts", 1))
        self._asked[number] += 1
        return draw(f"{rule.get('seed', 0)}#{self._asked[number]}") < float(rule.get("probability", 1))


def draw(key: str) -> float:
    """A number in 0..1 that depends on the key alone."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6]) / 2**48
