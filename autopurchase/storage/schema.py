"""The tables. One schema for SQLite and PostgreSQL; Alembic brings a database to it (`migrations/`).

Money columns are integer minor units with the currency beside them (``*_minor``; provider money is CNY fen). Times are
aware UTC. Ids of marketplaces are text: they pass 2^53.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

#: SQLite numbers rows by INTEGER only
Id = BigInteger().with_variant(Integer(), "sqlite")


class Utc(TypeDecorator[datetime]):
    """Aware UTC datetimes; a naive one is a bug and refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _id() -> Column[int]:
    return Column("id", Id, primary_key=True, autoincrement=True)


def _ref(name: str, target: str, *, null: bool = False, **more: Any) -> Column[Any]:
    return Column(name, Id, ForeignKey(target), nullable=null, **more)


def _text(name: str, **more: Any) -> Column[str]:
    return Column(name, Text, nullable=False, server_default="", **more)


def _time(name: str, *, null: bool = True) -> Column[datetime]:
    return Column(name, Utc, nullable=null)


workspace = Table("workspace", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

source = Table(
    "source",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("config_sealed", Text, nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("write_back", Boolean, nullable=False, server_default=text("true")),
    Column("dry_run", Boolean, nullable=False, server_default=text("false")),  # write-backs are noted, not sent
    Column("every_minutes", Integer, nullable=False, server_default="10"),
    _time("created_at", null=False),
    _time("last_import_at"),
    _text("last_error"),
)

orders = Table(
    "orders",
    metadata,
    _id(),
    _ref("source_id", "source.id"),
    Column("external_id", Text, nullable=False),
    Column("number", Text, nullable=False, unique=True),
    _text("customer"),
    Column("state", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("goods_minor", BigInteger, nullable=False),
    Column("total_minor", BigInteger, nullable=False),
    Column("paid_minor", BigInteger, nullable=False),
    Column("refunded_minor", BigInteger, nullable=False),
    Column("delivery_minor", BigInteger, nullable=False),
    _text("delivery_service"),
    Column("payable", Boolean, nullable=False),  # open and paid in full when last read
    Column("ship_to", JSON, nullable=False),
    _text("change_token"),
    _time("created_at", null=False),
    _time("paid_at"),
    _time("imported_at", null=False),
    _time("read_at", null=False),
    UniqueConstraint("source_id", "external_id"),
)

run = Table(
    "run",
    metadata,
    _id(),
    Column("kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("state", Text, nullable=False),  # queued, running, done, failed
    Column("session_id", Id, ForeignKey("session.id"), nullable=True),
    Column("source_id", Id, ForeignKey("source.id"), nullable=True),
    Column("call", Text, nullable=False),  # In: the exact call, as code
    Column("params", JSON, nullable=False),
    Column("out", JSON, nullable=False),  # Out: what happened, in figures
    Column("done", Integer, nullable=False, server_default="0"),
    Column("total", Integer, nullable=False, server_default="0"),
    _text("error"),
    _time("created_at", null=False),
    _time("started_at"),
    _time("beat_at"),  # last sign of life of what is carried out in the caller's own process
    _time("finished_at"),
    Index("ix_run_kind_created", "kind", "created_at"),
    Index("ix_run_session", "session_id", "id"),
    Index("ix_run_kind", "kind", "id"),
    Index("ix_run_state", "state", "id"),
    Index("ix_run_actor", "actor", "id"),
    Index("ix_run_created", "created_at", "id"),
)

session = Table(
    "session",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("provider", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("base_url", Text, nullable=False),
    Column("app_key", Text, nullable=False),
    Column("secret_sealed", Text, nullable=False),
    Column("tokens_sealed", Text, nullable=False),
    Column("tokens_version", Integer, nullable=False, server_default="0"),
    _time("token_expires_at"),
    _time("refresh_expires_at"),
    Column("ship_to", JSON, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("rate_per_second", Float, nullable=False),
    Column("concurrency", Integer, nullable=False),
    Column("daily_cap", Integer, nullable=False, server_default="0"),
    Column("hourly_cap", Integer, nullable=False, server_default="0"),  # bookings; 0: none
    Column("daily_amount_fen", BigInteger, nullable=False, server_default="0"),  # booked a day; 0: no bound
    Column("pause_seconds", Float, nullable=False, server_default="0"),  # least time between two bookings
    Column("release_budget", Integer, nullable=False, server_default="10"),  # releases a day before a person is asked
    _time("resting_until"),  # books nothing before: cool-down after a limit or a risk signal
    _text("resting_why"),
    Column("strikes", Integer, nullable=False, server_default="0"),  # such signals in a row
    _time("struck_at"),  # the last one
    Column("rest_seconds", Float, nullable=False, server_default="300"),  # the first rest; doubles from there
    Column("rest_after", Integer, nullable=False, server_default="3"),  # throttled answers in a row that rest it
    Column("settle_seconds", Float, nullable=False),
    Column("timeout_seconds", Float, nullable=False),
    _text("account"),
    _time("created_at", null=False),
    _time("checked_at"),
    _text("check_error"),
    _time("synced_at"),  # last good sync
    _time("watermark"),  # provider modification time up to which all pages are stored
    _text("sync_error"),
    _time("reconciled_at"),  # last good comparison for the desk
    _text("reconcile_error"),
)

plan = Table(
    "plan",
    metadata,
    _id(),
    Column("token", Text, nullable=False, unique=True),  # what callers name it by
    _text("kind"),  # empty: book; bind, cancel
    _ref("session_id", "session.id"),
    Column("actor", Text, nullable=False),
    Column("state", Text, nullable=False),  # queued, checking, ready, failed, applied
    Column("params", JSON, nullable=False),
    Column("body", JSON, nullable=False),
    _text("hash"),
    _text("error"),
    Column("done", Integer, nullable=False, server_default="0"),
    Column("total", Integer, nullable=False, server_default="0"),
    _time("created_at", null=False),
    _time("ready_at"),
    _ref("run_id", "run.id", null=True, unique=True),
    Index("ix_plan_hash", "hash"),
)

booking = Table(
    "booking",
    metadata,
    _id(),
    _ref("run_id", "run.id", index=True),
    _ref("session_id", "session.id"),
    Column("out_order_id", Text, nullable=False, unique=True),
    Column("state", Text, nullable=False),
    Column("purchase", JSON, nullable=False),  # what the create call asks for
    Column("currency", Text, nullable=False),
    Column("total_minor", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("lookups", Integer, nullable=False, server_default="0"),
    _text("cause"),
    _text("sentence"),
    _text("claimed_by"),
    _time("due_at", null=False),  # when the worker may act on it next
    _time("sent_at"),
    _time("finished_at"),
    _time("created_at", null=False),
    _text("origin"),  # empty: placed by us; bound: made by hand
    _text(
        "check_state"
    ),  # of the read-back after placing: waiting, fits, differs, released, accepted; empty: none made
    Column("check_found", JSON(none_as_null=True), nullable=True),  # what differs: the evidence
    _time("checked_at"),
    Index(
        "ix_booking_check",
        "session_id",
        "id",
        sqlite_where=text("check_state IN ('waiting','differs')"),
        postgresql_where=text("check_state IN ('waiting','differs')"),
    ),
    Index(
        "ix_booking_due",
        "session_id",
        "due_at",
        sqlite_where=text("state IN ('queued','sending','unknown')"),
        postgresql_where=text("state IN ('queued','sending','unknown')"),
    ),
    Index("ix_booking_state", "state"),
    Index(
        "ix_booking_sent",
        "session_id",
        "sent_at",
        sqlite_where=text("sent_at IS NOT NULL"),
        postgresql_where=text("sent_at IS NOT NULL"),
    ),
)

line = Table(
    "line",
    metadata,
    _id(),
    _ref("order_id", "orders.id"),
    Column("line_no", Integer, nullable=False),
    Column("number", Text, nullable=False, unique=True),  # as shown: 53-1
    Column("external_id", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("item_id", Text, nullable=False),
    _text("sku_id"),
    _text("spec_id"),
    _text("title"),
    _text("configuration"),
    _text("configuration_original"),
    Column("quantity", Integer, nullable=False),
    Column("open_quantity", Integer, nullable=False),
    Column("currency", Text, nullable=False),
    Column("unit_price_minor", BigInteger, nullable=False),
    Column("sum_minor", BigInteger, nullable=False),
    Column("reference_fen", BigInteger, nullable=True),  # provider unit price (CNY) when the customer paid
    _text("seller_id"),
    _text("seller_name"),
    Column("weight_grams", Integer, nullable=True),
    _text("item_url"),
    _text("photo_url"),
    _text("customer_comment"),
    _text("operator_comment"),
    Column("extras", JSON, nullable=False),
    # what is bought for it: the source's own word, or a mapping's in its place
    _text("product_key"),
    Column("ratio", Integer, nullable=False, server_default="1"),  # pieces bought for one sold
    _text("unclear"),  # why it is not known what to buy
    Column("own_target", JSON(none_as_null=True), nullable=True),  # the source's own word where a mapping replaces it
    Column(
        "amended", JSON(none_as_null=True), nullable=True
    ),  # what a person changed of what is bought: wins over imports
    _ref("split_from", "line.id", null=True, index=True),  # the line this one is a part of
    _text("rate"),  # CNY for one unit of the currency when the customer paid, decimal text; empty: none was known
    _text("rate_day"),  # of which day (ISO) that rate is
    # the state, a fold of this line's events
    Column("status", Text, nullable=False),
    Column("purchase", Text, nullable=False),
    _text("cause"),
    Column("booking_id", Id, ForeignKey("booking.id"), nullable=True),
    Column("generation", Integer, nullable=False, server_default="0"),
    Column("version", Integer, nullable=False, server_default="0"),
    # derived, kept for fast lists
    Column("ready", Boolean, nullable=False),
    _time("ready_at"),
    _time("imported_at", null=False),
    _time("changed_at", null=False),
    Column("gone", Boolean, nullable=False, server_default=text("false")),  # the shop took it out of its order
    # where it stands in the figures: kept by `counting`, checked by `verify`
    Column("standing", JSON(none_as_null=True), nullable=True),
    _text("part"),  # of the backlog: pickable, in progress, unknown, held
    _text("part_cause"),
    Column("backlog", Integer, nullable=False, server_default="0"),  # pieces
    Column("unpaid", Integer, nullable=False, server_default="0"),
    Column("excess", Integer, nullable=False, server_default="0"),
    _time("clock_at"),  # since when it waits to be bought
    UniqueConstraint("order_id", "line_no"),
    CheckConstraint("quantity > 0", name="quantity_positive"),
    CheckConstraint("ratio > 0", name="ratio_positive"),
    Index("ix_line_ready", "ready_at", "id", sqlite_where=text("ready"), postgresql_where=text("ready")),
    Index(
        "ix_line_ready_provider",
        "provider",
        "ready_at",
        "id",
        sqlite_where=text("ready"),
        postgresql_where=text("ready"),
    ),
    Index("ix_line_purchase", "purchase", "changed_at", "id"),
    Index("ix_line_backlog", "clock_at", "id", sqlite_where=text("backlog > 0"), postgresql_where=text("backlog > 0")),
    Index("ix_line_unpaid", "id", sqlite_where=text("unpaid > 0"), postgresql_where=text("unpaid > 0")),
    Index("ix_line_excess", "id", sqlite_where=text("excess > 0"), postgresql_where=text("excess > 0")),
    Index("ix_line_booking", "booking_id"),
    Index("ix_line_product", "product_key"),
)

mapping = Table(
    "mapping",
    metadata,
    _id(),
    _ref("source_id", "source.id", null=True),  # null: for every source without one of its own
    Column("product_key", Text, nullable=False),
    Column("target", JSON, nullable=False),
    _text("title"),  # of the product in the shop, for people
    _time("created_at", null=False),
    _time("changed_at", null=False),
    Column("actor", Text, nullable=False),
    Index(
        "uq_mapping_source_product",
        "source_id",
        "product_key",
        unique=True,
        sqlite_where=text("source_id IS NOT NULL"),
        postgresql_where=text("source_id IS NOT NULL"),
    ),
    Index(
        "uq_mapping_product",
        "product_key",
        unique=True,
        sqlite_where=text("source_id IS NULL"),
        postgresql_where=text("source_id IS NULL"),
    ),
)

mapping_change = Table(
    "mapping_change",
    metadata,
    _id(),
    _time("at", null=False),
    Column("actor", Text, nullable=False),
    _ref("run_id", "run.id", index=True),
    _ref("source_id", "source.id", null=True),
    Column("product_key", Text, nullable=False),
    Column("before", JSON, nullable=False),  # {}: there was none
    Column("after", JSON, nullable=False),  # {}: it was removed
    Index("ix_mapping_change_product", "product_key", "id"),
)

rate = Table(
    "rate",
    metadata,
    Column("currency", Text, primary_key=True),
    Column("day", Text, primary_key=True),  # ISO, UTC
    Column("value", Text, nullable=False),  # CNY for one unit, decimal text
    Column("origin", Text, nullable=False),  # manual, file, fetched
    Column("actor", Text, nullable=False),
    _time("at", null=False),
)

booking_line = Table(
    "booking_line",
    metadata,
    _id(),
    _ref("booking_id", "booking.id", index=True),
    _ref("line_id", "line.id"),
    Column("generation", Integer, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("price_fen", BigInteger, nullable=False),
    Column("provider_order_id", Id, ForeignKey("provider_order.id"), nullable=True, index=True),
    Column("provider_line_id", Id, ForeignKey("provider_line.id"), nullable=True),
    UniqueConstraint("line_id", "generation"),
)
#: a line has at most one live booking, whatever the code does
one_live_booking = Index(
    "uq_booking_line_live",
    booking_line.c.line_id,
    unique=True,
    sqlite_where=text("live"),
    postgresql_where=text("live"),
)

booking_attempt = Table(
    "booking_attempt",
    metadata,
    _id(),
    _ref("booking_id", "booking.id", index=True),
    Column("kind", Text, nullable=False),  # create, lookup
    Column("outcome", Text, nullable=False),
    _text("cause"),
    _text("sentence"),
    _text("raw"),
    _time("at", null=False),
)

provider_order = Table(
    "provider_order",
    metadata,
    _id(),
    _ref("session_id", "session.id"),
    Column("provider_order_id", Text, nullable=False),
    Column("booking_id", Id, ForeignKey("booking.id"), nullable=True, index=True),
    _text("number_shown"),
    _text("reference"),
    Column("state", Text, nullable=False),
    _text("raw_status"),
    _text("said_state"),  # as last read, also where a final state of before is kept
    _text("close_reason"),
    Column("payable", Boolean, nullable=False, server_default=text("false")),
    Column("total_fen", BigInteger, nullable=True),
    Column("freight_fen", BigInteger, nullable=True),
    _text("seller_id"),
    _text("seller_name"),
    _time("created_at"),
    _time("modified_at"),
    _time("paid_at"),
    Column("paid_inferred", Boolean, nullable=False, server_default=text("false")),
    _time("pay_deadline"),
    Column("deadline_assumed", Boolean, nullable=False, server_default=text("false")),
    _text("raw"),
    _time("first_seen_at", null=False),
    _time("seen_at", null=False),
    Column("complete", Boolean, nullable=False, server_default=text("false")),
    UniqueConstraint("session_id", "provider_order_id"),
    Index("ix_provider_order_state", "state", "pay_deadline"),
    Index(
        "ix_provider_order_orphan",
        "first_seen_at",
        sqlite_where=text("booking_id IS NULL"),
        postgresql_where=text("booking_id IS NULL"),
    ),
)

provider_line = Table(
    "provider_line",
    metadata,
    _id(),
    _ref("order_id", "provider_order.id", index=True),
    Column("provider_line_id", Text, nullable=False),
    _text("item_id"),
    _text("sku_id"),
    _text("spec_id"),
    Column("quantity", Integer, nullable=False),
    Column("state", Text, nullable=False),
    _text("raw_status"),
    _text("close_reason"),
    Column("amount_fen", BigInteger, nullable=True),
    _text("title"),
    _text("refund"),
    # as it was when it was last found as planned, or a person was content with it
    _text("agreed_item_id"),
    _text("agreed_sku_id"),
    _text("agreed_spec_id"),
    Column("agreed_quantity", Integer, nullable=True),  # null: never compared
    Column("agreed_fen", BigInteger, nullable=True),
    UniqueConstraint("order_id", "provider_line_id"),
)

parcel = Table(
    "parcel",
    metadata,
    _id(),
    _ref("order_id", "provider_order.id"),
    _text("carrier"),
    Column("number", Text, nullable=False),
    Column("state", Text, nullable=False),
    _text("raw_status"),
    _time("shipped_at"),
    _time("signed_at"),
    Column("provider_line_ids", JSON, nullable=False),
    Column("withdrawn", Boolean, nullable=False, server_default=text("false")),
    UniqueConstraint("order_id", "carrier", "number"),
)

event = Table(
    "event",
    metadata,
    _id(),
    _time("at", null=False),
    Column("actor", Text, nullable=False),
    _ref("run_id", "run.id", null=True, index=True),
    _ref("line_id", "line.id"),
    Column("kind", Text, nullable=False),
    Column("data", JSON, nullable=False),
    Index("ix_event_line", "line_id", "id"),
)

#: the effects of events on the figures; a row dies with its event
movement = Table(
    "movement",
    metadata,
    _id(),
    Column("event_id", Id, ForeignKey("event.id", ondelete="CASCADE"), nullable=False, index=True),
    _ref("line_id", "line.id"),
    _ref("source_id", "source.id"),
    Column("kind", Text, nullable=False),  # ready, withdrawn, booked, bought, cancelled, refunded, refused, …
    _time("at", null=False),  # when it was so
    _time("recorded_at", null=False),  # when we came to know it
    Column("pieces", Integer, nullable=False),
    Column("backlog", Integer, nullable=False),  # what it adds to the backlog, to over-booked, to unpaid
    Column("excess", Integer, nullable=False),
    Column("unpaid", Integer, nullable=False),
    _text("reason"),
    Column("session_id", Id, ForeignKey("session.id"), nullable=True),
    _text("operator"),
    _text("provider"),
    _text("seller_id"),
    Column("generation", Integer, nullable=False),
    Column("goods_fen", BigInteger, nullable=True),  # of all its pieces
    Column("freight_fen", BigInteger, nullable=False),
    Column("reference_fen", BigInteger, nullable=True),
    Column("booked_fen", BigInteger, nullable=True),  # of what was bought: its goods when booked
    _text("ref_day"),  # days (ISO, UTC) whose rates count: of the customer's payment, and its own
    _text("day"),
    _time("clock_at"),  # since when the line was ready
    _time("booked_at"),
    _time("since"),  # when what ended began
    Column("seconds", Integer, nullable=True),  # since then; of a line that became ready, until we knew
    Column("waited", Integer, nullable=True),  # seconds since it was ready
    Column("booking_id", Id, nullable=True),
    Column("attempt", Integer, nullable=False),
    Column("again", Boolean, nullable=False),
    Column("bound", Boolean, nullable=False),
    Column("inferred", Boolean, nullable=False),
    Column("settled", Boolean, nullable=False),
    Index("ix_movement_at", "at", "kind"),
    Index("ix_movement_line", "line_id", "generation"),
    Index("ix_movement_recorded", "recorded_at"),
)


def _sums() -> list[Column[Any]]:
    """What identifies a sum, and what is summed; no column is empty, so that sums can be found by all of them."""
    return [
        _time("slot", null=False),
        Column("source_id", Id, nullable=False),
        Column("provider", Text, nullable=False),
        Column("session_id", Id, nullable=False),  # 0: none
        Column("operator", Text, nullable=False),
        Column("part", Text, nullable=False),  # part of the backlog, unpaid, over, or +kind of a flow
        Column("cause", Text, nullable=False),
        _time("clock_hour", null=False),
        Column("ref_day", Text, nullable=False),
        Column("pieces", BigInteger, nullable=False),
        Column("lines", BigInteger, nullable=False),
        Column("fen", BigInteger, nullable=False),
        Column("unpriced", BigInteger, nullable=False),
    ]


#: differences of the sums, as they are written; merged into ``tally`` from time to time
tally_delta = Table("tally_delta", metadata, _id(), *_sums())
#: sums by level: ``now`` (of all time), ``slot`` (quarter of an hour), ``day`` (of the workspace's zone)
tally = Table(
    "tally",
    metadata,
    _id(),
    Column("level", Text, nullable=False),
    *_sums(),
    UniqueConstraint(
        "level",
        "slot",
        "part",
        "cause",
        "source_id",
        "provider",
        "session_id",
        "operator",
        "clock_hour",
        "ref_day",
        name="uq_tally_sum",
    ),
)

import_reject = Table(
    "import_reject",
    metadata,
    _id(),
    _ref("run_id", "run.id", index=True),
    Column("position", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("row", JSON, nullable=False),
)

write_back = Table(
    "write_back",
    metadata,
    _id(),
    _ref("source_id", "source.id"),
    _ref("order_id", "orders.id"),
    Column("kind", Text, nullable=False),  # mark, shipment
    Column("key", Text, nullable=False, unique=True),  # once per order, kind and content
    Column("payload", JSON, nullable=False),
    Column("state", Text, nullable=False),  # waiting, noted (a dry run), done, refused
    Column("attempts", Integer, nullable=False, server_default="0"),
    _text("answer"),
    _time("due_at", null=False),
    _time("created_at", null=False),
    _time("done_at"),
    Index(
        "ix_write_back_due",
        "due_at",
        sqlite_where=text("state = 'waiting'"),
        postgresql_where=text("state = 'waiting'"),
    ),
)

call_slot = Table(
    "call_slot",
    metadata,
    _ref("session_id", "session.id", primary_key=True),
    Column("next_free", Float, nullable=False),  # seconds since 1970, of the database's clock
    Column("taken", BigInteger, nullable=False, server_default="0"),  # slots reserved so far
)

lease = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),
    Column("slot", Integer, primary_key=True),
    _text("holder"),
    Column("until", Float, nullable=False),
)


cancel = Table(
    "cancel",
    metadata,
    _id(),
    _ref("run_id", "run.id", index=True),
    _ref("session_id", "session.id"),
    _ref("provider_order_id", "provider_order.id", index=True),
    Column("state", Text, nullable=False),  # queued, sending, asked (to be read back), confirmed, refused
    Column("why", Text, nullable=False),  # person, undo, release
    _text("reason"),  # in the person's words
    _text("hold"),  # cause the freed lines are held with; empty: they are ready again
    Column("attempts", Integer, nullable=False, server_default="0"),
    _text("cause"),
    _text("sentence"),
    _text("raw"),
    _time("due_at", null=False),
    _time("sent_at"),
    _time("finished_at"),
    _time("created_at", null=False),
    Index(
        "uq_cancel_open",
        "provider_order_id",
        unique=True,
        sqlite_where=text("state IN ('queued','sending','asked')"),
        postgresql_where=text("state IN ('queued','sending','asked')"),
    ),
    Index(
        "ix_cancel_due",
        "session_id",
        "due_at",
        sqlite_where=text("state IN ('queued','sending','asked')"),
        postgresql_where=text("state IN ('queued','sending','asked')"),
    ),
)

finding = Table(
    "finding",
    metadata,
    _id(),
    Column(
        "kind", Text, nullable=False
    ),  # orphan, ghost, double, mismatch, cancelled_alive, paid_after_cancel, unknown
    Column("key", Text, nullable=False),  # what it is about: at most one open row each
    _ref("session_id", "session.id"),
    _ref("provider_order_id", "provider_order.id", null=True, index=True),
    _ref("booking_id", "booking.id", null=True, index=True),
    _ref("line_id", "line.id", null=True),
    Column("believed", JSON, nullable=False),
    Column("said", JSON, nullable=False),
    Column("state", Text, nullable=False),  # open, gone (no longer so), settled (by a person)
    _time("since", null=False),
    _time("seen_at", null=False),
    _time("closed_at"),
    _text("closed_by"),
    _text("note"),
    Column("run_id", Id, ForeignKey("run.id"), nullable=True),  # what settled it
    Index(
        "uq_finding_open",
        "key",
        unique=True,
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
    Index("ix_finding_state", "state", "kind", "id"),
)

approval = Table(
    "approval",
    metadata,
    _id(),
    _ref("run_id", "run.id", index=True),
    _ref("provider_order_id", "provider_order.id", index=True),
    Column("amount_fen", BigInteger, nullable=False),  # stands up to this amount
    Column("actor", Text, nullable=False),
    _time("at", null=False),
    _time("withdrawn_at"),
    _text("withdrawn_by"),
)

pay_batch = Table(
    "pay_batch",
    metadata,
    _id(),
    _ref("run_id", "run.id", index=True),
    _ref("session_id", "session.id"),
    Column("url", Text, nullable=False),
    Column("provider_order_ids", JSON, nullable=False),  # the marketplace's numbers
    Column("failed", JSON, nullable=False),  # number -> why it is not on the page
    Column("total_fen", BigInteger, nullable=False),
    _time("at", null=False),
)

push_message = Table(
    "push_message",
    metadata,
    _id(),
    Column("provider", Text, nullable=False),
    Column("key", Text, nullable=False),  # one message, however often it is delivered
    _text("topic"),
    Column("session_id", Id, ForeignKey("session.id"), nullable=True),
    _text("provider_order_id"),
    _text("says"),  # the state of the order it claims: never believed, only used to see what needs no reading
    Column("state", Text, nullable=False),  # waiting, read, ignored
    _text("body"),  # redacted
    _time("received_at", null=False),
    Column("run_id", Id, ForeignKey("run.id"), nullable=True),  # the synchronisation that read the order again
    UniqueConstraint("provider", "key"),
    Index("ix_push_message_session_received", "session_id", "received_at"),
    Index(
        "ix_push_message_waiting",
        "session_id",
        sqlite_where=text("state = 'waiting'"),
        postgresql_where=text("state = 'waiting'"),
    ),
)

run_note = Table(
    "run_note",
    metadata,
    _id(),
    _ref("run_id", "run.id", index=True),
    _ref("replaces", "run_note.id", null=True, unique=True),  # the wording before
    Column("actor", Text, nullable=False),
    _time("at", null=False),
    Column("text", Text, nullable=False),  # Markdown; empty: taken back
)

report = Table(
    "report",
    metadata,
    _id(),
    Column("kind", Text, nullable=False),  # weekly, backlog
    Column("period", Text, nullable=False),  # 2026-W47
    Column("version", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    _time("as_of", null=False),
    Column("params", JSON, nullable=False),
    Column("body", Text, nullable=False),  # JSON text: the figures, byte for byte as they were frozen
    Column("digest", Text, nullable=False),  # SHA-256 of body
    UniqueConstraint("kind", "period", "version"),
)

call_stat = Table(
    "call_stat",
    metadata,
    _ref("session_id", "session.id", primary_key=True),
    Column("hour", Utc, primary_key=True),
    Column("outcome", Text, primary_key=True),  # ok, or the error's cause
    Column("calls", Integer, nullable=False),
    Column("total_ms", BigInteger, nullable=False),
    Column("slowest_ms", Integer, nullable=False),
)
