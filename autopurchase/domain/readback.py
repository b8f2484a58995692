"""What was asked for and what the provider made of it: the comparison after placing. Pure functions.

Goods are compared by what they are, not one by one: a provider may join two lines of one configuration, or part one
line. Cheaper never differs; dearer does beyond the tolerance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from autopurchase.domain.money import amount_text


@dataclass(frozen=True, slots=True)
class Goods:
    """One line of goods. ``name``: our line number, or the provider's; ``fen``: for all pieces (None: not known).

    ``aliases``: further ids that the provider goes by for the item and its configuration.
    """

    name: str
    item_id: str
    sku_id: str
    spec_id: str
    quantity: int
    fen: int | None
    aliases: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Sums:
    """Freight and total in fen; None: not known."""

    freight_fen: int | None = None
    total_fen: int | None = None


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much dearer is still as planned: a fraction of the price (None: any) and fen of freight."""

    price: Decimal | None
    freight_fen: int

    def most(self, fen: int) -> int:
        """The highest price that is still as planned."""
        return int((Decimal(fen) * (1 + (self.price or 0))).to_integral_value(ROUND_HALF_UP))


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as planned.

    ``what``: missing, extra, configuration, quantity, price, freight or total. ``asked`` and ``said`` are pieces, fen
    or an id, as ``what`` says; ``lines`` are our line numbers (of an extra one, the provider's).
    """

    what: str
    lines: tuple[str, ...]
    asked: int | str
    said: int | str

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values, kept as the evidence."""
        return {"what": self.what, "lines": list(self.lines), "asked": self.asked, "said": self.said}


@dataclass(slots=True)
class _Group:
    """Our lines of one configuration, and the provider's lines that stand for them."""

    asked: list[Goods]
    said: list[Goods] = field(default_factory=list)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(line.name for line in self.asked)


def compare(
    asked: Sequence[Goods], said: Sequence[Goods], sums: tuple[Sums, Sums], tolerance: Tolerance
) -> list[Difference]:
    """Everything that is not as planned; ``sums``: what was planned, what the provider says."""
    groups = _grouped(asked)
    extra = _assigned(groups, said)
    found = [each for group in groups for each in _goods(group, tolerance)]
    found += [Difference("extra", (line.name,), 0, line.quantity) for line in extra]
    return found + _sums(asked, *sums, tolerance)


def _grouped(asked: Sequence[Goods]) -> list[_Group]:
    groups: dict[tuple[str, str, str], _Group] = {}
    for line in asked:
        groups.setdefault((line.item_id, line.sku_id, line.spec_id), _Group([])).asked.append(line)
    return list(groups.values())


_SAME, _PERHAPS, _OTHER_CONFIGURATION, _OTHER = 3, 2, 1, 0


def _assigned(groups: Sequence[_Group], said: Sequence[Goods]) -> list[Goods]:
    """Give every provider line to the group most like it, sure ones first; returns those that stand for none."""
    extra = []
    for line in sorted(said, key=lambda each: _best(groups, each)[0], reverse=True):
        likeness, group = _best(groups, line)
        if group is None or likeness is _OTHER or (likeness is _OTHER_CONFIGURATION and group.said):
            extra.append(line)
        else:
            group.said.append(line)
    return extra


def _best(groups: Sequence[_Group], line: Goods) -> tuple[int, _Group | None]:
    """The group most like the line; of equals one that has no line yet."""
    ranked = [(_likeness(group.asked[0], line), not group.said, -place) for place, group in enumerate(groups)]
    if not ranked:
        return _OTHER, None
    likeness, _, place = max(ranked)
    return likeness, groups[-place]


def _likeness(ours: Goods, theirs: Goods) -> int:
    if same_item(ours, theirs) is False:
        return _OTHER
    configuration = same_configuration(ours, theirs)
    if configuration is None:
        return _PERHAPS
    return _SAME if configuration else _OTHER_CONFIGURATION


def same_item(ours: Goods, theirs: Goods) -> bool | None:
    """Whether both are one item; None where the ids cannot tell: some marketplaces take encrypted ids."""
    if theirs.item_id in ours.aliases:
        return True
    plain = ours.item_id.isdigit() and theirs.item_id.isdigit()
    return ours.item_id == theirs.item_id if plain else None


def same_configuration(ours: Goods, theirs: Goods) -> bool | None:
    """Whether both are one configuration; None where the ids cannot tell."""
    if {theirs.spec_id, theirs.sku_id} & ours.aliases:
        return True
    spec = _same(ours.spec_id, theirs.spec_id)
    return _same(ours.sku_id, theirs.sku_id) if spec is None else spec


def _same(ours: str, theirs: str) -> bool | None:
    return ours == theirs if ours and theirs else None


def _goods(group: _Group, tolerance: Tolerance) -> list[Difference]:
    asked = sum(line.quantity for line in group.asked)
    if not group.said:
        return [Difference("missing", group.names, asked, 0)]
    found = []
    for line in group.said:
        if same_configuration(group.asked[0], line) is False:
            ours = group.asked[0]
            found.append(Difference("configuration", group.names, _configuration(ours), _configuration(line)))
    pieces = sum(line.quantity for line in group.said)
    if pieces != asked:
        found.append(Difference("quantity", group.names, asked, pieces))
    return found + _price(group, pieces, tolerance)


def _configuration(line: Goods) -> str:
    return line.spec_id or line.sku_id


def _price(group: _Group, pieces: int, tolerance: Tolerance) -> list[Difference]:
    """Compared for the pieces that are there, so that a wrong quantity is not told twice."""
    planned, asked = _known(group.asked), sum(line.quantity for line in group.asked)
    now = _known(group.said)
    if planned is None or now is None or tolerance.price is None or not asked:
        return []
    planned = int((Decimal(planned) * pieces / asked).to_integral_value(ROUND_HALF_UP))
    most = tolerance.most(planned) + pieces  # unit prices are rounded to the fen
    return [Difference("price", group.names, planned, now)] if now > most else []


def _known(lines: Sequence[Goods]) -> int | None:
    """The sum; None when an amount is not known."""
    amounts = [line.fen for line in lines]
    return None if None in amounts else sum(fen for fen in amounts if fen is not None)


def _sums(asked: Sequence[Goods], planned: Sums, now: Sums, tolerance: Tolerance) -> list[Difference]:
    if planned.freight_fen is None:  # not known before the order was placed: nothing to compare with
        return []
    names = tuple(line.name for line in asked)
    found = []
    freight_most = planned.freight_fen + tolerance.freight_fen
    if now.freight_fen is not None and now.freight_fen > freight_most:
        found.append(Difference("freight", names, planned.freight_fen, now.freight_fen))
    if planned.total_fen is None or now.total_fen is None or tolerance.price is None:
        return found
    if now.total_fen > tolerance.most(planned.total_fen - planned.freight_fen) + freight_most:
        found.append(Difference("total", names, planned.total_fen, now.total_fen))
    return found


_WORDS = {
    "missing": "{lines}: {asked} asked, none there",
    "extra": "{said} pieces there that nobody asked for",
    "configuration": "{lines}: configuration {asked} asked, {said} there",
    "quantity": "{lines}: {asked} pieces asked, {said} there",
    "price": "{lines}: {asked} CNY planned, {said} CNY there",
    "price_raised": "{lines}: {asked} CNY before, {said} CNY now",
    "freight": "freight {asked} CNY planned, {said} CNY there",
    "total": "total {asked} CNY planned, {said} CNY there",
}
_IN_FEN = frozenset({"price", "price_raised", "freight", "total"})


def told(found: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """One difference as a template and what goes into it, so that pages can say it in another language."""
    what = found["what"]
    values = {name: found[name] for name in ("asked", "said")}
    if what in _IN_FEN:
        values = {name: amount_text(int(value), "CNY") for name, value in values.items()}
    return _WORDS.get(what, "{lines}: {asked} asked, {said} there"), values | {"lines": ", ".join(found["lines"])}


def sentence(found: Sequence[Difference]) -> str:
    """All differences in one sentence."""
    parts = [told(each.as_json()) for each in found]
    return "Not as planned: " + "; ".join(words.format(**values) for words, values in parts) + "."
