"""Mappings: what is bought for a product of a shop, said once by a person and remembered.

A mapping belongs to one source, or to every source that has none of its own for the product. It stands in place of what
the source itself says. Making, changing or removing one touches the lines with nothing under way, and only those.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from autopurchase.domain import amend, code
from autopurchase.domain.errors import BadInput
from autopurchase.domain.mapping import NEEDS_MAPPING, Target, bought_as, checked, own_of
from autopurchase.domain.order import LineStatus
from autopurchase.domain.roles import CLOCK, Actor, Role
from autopurchase.services.context import Context
from autopurchase.services.import_rules import differences, told
from autopurchase.services.tables import read_table, table_bytes
from autopurchase.storage import lines, mappings, runs, sources, write_backs
from autopurchase.storage import orders as order_store
from autopurchase.storage.database import Connection, Row
from autopurchase.storage.lines import Event, chunks
from autopurchase.storage.mappings import Key

#: columns of an exported table, and of one to import; an empty source means every source
COLUMNS = (
    "source", "product_key", "title", "provider", "item_id", "sku_id", "spec_id", "ratio", "seller_id", "seller_name",
    "item_url",
)  # fmt: skip
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class MappingView:
    """One mapping; an empty ``source`` means every source."""

    source: str
    product_key: str
    title: str
    target: Target
    changed_at: datetime
    actor: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A product whose lines wait for a mapping: how many lines and pieces, since when, and why it is unclear."""

    source: str
    product_key: str
    title: str
    configuration: str
    unclear: str
    photo_url: str
    item_url: str
    lines: int
    pieces: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of a product's history; ``before`` None: it was new, ``after`` None: it was removed."""

    at: datetime
    actor: str
    run_id: int
    source: str
    before: Target | None
    after: Target | None


def set(ctx: Context, actor: Actor, source: str, product_key: str, target: Target, *, title: str = "") -> int:
    """Say what is bought for a product of ``source`` (empty: of every source); returns the run.

    Lines of it that waited become ready, other free ones change, what is under way stays. Raises BadInput, NotAllowed.
    """
    actor.require(Role.OPERATOR)
    key = product_key.strip()
    if not key:
        raise BadInput("A mapping needs the shop's id of the product.")
    target = checked(target, ctx.providers)
    shown = {name: value for name, value in target.as_json().items() if value not in ("", 1)}
    call = code.call("shop.mapping.set", source, key, **shown)
    return _change(ctx, actor, call, [(source, key, title, target)])


def remove(ctx: Context, actor: Actor, source: str, product_key: str) -> int:
    """Forget a mapping: what the source itself says counts again; returns the run. Raises BadInput, NotAllowed."""
    actor.require(Role.OPERATOR)
    with ctx.db.read() as tx:
        if mappings.get(tx, (_source_id(tx, source), product_key)) is None:
            raise BadInput(f"There is no mapping of “{product_key}” for {source or 'every source'}.")
    call = code.call("shop.mapping.remove", source, product_key)
    return _change(ctx, actor, call, [(source, product_key, "", None)])


def import_file(ctx: Context, actor: Actor, path: Path, *, encoding: str = "") -> int:
    """Take mappings from a CSV or Excel table with `COLUMNS`; returns the run, which keeps what was refused and why.

    Rows that are as they should be are set, whatever the others are. ``ratio`` may be left out. Raises BadInput when
    the file as a whole cannot be used, NotAllowed.
    """
    actor.require(Role.OPERATOR)
    rows = read_table(path, ("product_key", "provider", "item_id"), encoding)
    with ctx.db.read() as tx:
        names = {row["name"] for row in sources.listing(tx)}
    good: dict[tuple[str, str], tuple[str, str, str, Target | None]] = {}
    rejects: list[dict[str, Any]] = []
    for position, row in rows:
        try:
            entry = _entry(row, names, ctx.providers)
            if entry[:2] in good:
                raise BadInput(f"“{entry[1]}” is in the table more than once; the first row was taken.")
            good[entry[:2]] = entry
        except BadInput as error:
            rejects.append(order_store.reject_row(position, error.sentence, row))
    call = code.call("shop.mapping.import_file", Path(path).name)
    return _change(ctx, actor, call, list(good.values()), rejects)


def _entry(
    row: Mapping[str, str], names: Collection[str], providers: Collection[str]
) -> tuple[str, str, str, Target | None]:
    source, key, ratio = row.get("source", ""), row.get("product_key", ""), row.get("ratio") or "1"
    if not key:
        raise BadInput("product_key is empty: it is the shop's id of the product.")
    if source and source not in names:
        raise BadInput(f"There is no source “{source}”; leave it empty for every source.")
    if not (ratio.isascii() and ratio.isdigit()):
        raise BadInput(f"ratio “{ratio[:20]}” is not a whole number from 1 up.")
    words = {name: row.get(name, "") for name in Target().as_json() if name != "ratio"}
    target = checked(Target(ratio=int(ratio), **words | {"provider": words["provider"].lower()}), providers)
    return source, key, row.get("title", ""), target


def export(ctx: Context, actor: Actor, kind: str = "csv") -> bytes:
    """Every mapping as a table that `import_file` takes: ``csv`` or ``xlsx``. Raises BadInput, NotAllowed."""
    found = listing(ctx, actor, limit=1_000_000)
    rows = [{**view.target.as_json(), "source": view.source, "product_key": view.product_key, "title": view.title}
            for view in found]  # fmt: skip
    return table_bytes(rows, COLUMNS, kind)


def listing(
    ctx: Context, actor: Actor, *, source: str = "", text: str = "", limit: int = 1000, offset: int = 0
) -> list[MappingView]:
    """Mappings by product; ``source`` restricts to its own, ``text`` to a part of product or title."""
    actor.require(Role.VIEWER)
    with ctx.db.read() as tx:
        wanted = _source_id(tx, source)
        rows = mappings.listing(tx, source_id=wanted, text=text, limit=limit, offset=offset)
    return [
        MappingView(
            source=row["source"] or "",
            product_key=row["product_key"],
            title=row["title"],
            target=Target.from_json(row["target"]),
            changed_at=row["changed_at"],
            actor=row["actor"],
        )
        for row in rows
    ]


def waiting(ctx: Context, actor: Actor, *, source: str = "", limit: int = 500) -> list[Waiting]:
    """Products whose lines wait for a mapping, most lines first."""
    actor.require(Role.VIEWER)
    with ctx.db.read() as tx:
        rows = mappings.waiting(tx, _source_id(tx, source), limit)
    return [Waiting(**{name: value for name, value in row.items() if name != "source_id"}) for row in rows]


def waiting_count(ctx: Context, actor: Actor, *, source: str = "") -> int:
    """Lines that wait for a mapping."""
    actor.require(Role.VIEWER)
    with ctx.db.read() as tx:
        return mappings.waiting_count(tx, _source_id(tx, source))


def history(ctx: Context, actor: Actor, product_key: str) -> list[Change]:
    """What became of a product's mappings, newest first."""
    actor.require(Role.VIEWER)
    with ctx.db.read() as tx:
        rows = mappings.changes(tx, product_key)
    return [
        Change(
            row["at"],
            row["actor"],
            row["run_id"],
            row["source"] or "",
            Target.from_json(row["before"]) if row["before"] else None,
            Target.from_json(row["after"]) if row["after"] else None,
        )
        for row in rows
    ]


def _source_id(tx: Connection, name: str) -> int | None:
    return int(sources.by_name(tx, name)["id"]) if name else None


# --- changing ---


def _change(
    ctx: Context,
    actor: Actor,
    call: str,
    entries: Sequence[tuple[str, str, str, Target | None]],
    rejects: Sequence[Mapping[str, Any]] = (),
) -> int:
    """Set (source, product, title, target; None removes) in one transaction, with the lines it is about."""
    now = ctx.now()
    with ctx.db.write() as tx:
        order_store.take_turn(tx)  # an import that looks mappings up meanwhile waits, and looks again
        run_id = runs.create(tx, kind="mapping", actor=actor.name, at=now, call=call, state="running")
        keys: list[Key] = [(_source_id(tx, source), key) for source, key, _, _ in entries]
        titles = mappings.titles(tx, keys)
        changed = [
            key
            for key, (_, _, title, target) in zip(keys, entries, strict=True)
            if mappings.put(
                tx, key, target, title=title or titles.get(key[1], ""), at=now, actor=actor.name, run_id=run_id
            )
        ]
        counts = _apply(tx, changed, now, actor.name, run_id)
        runs.add_rejects(tx, run_id, rejects)
        figures = {"set": len(changed), "unchanged": len(keys) - len(changed), "rejected": len(rejects)}
        runs.finish(tx, run_id, at=now, out={"mappings": figures, "lines": dict(counts)})
    return run_id


def _apply(tx: Connection, keys: Sequence[Key], at: datetime, actor: str, run_id: int) -> Counter[str]:
    """Bring the free lines of these products to what is bought for them now; counts: changed, freed, held."""
    counts: Counter[str] = Counter({"changed": 0, "freed": 0, "held": 0})
    for part in chunks(sorted({key for _, key in keys}), _AT_ONCE):
        rows = mappings.free_lines(tx, keys=part)
        counts.update(_apply_to(tx, rows, at, actor, run_id))
    return counts


def apply_to_orders(ctx: Context, order_ids: Sequence[int]) -> None:
    """Bring free lines of these orders to today's mappings: one that was under way meanwhile has the old one.

    Called before lines are bought.
    """
    with ctx.db.read() as tx:
        if not mappings.any_at_all(tx):
            return
    with ctx.db.write() as tx:
        for part in chunks(order_ids, _AT_ONCE):
            _apply_to(tx, mappings.free_lines(tx, order_ids=part), ctx.now(), CLOCK.name, None)


def _apply_to(tx: Connection, rows: Sequence[Row], at: datetime, actor: str, run_id: int | None) -> Counter[str]:
    changes: list[tuple[int, Mapping[str, Any]]] = []
    events: list[Event] = []
    targets = _targets(tx, rows)
    for row in rows:
        mapped = targets[row["source_id"]].get(row["product_key"])
        values = differences(row, amend.over(row, bought_as(own_of(row), mapped)))
        if values:
            changes.append((row["id"], values))
            events += [Event(row["id"], kind, data) for kind, data in _events(row, values, mapped)]
    order_store.update_lines(tx, changes)
    lines.record(tx, events, at=at, actor=actor, run_id=run_id)
    moved = {event.line_id for event in events if event.kind in ("mapped", "held")}
    write_backs.ask(tx, lines.orders_of(tx, sorted(moved)), at)
    freed = sum(1 for row in rows if row["cause"] == NEEDS_MAPPING and row["id"] in moved)
    return Counter({"changed": len(changes), "freed": freed, "held": sum(event.kind == "held" for event in events)})


def _targets(tx: Connection, rows: Sequence[Row]) -> dict[int, dict[str, Target]]:
    """By source: what is bought for the products of these lines."""
    keys: dict[int, list[str]] = {}
    for row in rows:
        keys.setdefault(row["source_id"], []).append(row["product_key"])
    return {source_id: mappings.targets(tx, source_id, found) for source_id, found in keys.items()}


def _events(row: Row, values: Mapping[str, Any], mapped: Target | None) -> list[tuple[str, dict[str, Any]]]:
    fields = {"fields": told(row, values)}
    if mapped is not None:
        return [("mapped", {**fields, "by": "mapping"})]
    unknown = not values.get("item_id", row["item_id"])
    hold = unknown and row["purchase"] == "ready" and row["open_quantity"] > 0 and row["status"] != LineStatus.SHIPPED
    return [("changed", fields), *([("held", {"cause": NEEDS_MAPPING})] if hold else [])]
