"""A believable workspace written straight into the tables, so that pages can be seen without any marketplace."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert

from autopurchase.domain.booking import reference
from autopurchase.domain.order import short_number
from autopurchase.ports import Vault
from autopurchase.sandbox.catalogue import Item, Sku, catalogue
from autopurchase.storage import runs
from autopurchase.storage.database import Database
from autopurchase.storage.lines import Event, record
from autopurchase.storage.migrate import migrate
from autopurchase.storage.schema import (
    booking,
    booking_attempt,
    booking_line,
    line,
    orders,
    parcel,
    provider_order,
    session,
    source,
)

CUSTOMERS = ("Anna Meyer", "Ivan Petrov", "María García", "Chen Wei", "Olu Adeyemi", "Sofia Rossi", "Aigerim S.")
CURRENCIES = (("CNY", 100), ("USD", 15), ("EUR", 14))  # minor units for 100 fen
HELD = ("out_of_stock", "price_changed", "sku_mismatch", "item_unavailable", "closed_unpaid")
BASE_URL = "http://127.0.0.1:9"


@dataclass
class Seed:
    """What was written: the moment it pretends to be, and ids by what they are."""

    now: datetime
    sessions: dict[str, int] = field(default_factory=dict)
    source: int = 0
    lines: list[tuple[int, str, str, int]] = field(default_factory=list)  # id, number, provider, cost in fen


def empty(db: Database, vault: Vault) -> None:
    """Nothing but a source without orders: configured, so that no demo is made of it."""
    migrate(db)
    with db.write() as tx:
        _shop(tx, Seed(datetime.now(UTC)), vault)


def fill(db: Database, vault: Vault, *, count: int = 200, seed: int = 7, now: datetime | None = None) -> Seed:
    """``count`` orders in every state a page can meet: ready, held, booking, booked, bought, sent."""
    migrate(db)
    dice = random.Random(seed)
    made = Seed(now or datetime.now(UTC))
    with db.write() as tx:
        _accounts(tx, made, vault)
        _orders(tx, made, dice, count)
        _import_run(tx, made)
        _hold(tx, made, dice)
        _book(tx, made, dice)
    return made


def _accounts(tx: Connection, made: Seed, vault: Vault) -> None:
    for name, provider, cap in (
        ("taobao-1", "taobao", 500),
        ("taobao-2", "taobao", 0),
        ("1688-1", "alibaba1688", 300),
        ("1688-2", "alibaba1688", 0),
    ):
        values = {
            "name": name, "provider": provider, "state": "active", "base_url": BASE_URL, "app_key": "500100",
            "secret_sealed": vault.seal({"app_secret": "s"}),
            "tokens_sealed": vault.seal({"access_token": "t"}), "ship_to": {}, "settings": {}, "rate_per_second": 5.0,
            "concurrency": 2, "daily_cap": cap, "settle_seconds": 60.0, "timeout_seconds": 30.0,
            "account": f"{name}-buyer", "created_at": made.now - timedelta(days=30), "checked_at": made.now,
            "token_expires_at": made.now + timedelta(days=20), "synced_at": made.now - timedelta(minutes=7),
            "sync_error": "The session is no longer authorised." if name == "1688-2" else "",
        }  # fmt: skip
        if name == "1688-2":
            values["state"] = "needs_authorisation"
        made.sessions[name] = int(tx.execute(insert(session).values(values).returning(session.c.id)).scalar_one())
    _shop(tx, made, vault)


def _shop(tx: Connection, made: Seed, vault: Vault) -> None:
    born = made.now - timedelta(days=30)
    shop = {"name": "shop", "kind": "file", "config_sealed": vault.seal({}), "created_at": born}
    made.source = int(tx.execute(insert(source).values(shop).returning(source.c.id)).scalar_one())


def _orders(tx: Connection, made: Seed, dice: random.Random, count: int) -> None:
    items = catalogue(BASE_URL)
    new: list[dict[str, Any]] = []
    for number in range(1, count + 1):
        paid = made.now - timedelta(minutes=int(dice.expovariate(1 / 1800)) + 3)
        currency, rate = CURRENCIES[dice.choices((0, 1, 2), (6, 3, 1))[0]]
        goods = [_goods(dice, items) for _ in range(dice.choices((1, 2, 3, 5), (5, 3, 2, 1))[0])]
        priced = [(item, sku, many, sku.price * 12 // 10 * rate // 100)
                  for item, sku, many in goods]  # fmt: skip
        order_id = _order(tx, made, number, paid, currency, sum(many * each for _, _, many, each in priced), dice)
        for place, (item, sku, many, each) in enumerate(priced, 1):
            new.append(_line(made, order_id, number, place, item, sku, many, each, currency, paid))
    ids = list(tx.execute(insert(line).returning(line.c.id, sort_by_parameter_order=True), new).scalars())
    for line_id, row in zip(ids, new, strict=True):
        made.lines.append((line_id, row["number"], row["provider"], row["reference_fen"]))


def _goods(dice: random.Random, items: tuple[Item, ...]) -> tuple[Item, Sku, int]:
    item = dice.choice(items)
    return item, dice.choice(item.skus), max(item.minimum, dice.choices((1, 2, 3, 10), (7, 2, 1, 1))[0])


def _order(
    tx: Connection, made: Seed, number: int, paid: datetime, currency: str, goods: int, dice: random.Random
) -> int:
    values = {
        "source_id": made.source, "external_id": str(number), "number": f"ORD-{number:09d}",
        "customer": dice.choice(CUSTOMERS), "state": "open", "status": "paid", "currency": currency,
        "goods_minor": goods, "total_minor": goods + 1500, "paid_minor": goods + 1500, "refunded_minor": 0,
        "delivery_minor": 1500, "delivery_service": dice.choice(("EMS", "Sea freight", "Air cargo")), "payable": True,
        "ship_to": {"fullName": "Anna Meyer", "city": "Berlin", "postalCode": "10115", "countryCode": "DE"},
        "created_at": paid - timedelta(minutes=20), "paid_at": paid, "imported_at": made.now, "read_at": made.now,
    }  # fmt: skip
    return int(tx.execute(insert(orders).values(values).returning(orders.c.id)).scalar_one())


def _line(
    made: Seed, order_id: int, number: int, place: int, item: Item, sku: Sku, many: int, each: int, currency: str,
    paid: datetime,
) -> dict[str, Any]:  # fmt: skip
    return {
        "order_id": order_id, "line_no": place, "number": short_number(f"ORD-{number:09d}", place),
        "external_id": f"{number}/{place}", "provider": item.market, "item_id": item.item_id, "sku_id": sku.sku_id,
        "spec_id": sku.spec_id, "title": item.title_en,
        "configuration": ", ".join(f"{name}: {value}" for name, value in sku.options_en),
        "configuration_original": " ".join(f"{name}:{value}" for name, value in sku.options),
        "quantity": many, "open_quantity": many, "currency": currency, "unit_price_minor": each,
        "sum_minor": many * each, "reference_fen": sku.price, "seller_id": item.seller.id,
        "seller_name": item.seller.name, "weight_grams": sku.weight, "item_url": item.item_url,
        "photo_url": "", "customer_comment": "Please check the size" if number % 17 == 0 else "", "extras": {},
        "status": "paid", "purchase": "ready", "ready": True, "ready_at": paid, "imported_at": made.now,
        "changed_at": made.now,
    }  # fmt: skip


def _import_run(tx: Connection, made: Seed) -> None:
    at = made.now - timedelta(minutes=12)
    run_id = runs.create(
        tx, kind="import", actor="clock", at=at, call="shop.import_orders('shop')", source_id=made.source
    )
    record(
        tx,
        [Event(line_id, "imported", {"status": "paid"}) for line_id, *_ in made.lines],
        at=at,
        actor="clock",
        run_id=run_id,
    )
    rows = [{"position": "row 17", "reason": "“abc” is not a quantity.", "row": {"quantity": "abc", "title": "=1+1"}}]
    runs.add_rejects(tx, run_id, rows)
    out = {"new": len(made.lines), "changed": 0, "unchanged": 0, "rejected": 1}
    runs.finish(tx, run_id, at=at + timedelta(seconds=9), out=out)


def _hold(tx: Connection, made: Seed, dice: random.Random) -> None:
    held = made.lines[5::11]
    events = [Event(line_id, "held", {"cause": dice.choice(HELD)}) for line_id, *_ in held]
    record(tx, events, at=made.now - timedelta(minutes=11), actor="clock", run_id=None)
    made.lines = [entry for entry in made.lines if entry not in held]


STATES = ("unpaid", "paid", "shipped", "unknown", "refused", "queued")


def _book(tx: Connection, made: Seed, dice: random.Random) -> None:
    """One run of 12 bookings a session provider; each booking is one line in one of `STATES`."""
    for name, provider in (("taobao-1", "taobao"), ("1688-1", "alibaba1688")):
        at = made.now - timedelta(hours=2)
        chosen = [entry for entry in made.lines if entry[2] == provider][:24]
        call = f"shop.plan(lines={[number for _, number, *_ in chosen[:3]]}, session={name!r}).book()"
        run_id = runs.create(
            tx, kind="book", actor="anna", at=at, call=call, session_id=made.sessions[name], total=len(chosen)
        )
        for place, (line_id, _, _, fen) in enumerate(chosen):
            state = STATES[place % len(STATES)]
            _booking(tx, made, made.sessions[name], run_id, line_id, fen, state, at, dice)
        done = len(chosen) * 4 // 6
        runs.start(tx, run_id, at)
        runs.progress(tx, run_id, done)


def _booking(
    tx: Connection, made: Seed, session_id: int, run_id: int, line_id: int, fen: int, state: str, at: datetime,
    dice: random.Random,
) -> None:  # fmt: skip
    confirmed = state in ("unpaid", "paid", "shipped")
    values = {
        "run_id": run_id, "session_id": session_id, "out_order_id": reference("demo", run_id, line_id),
        "purchase": {}, "currency": "CNY",
        "state": "confirmed" if confirmed else state, "total_minor": fen, "due_at": at, "created_at": at,
        "cause": "out_of_stock" if state == "refused" else "", "attempts": int(state != "queued"),
        "sentence": "The item is out of stock." if state == "refused" else "",
    }  # fmt: skip
    key = int(tx.execute(insert(booking).values(values).returning(booking.c.id)).scalar_one())
    order_key = _provider_order(tx, made, session_id, key, fen, state, dice) if confirmed else None
    link = {"booking_id": key, "line_id": line_id, "generation": 1, "live": state != "refused", "quantity": 1,
            "price_fen": fen, "provider_order_id": order_key}  # fmt: skip
    tx.execute(insert(booking_line).values(link))
    events = [Event(line_id, "booking_queued", {"booking": key, "generation": 1})]
    events += {
        "queued": [],
        "unknown": [Event(line_id, "booking_unknown", {"booking": key})],
        "refused": [Event(line_id, "booking_refused", {"booking": key, "cause": "out_of_stock"})],
    }.get(state, [Event(line_id, "booking_confirmed", {"booking": key})])
    if state in ("paid", "shipped"):
        events.append(Event(line_id, "provider_moved", {"state": state}))
    record(tx, events, at=at + timedelta(minutes=1), actor="anna", run_id=run_id)
    if state in ("unknown", "refused"):
        tx.execute(insert(booking_attempt).values(_attempt(key, state, at)))


def _attempt(key: int, state: str, at: datetime) -> dict[str, Any]:
    refused = state == "refused"
    return {
        "booking_id": key, "kind": "create", "outcome": state, "at": at, "cause": "out_of_stock" if refused else "",
        "sentence": "The item is out of stock." if refused else "The provider did not answer in time.",
        "raw": '{"success":false,"error_code":"OUT_OF_STOCK"}' if refused else "",
    }  # fmt: skip


def _provider_order(
    tx: Connection, made: Seed, session_id: int, key: int, fen: int, state: str, dice: random.Random
) -> int:
    number = str(2_900_000_000_000_000_000 + key * 7919)
    values = {
        "session_id": session_id, "provider_order_id": number, "booking_id": key, "number_shown": number,
        "state": state, "raw_status": state, "payable": state == "unpaid", "total_fen": fen + 600, "freight_fen": 600,
        "created_at": made.now - timedelta(hours=2), "pay_deadline": made.now + timedelta(hours=dice.randint(1, 30)),
        "paid_at": None if state == "unpaid" else made.now - timedelta(hours=1), "complete": True,
        "first_seen_at": made.now,
        "seen_at": made.now - timedelta(minutes=7),
    }  # fmt: skip
    made_id = int(tx.execute(insert(provider_order).values(values).returning(provider_order.c.id)).scalar_one())
    if state == "shipped":
        tx.execute(
            insert(parcel).values(
                order_id=made_id, carrier="ZTO Express", number=f"ZTO{78_000_000_000 + key}", state="moving",
                shipped_at=made.now - timedelta(minutes=30), provider_line_ids=[],
            )
        )  # fmt: skip
    return made_id
