"""Figures: movements, their sums, and where each line stands in them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tally",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("slot", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("session_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("clock_hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ref_day", sa.Text(), nullable=False),
        sa.Column("pieces", sa.BigInteger(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("fen", sa.BigInteger(), nullable=False),
        sa.Column("unpriced", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tally")),
        sa.UniqueConstraint(
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
    op.create_table(
        "tally_delta",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("slot", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("session_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("clock_hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ref_day", sa.Text(), nullable=False),
        sa.Column("pieces", sa.BigInteger(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("fen", sa.BigInteger(), nullable=False),
        sa.Column("unpriced", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tally_delta")),
    )
    op.create_table(
        "movement",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("pieces", sa.Integer(), nullable=False),
        sa.Column("backlog", sa.Integer(), nullable=False),
        sa.Column("excess", sa.Integer(), nullable=False),
        sa.Column("unpaid", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("session_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("operator", sa.Text(), server_default="", nullable=False),
        sa.Column("provider", sa.Text(), server_default="", nullable=False),
        sa.Column("seller_id", sa.Text(), server_default="", nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("goods_fen", sa.BigInteger(), nullable=True),
        sa.Column("freight_fen", sa.BigInteger(), nullable=False),
        sa.Column("reference_fen", sa.BigInteger(), nullable=True),
        sa.Column("booked_fen", sa.BigInteger(), nullable=True),
        sa.Column("ref_day", sa.Text(), server_default="", nullable=False),
        sa.Column("day", sa.Text(), server_default="", nullable=False),
        sa.Column("clock_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seconds", sa.Integer(), nullable=True),
        sa.Column("waited", sa.Integer(), nullable=True),
        sa.Column("booking_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("again", sa.Boolean(), nullable=False),
        sa.Column("bound", sa.Boolean(), nullable=False),
        sa.Column("inferred", sa.Boolean(), nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_movement_event_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["line_id"], ["line.id"], name=op.f("fk_movement_line_id")),
        sa.ForeignKeyConstraint(["session_id"], ["session.id"], name=op.f("fk_movement_session_id")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_movement_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_movement")),
    )
    op.create_index("ix_movement_at", "movement", ["at", "kind"], unique=False)
    op.create_index(op.f("ix_movement_event_id"), "movement", ["event_id"], unique=False)
    op.create_index("ix_movement_line", "movement", ["line_id", "generation"], unique=False)
    op.create_index("ix_movement_recorded", "movement", ["recorded_at"], unique=False)
    op.add_column("line", sa.Column("gone", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("line", sa.Column("standing", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("line", sa.Column("part", sa.Text(), server_default="", nullable=False))
    op.add_column("line", sa.Column("part_cause", sa.Text(), server_default="", nullable=False))
    op.add_column("line", sa.Column("backlog", sa.Integer(), server_default="0", nullable=False))
    op.add_column("line", sa.Column("unpaid", sa.Integer(), server_default="0", nullable=False))
    op.add_column("line", sa.Column("excess", sa.Integer(), server_default="0", nullable=False))
    op.add_column("line", sa.Column("clock_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_line_backlog",
        "line",
        ["clock_at", "id"],
        unique=False,
        sqlite_where=sa.text("backlog > 0"),
        postgresql_where=sa.text("backlog > 0"),
    )
    op.create_index(
        "ix_line_excess",
        "line",
        ["id"],
        unique=False,
        sqlite_where=sa.text("excess > 0"),
        postgresql_where=sa.text("excess > 0"),
    )
    op.create_index(
        "ix_line_unpaid",
        "line",
        ["id"],
        unique=False,
        sqlite_where=sa.text("unpaid > 0"),
        postgresql_where=sa.text("unpaid > 0"),
    )
    op.create_index(
        "ix_provider_order_orphan",
        "provider_order",
        ["first_seen_at"],
        unique=False,
        sqlite_where=sa.text("booking_id IS NULL"),
        postgresql_where=sa.text("booking_id IS NULL"),
    )
