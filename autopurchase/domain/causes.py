"""Causes: why a line is not booked, in one code each, with the sentence and the one thing to do about it.

The codes up to ``unknown_refusal`` are the refusal causes of the provider mapping; the rest are the product's own.
``holds`` says whether the *line* is at fault (it becomes a problem and waits for a person) or its surroundings are
(the line goes back to ready, and the cause is shown beside it).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause: ``label`` for tables, ``action`` = what to do, ``holds`` = the line waits for a person."""

    code: str
    label: str
    action: str
    holds: bool


CAUSES: dict[str, Cause] = {
    cause.code: cause
    for cause in (
        Cause("out_of_stock", "Out of stock", "Wait, choose another configuration, or tell the customer.", True),
        Cause("price_changed", "Price changed", "Accept the new price in a new plan, or ask the customer.", True),
        Cause("item_unavailable", "Item unavailable", "Find the item elsewhere or tell the customer.", True),
        Cause("sku_mismatch", "Wrong configuration", "Choose the right configuration of the item.", True),
        Cause("below_minimum", "Below the minimum quantity", "Raise the quantity or merge lines per seller.", True),
        Cause("mixed_sellers", "Several sellers in one purchase", "Plan again: lines are regrouped by seller.", True),
        Cause("bad_address", "Address refused", "Correct the session's ship-to address.", True),
        Cause("session_expired", "Session expired", "Authorise the session again.", False),
        Cause("permission_missing", "Permission missing", "Ask an administrator to check the app's rights.", False),
        Cause("throttled", "Too many calls", "Wait; the session slows down by itself.", False),
        Cause("limit_reached", "Limit reached", "Wait, or use another session.", False),
        Cause("risk_control", "Stopped by risk control", "Sign in on the marketplace's site: see what it asks.", False),
        Cause("over_budget", "More than a day's budget", "Raise the session's daily amount, or split the line.", False),
        Cause("provider_down", "Provider not answering", "Wait and plan again.", False),
        Cause("unknown_refusal", "Unexplained refusal", "Read the provider's own words in the journal.", True),
        Cause("unknown_outcome", "Outcome unknown", "It is being looked up; do not buy it by hand.", True),
        Cause("person", "Left to a person", "Look it up on the marketplace's site, then say what is there.", True),
        Cause("not_placed", "Not placed", "A person saw that it is not there: book it again.", False),
        Cause("not_payable", "No longer paid or open in the shop", "Check the order in the shop.", True),
        Cause("needs_mapping", "Not known what to buy", "Map the shop's product to an item.", True),
        Cause("partial_refund", "Partly refunded", "Decide with the customer, then return the line to ready.", True),
        Cause("closed_unpaid", "Closed unpaid", "Book again, and pay in time.", True),
        Cause("cancelled_by_buyer", "Cancelled by the account", "Return the line to ready to book again.", True),
        Cause("cancelled_by_seller", "Cancelled by the seller", "Find another seller, then return to ready.", True),
        Cause("closed_by_platform", "Closed by the marketplace", "Read the reason, then decide.", True),
        Cause("refunded", "Refunded by the provider", "Return the line to ready to buy it again.", True),
        Cause("build_failed", "Provider could not build the order", "Return the line to ready to book again.", True),
        Cause("closed_other", "Closed by the provider", "Read the provider's own words, then decide.", True),
        Cause("withdrawn", "Withdrawn before it was sent", "Nothing was ordered: book it again when wanted.", False),
        Cause("cancel_asked", "Cancel asked", "Wait: what became of it is read back from the marketplace.", False),
        Cause("cancel_refused", "Cancel refused", "It lives on there: pay it, or cancel it on the site.", True),
        Cause("paid_meanwhile", "Cancel refused: paid", "Ask for a refund on the marketplace's site.", True),
        Cause("not_whole", "Holds other lines too", "Include the others: an order is cancelled whole.", False),
        Cause("unbound", "Unbound", "Its provider order lives on: bind or cancel that, then return to ready.", True),
        Cause("price_raised", "Seller raised the price", "Accept the new price, or cancel at provider.", True),
        Cause("differs", "Differs from the plan", "Compare, then accept it or cancel at provider.", True),
        Cause("released", "Released: not as planned", "Look at the evidence, then return to ready.", True),
        Cause("partial_stock", "Not enough in stock", "Split the line: book what there is.", True),
        Cause("quantity_reduced", "Fewer wanted in the shop", "Cancel the surplus, or settle it in the shop.", True),
        Cause("part_booked", "Only a part is booked", "More is wanted than was booked: split off the rest.", True),
        Cause("not_supported", "Not supported", "Do it on the marketplace's own site.", True),
        Cause("no_such_order", "No such order", "Check the number and the session.", True),
        Cause("our_bug", "Defect of the program", "Report it with the journal cell.", True),
    )
}

#: close reason of a provider order -> cause of the line (mapping: close reasons)
CLOSE_CAUSES: dict[str, str] = {
    "unpaid_timeout": "closed_unpaid",
    "cancelled_by_buyer": "cancelled_by_buyer",
    "cancelled_by_seller": "cancelled_by_seller",
    "closed_by_platform": "closed_by_platform",
    "refunded": "refunded",
    "build_failed": "build_failed",
    "other": "closed_other",
}


def cause(code: str) -> Cause:
    """The cause of ``code``; an unlisted code reads as itself and holds the line."""
    return CAUSES.get(code) or Cause(code, code.replace("_", " ").capitalize(), "Read the journal.", True)
