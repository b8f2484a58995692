"""Causes, not errors: what each cause reads like when lines are counted under it, and the one act that helps.

An act is one of `ACTS`. What may be booked again, and when, is decided by `may_retry`; an unknown outcome never may.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autopurchase.domain.causes import CAUSES, cause

#: what can be done: act -> its words on a button or in a table
ACTS: dict[str, str] = {
    "reauthorise": "Authorise again",
    "accept_price": "Accept the new price",
    "choose": "Choose what to buy",
    "split": "Split",
    "merge": "Merge per seller",
    "wait": "Wait",
    "again": "Plan again",
    "ready": "Return to ready",
    "compare": "Compare, then accept or cancel",
    "settle": "Settle",
    "session": "Put the session right",
    "elsewhere": "Book through another session",
    "person": "Ask a person",
}
#: acts that have to come before the line is planned again: without them the plan would say the same
_FIRST = frozenset({"choose", "ready", "compare", "session", "elsewhere", "person"})


@dataclass(frozen=True, slots=True)
class Remedy:
    """``phrase`` follows a count of lines: “4 price over limit”; ``act``: the one thing to do about it."""

    act: str
    phrase: str


_REMEDIES: dict[str, tuple[str, str]] = {
    "out_of_stock": ("wait", "out of stock"),
    "price_changed": ("accept_price", "price over limit"),
    "item_unavailable": ("choose", "item unavailable"),
    "sku_mismatch": ("choose", "wrong configuration"),
    "below_minimum": ("merge", "below the minimum"),
    "mixed_sellers": ("again", "several sellers in one purchase"),
    "bad_address": ("session", "one refused address"),
    "session_expired": ("reauthorise", "one expired session"),
    "permission_missing": ("session", "one missing right"),
    "throttled": ("wait", "too many calls"),
    "limit_reached": ("wait", "one limit reached"),
    "risk_control": ("session", "one session stopped by risk control"),
    "over_budget": ("session", "more than a day's budget"),
    "provider_down": ("again", "marketplace not answering"),
    "unknown_refusal": ("person", "unexplained"),
    "unknown_outcome": ("settle", "unknown"),
    "person": ("settle", "left to a person"),
    "not_placed": ("again", "not placed"),
    "not_payable": ("person", "no longer paid in the shop"),
    "needs_mapping": ("choose", "not known what to buy"),
    "partial_refund": ("person", "partly refunded"),
    "closed_unpaid": ("ready", "closed unpaid"),
    "cancelled_by_buyer": ("ready", "cancelled by the account"),
    "cancelled_by_seller": ("choose", "cancelled by the seller"),
    "closed_by_platform": ("person", "closed by the marketplace"),
    "refunded": ("ready", "refunded"),
    "build_failed": ("ready", "not built by the marketplace"),
    "closed_other": ("person", "closed for another reason"),
    "withdrawn": ("again", "withdrawn before sending"),
    "cancel_asked": ("wait", "cancel asked"),
    "cancel_refused": ("person", "cancel refused"),
    "paid_meanwhile": ("person", "paid before the cancel"),
    "not_whole": ("person", "in one order with other lines"),
    "unbound": ("ready", "unbound"),
    "price_raised": ("compare", "price raised by the seller"),
    "differs": ("compare", "not as planned"),
    "released": ("ready", "released, not as planned"),
    "partial_stock": ("split", "not enough in stock"),
    "quantity_reduced": ("person", "fewer wanted in the shop"),
    "part_booked": ("split", "booked in part"),
    "not_supported": ("person", "not supported"),
    "no_such_order": ("person", "no such order"),
    "our_bug": ("person", "defect of the program"),
    # only ever said of lines that a plan left out
    "drifted": ("again", "changed meanwhile"),
    "wrong_session": ("elsewhere", "of another marketplace"),
}
#: causes that lie with the purchasing account, whatever the line: all lines of a session are one case
OF_SESSION = frozenset(
    "session_expired permission_missing throttled limit_reached risk_control over_budget provider_down "
    "bad_address".split()
)
#: nobody knows yet what they mean; the marketplace's own words stand beside them
UNEXPLAINED = frozenset({"unknown_refusal", "closed_other", "our_bug"})
#: not refused: looked up first, so they are neither explained nor unexplained
UNDECIDED = frozenset({"unknown_outcome", "person"})


def remedy(code: str) -> Remedy:
    """The remedy of a cause; one that is not listed needs a person."""
    return Remedy(*_REMEDIES.get(code, ("person", cause(code).label.lower())))


def unexplained(code: str) -> bool:
    """Whether a cause explains nothing: listed as such, or not listed at all."""
    return code in UNEXPLAINED or (code not in CAUSES and code not in _REMEDIES)


def may_retry(code: str, line: Mapping[Any, Any], *, session_works: bool, untouched: bool = False) -> bool:
    """Whether a line that was not booked because of ``code`` may be planned again through the same session.

    ``line``: as it is now (``ready``, ``purchase``, ``cause``). It may when it is ready again, for then whatever its
    cause asked for was done, and the session books; a line held for its price may, once its new price is accepted.
    ``untouched``: a plan left it out, and nothing about it has changed since.
    """
    if code in UNDECIDED or not session_works or (untouched and remedy(code).act in _FIRST):
        return False
    held_for_price = line["purchase"] == "problem" and line["cause"] == code == "price_changed"
    return bool(line["ready"]) or held_for_price


def explained(counts: Mapping[str, int]) -> tuple[int, int]:
    """Of lines by cause: how many are explained, and of how many that is said (unknown outcomes are not counted)."""
    decided = {code: lines for code, lines in counts.items() if code not in UNDECIDED}
    return sum(lines for code, lines in decided.items() if not unexplained(code)), sum(decided.values())
