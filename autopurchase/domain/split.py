"""Splitting a line: how money is divided, and what a shop's later word means for the parts. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autopurchase.domain.errors import BadInput


def checked(number: str, parts: Sequence[int], pieces: int) -> list[int]:
    """The parts of a line of so many pieces. Raises BadInput that says what is wrong with them."""
    if pieces < 2:
        raise BadInput(f"{number} has only one piece: there is nothing to split.")
    if len(parts) < 2 or any(part < 1 for part in parts):
        raise BadInput(f"{number} is split into two parts or more, each of at least one piece.")
    if sum(parts) != pieces:
        raise BadInput(f"The parts of {number} must add up to its {pieces} pieces, not to {sum(parts)}.")
    return list(parts)


def divide(minor: int, weights: Sequence[int]) -> list[int]:
    """An amount in minor units over parts, in proportion to their weights; nothing is lost or made."""
    whole, found, given = sum(weights), [], 0
    for weight in weights[:-1]:
        share = minor * weight // whole
        found.append(share)
        given += share
    return [*found, minor - given]


@dataclass(frozen=True, slots=True)
class Part:
    """A part as it is stored. ``free``: nothing of it is at a provider; ``sent``: it is on its way or there.

    ``dead``: it is no longer wanted.
    """

    quantity: int
    open_quantity: int
    free: bool
    sent: bool = False
    dead: bool = False

    @property
    def gone(self) -> bool:
        """Nothing is left of it: the shop took its pieces away, or it was joined with another part."""
        return self.dead and self.free and self.open_quantity == 0


@dataclass(frozen=True, slots=True)
class Share:
    """What of the shop's line belongs to one part. ``surplus``: more is bought for it than the shop still wants."""

    quantity: int
    open_quantity: int
    surplus: bool = False


def shares(parts: Sequence[Part], quantity: int, open_quantity: int) -> list[Share]:
    """The shop's line of ``quantity`` pieces, ``open_quantity`` of them to be delivered, over its parts.

    Parts stay as they are while the shop says what it said. Pieces more go to a free part; pieces fewer are taken from
    free parts first, and what is bought already is never made smaller. Pieces delivered are those of sent parts first.
    """
    sizes = [0 if part.gone else part.quantity for part in parts]
    more = quantity - sum(sizes)
    if more > 0:
        _grow(parts, sizes, more)
    left = _shrink(parts, sizes, -more) if more < 0 else 0
    surplus = _surplus(parts, left)
    closed = [min(part.quantity - part.open_quantity, size) for part, size in zip(parts, sizes, strict=True)]
    _close(parts, sizes, closed, max(0, quantity - open_quantity) - sum(closed))
    return [
        Share(size, size - gone, place in surplus) for place, (size, gone) in enumerate(zip(sizes, closed, strict=True))
    ]


def _grow(parts: Sequence[Part], sizes: list[int], more: int) -> None:
    """To the first free part that is wanted; without one, back to parts that were taken away, else to the last."""
    wanted = [place for place, part in enumerate(parts) if part.free and not part.dead and sizes[place]]
    if wanted:
        sizes[wanted[0]] += more
        return
    for place, part in enumerate(parts):
        if sizes[place] == 0:
            back = min(part.quantity, more)
            sizes[place] += back
            more -= back
    sizes[-1] += more


def _shrink(parts: Sequence[Part], sizes: list[int], fewer: int) -> int:
    """From free parts, those no longer wanted and the last first; returns the pieces that nobody could give."""
    free = [place for place, part in enumerate(parts) if part.free]
    for place in sorted(free, key=lambda place: (not parts[place].dead, -place)):
        taken = min(sizes[place], fewer)
        sizes[place] -= taken
        fewer -= taken
    return fewer


def _surplus(parts: Sequence[Part], left: int) -> set[int]:
    """The last of the parts under way that together hold so many pieces."""
    found = set()
    for place in reversed(range(len(parts))):
        if left > 0 and not parts[place].free:
            found.add(place)
            left -= parts[place].quantity
    return found


def _close(parts: Sequence[Part], sizes: Sequence[int], closed: list[int], more: int) -> None:
    """Pieces that are no longer to be delivered: first of parts that were sent, then of free ones, then of the rest."""
    order = sorted(range(len(parts)), key=lambda place: (not parts[place].sent, not parts[place].free, -place))
    for place in order if more > 0 else reversed(order):
        step = min(sizes[place] - closed[place], more) if more > 0 else max(-closed[place], more)
        closed[place] += step
        more -= step
