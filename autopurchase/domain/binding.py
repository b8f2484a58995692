"""Binding: which line of a provider order is which line of ours, what differs, and how a line would be split. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from autopurchase.domain.money import amount_text

#: likeness of a provider order's line to one of ours
OTHER, OTHER_CHOICE, SAME_ITEM, SAME = range(4)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A line of ours under the ids that orders show; an empty item id is not known.

    ``pieces`` are to be bought, ``ratio`` for each one sold; ``seen_fen``: unit price it was sold from. ``payable``:
    the customer has paid and agreed. ``orders``: it must be one of these; ``named``: a person named it.
    """

    number: str
    item_id: str
    sku_id: str
    spec_id: str
    pieces: int
    ratio: int = 1
    seller_id: str = ""
    seller_name: str = ""
    seen_fen: int | None = None
    payable: bool = True
    paid_at: datetime | None = None
    orders: tuple[str, ...] = ()
    named: bool = True


@dataclass(frozen=True, slots=True)
class Offered:
    """A line of a provider order; ``free`` of its ``pieces`` are bound to nothing. ``key`` is our own of it."""

    key: int
    order: str
    item_id: str
    sku_id: str
    spec_id: str
    pieces: int
    free: int
    amount_fen: int | None = None
    seller_id: str = ""
    seller_name: str = ""
    created_at: datetime | None = None

    @property
    def price_fen(self) -> int | None:
        """Unit price, rounded; None when the order does not tell."""
        if self.amount_fen is None or self.pieces <= 0:
            return None
        return (2 * self.amount_fen + self.pieces) // (2 * self.pieces)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as on our line. A ``serious`` one is bound only for a reason that a person gives."""

    what: str  # item, configuration, quantity, price, seller, payment
    ours: str
    theirs: str
    serious: bool = False

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"what": self.what, "ours": self.ours, "theirs": self.theirs, "serious": self.serious}


@dataclass(frozen=True, slots=True)
class Match:
    """A line of ours and what it would be bound to. ``split``: how many pieces sold each part would have, if short.

    ``left``: pieces of the provider order's line that stay free after all lines are bound.
    """

    wanted: Wanted
    offered: Offered
    split: tuple[int, ...] = ()
    left: int = 0

    @property
    def differences(self) -> list[Difference]:
        """What differs, the serious first."""
        found = differences(self.wanted, self.offered)
        if self.left or self.split:
            found.append(Difference("quantity", str(self.wanted.pieces), str(self.offered.free)))
        return sorted(found, key=lambda one: not one.serious)

    @property
    def fit(self) -> str:
        """``short`` (split first), ``mismatch`` (needs a reason), ``differs`` or ``fits``."""
        if self.split:
            return "short"
        found = self.differences
        return "mismatch" if any(one.serious for one in found) else "differs" if found else "fits"


def likeness(wanted: Wanted, offered: Offered) -> int:
    """How much the provider order's line looks like ours."""
    if not wanted.item_id or wanted.item_id != offered.item_id:
        return OTHER
    same = _same_choice(wanted, offered)
    return SAME_ITEM if same is None else SAME if same else OTHER_CHOICE


def _same_choice(wanted: Wanted, offered: Offered) -> bool | None:
    """Whether both are the same configuration; None when one of them does not say."""
    for ours, theirs in ((wanted.spec_id, offered.spec_id), (wanted.sku_id, offered.sku_id)):
        if ours and theirs:
            return ours == theirs
    return None


def differences(wanted: Wanted, offered: Offered) -> list[Difference]:
    """What is not the same on both sides, pieces apart."""
    found = []
    like = likeness(wanted, offered)
    if like == OTHER:
        found.append(Difference("item", wanted.item_id, offered.item_id, serious=True))
    if like == OTHER_CHOICE:
        ours, theirs = wanted.spec_id or wanted.sku_id, offered.spec_id or offered.sku_id
        found.append(Difference("configuration", ours, theirs, serious=True))
    if not wanted.payable:
        found.append(Difference("payment", "", "", serious=True))
    price = offered.price_fen
    if wanted.seen_fen is not None and price is not None and wanted.seen_fen != price:
        found.append(Difference("price", amount_text(wanted.seen_fen, "CNY"), amount_text(price, "CNY")))
    if not _same_seller(wanted, offered, by_name=like == OTHER):
        ours, theirs = wanted.seller_name or wanted.seller_id, offered.seller_name or offered.seller_id
        found.append(Difference("seller", ours, theirs))
    return found


def _same_seller(wanted: Wanted, offered: Offered, *, by_name: bool) -> bool:
    """Ids decide; names are written in many ways, so they count only where the item does not tell the seller."""
    if wanted.seller_id and offered.seller_id:
        return wanted.seller_id == offered.seller_id
    if by_name and wanted.seller_name and offered.seller_name:
        return wanted.seller_name.casefold() == offered.seller_name.casefold()
    return True


# --- matching ---


def assign(wanted: Sequence[Wanted], offered: Sequence[Offered]) -> list[Match]:
    """Each line's best place in these provider orders, no piece given twice; lines without a place are left out.

    A line that needs more pieces than any place has is matched as short, with the parts that would fit. A line that a
    person named is matched to another item where it was named with its order, or where there is only one order.
    """
    free = {one.key: one.free for one in offered}
    found: dict[str, Match] = {}
    for line, place in _candidates(wanted, offered):
        if line.number not in found and free[place.key] >= line.pieces:
            found[line.number] = Match(line, place)
            free[place.key] -= line.pieces
    alone = len({one.order for one in offered}) == 1
    for line in wanted:
        if line.number in found or not line.named:
            continue
        match = _short(line, offered, free) or (_forced(line, offered, free) if line.orders or alone else None)
        if match is not None:
            found[line.number] = match
    matches = [found[line.number] for line in wanted if line.number in found]
    return [replace(match, left=free[match.offered.key]) for match in matches]


def _candidates(wanted: Sequence[Wanted], offered: Sequence[Offered]) -> list[tuple[Wanted, Offered]]:
    """Pairs of the same item: the most alike first, then in the order of the lines, then the orders nearest in time.

    What nobody named is taken only with its own configuration.
    """
    by_item: dict[str, list[Offered]] = {}
    for one in offered:
        by_item.setdefault(one.item_id, []).append(one)
    pairs = [
        (line, place)
        for line in wanted
        for place in by_item.get(line.item_id, [])
        if _allowed(line, place) and likeness(line, place) >= (OTHER_CHOICE if line.named else SAME_ITEM)
    ]
    turn = {line.number: place for place, line in enumerate(wanted)}
    return sorted(pairs, key=lambda pair: (*_rank(*pair), turn[pair[0].number], _apart(*pair)))


def _allowed(line: Wanted, place: Offered) -> bool:
    return not line.orders or place.order in line.orders


def _rank(line: Wanted, place: Offered) -> tuple[int, bool, bool]:
    """Sorts the best pair first: alike, just as many pieces, the same seller."""
    return -likeness(line, place), place.free != line.pieces, not _same_seller(line, place, by_name=True)


def _apart(line: Wanted, place: Offered) -> timedelta:
    """Time between the customer's payment and the order at the marketplace; the longest there is when not known."""
    if line.paid_at is None or place.created_at is None:
        return timedelta.max
    return abs(place.created_at - line.paid_at)


def candidates(wanted: Sequence[Wanted], offered: Sequence[Offered], most: int = 3) -> list[dict[str, Any]]:
    """Orders for each line, the best ``most`` first, with why; ``hours`` are between payment and order."""
    found: dict[str, list[dict[str, Any]]] = {line.number: [] for line in wanted}
    for line, place in _candidates(wanted, offered):
        known = {one["provider_order"] for one in found[line.number]}
        if len(known) < most and place.order not in known and place.free >= line.ratio:
            found[line.number].append(_candidate(line, place))
    return [one for each in found.values() for one in each]


def _candidate(line: Wanted, place: Offered) -> dict[str, Any]:
    length = _apart(line, place)
    return {
        "number": line.number,
        "provider_order": place.order,
        "free": place.free,
        "same_choice": likeness(line, place) == SAME,
        "other_choice": likeness(line, place) == OTHER_CHOICE,
        "as_many": place.free == line.pieces,
        "same_seller": bool(place.seller_id or place.seller_name) and _same_seller(line, place, by_name=True),
        "hours": None if length == timedelta.max else int(length / timedelta(hours=1)),
    }


def _short(line: Wanted, offered: Sequence[Offered], free: dict[int, int]) -> Match | None:
    """The line split over the places of its item that have pieces left."""
    places = sorted(
        (
            one
            for one in offered
            if free[one.key] >= line.ratio and _allowed(line, one) and likeness(line, one) >= SAME_ITEM
        ),
        key=lambda one: (-likeness(line, one), -free[one.key]),
    )
    parts, left = [], line.pieces // line.ratio
    for place in places:
        part = min(left, free[place.key] // line.ratio)
        if part:
            parts.append(part)
            free[place.key] -= part * line.ratio
            left -= part
    if not parts:
        return None
    return Match(line, places[0], tuple(parts) if not left else (*parts, left))


def _forced(line: Wanted, offered: Sequence[Offered], free: dict[int, int]) -> Match | None:
    """Another item in the order that the person named: the one most alike in pieces."""
    places = [one for one in offered if _allowed(line, one) and free[one.key] >= line.pieces]
    if not places:
        return None
    place = min(places, key=lambda one: (-likeness(line, one), one.free != line.pieces))
    free[place.key] -= line.pieces
    return Match(line, place)
