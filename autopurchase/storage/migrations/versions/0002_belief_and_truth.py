"""What is believed and what is true: cancels, the desk, approvals, pushes; notes and frozen reports."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "report",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report")),
        sa.UniqueConstraint("kind", "period", "version", name=op.f("uq_report_kind_period_version")),
    )
    op.create_table(
        "call_stat",
        sa.Column("session_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("total_ms", sa.BigInteger(), nullable=False),
        sa.Column("slowest_ms", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["session.id"], name=op.f("fk_call_stat_session_id")),
        sa.PrimaryKeyConstraint("session_id", "hour", "outcome", name=op.f("pk_call_stat")),
    )
    op.create_table(
        "pay_batch",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("session_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("provider_order_ids", sa.JSON(), nullable=False),
        sa.Column("failed", sa.JSON(), nullable=False),
        sa.Column("total_fen", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_pay_batch_run_id")),
        sa.ForeignKeyConstraint(["session_id"], ["session.id"], name=op.f("fk_pay_batch_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pay_batch")),
    )
    op.create_index(op.f("ix_pay_batch_run_id"), "pay_batch", ["run_id"], unique=False)
    op.create_table(
        "push_message",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), server_default="", nullable=False),
        sa.Column("session_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("provider_order_id", sa.Text(), server_default="", nullable=False),
        sa.Column("says", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), server_default="", nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_push_message_run_id")),
        sa.ForeignKeyConstraint(["session_id"], ["session.id"], name=op.f("fk_push_message_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_push_message")),
        sa.UniqueConstraint("provider", "key", name=op.f("uq_push_message_provider_key")),
    )
    op.create_index("ix_push_message_session_received", "push_message", ["session_id", "received_at"], unique=False)
    op.create_index(
        "ix_push_message_waiting",
        "push_message",
        ["session_id"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "run_note",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("replaces", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["replaces"], ["run_note.id"], name=op.f("fk_run_note_replaces")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_run_note_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_note")),
        sa.UniqueConstraint("replaces", name=op.f("uq_run_note_replaces")),
    )
    op.create_index(op.f("ix_run_note_run_id"), "run_note", ["run_id"], unique=False)
    _sign_notes()
    for name, column in (("kind", "kind"), ("state", "state"), ("actor", "actor"), ("created", "created_at")):
        op.create_index(f"ix_run_{name}", "run", [column, "id"], unique=False)
    op.create_table(
        "approval",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("provider_order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_order_id"], ["provider_order.id"], name=op.f("fk_approval_provider_order_id")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_approval_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval")),
    )
    op.create_index(op.f("ix_approval_provider_order_id"), "approval", ["provider_order_id"], unique=False)
    op.create_index(op.f("ix_approval_run_id"), "approval", ["run_id"], unique=False)
    op.create_table(
        "cancel",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("session_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("provider_order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("hold", sa.Text(), server_default="", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cause", sa.Text(), server_default="", nullable=False),
        sa.Column("sentence", sa.Text(), server_default="", nullable=False),
        sa.Column("raw", sa.Text(), server_default="", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["provider_order_id"], ["provider_order.id"], name=op.f("fk_cancel_provider_order_id")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_cancel_run_id")),
        sa.ForeignKeyConstraint(["session_id"], ["session.id"], name=op.f("fk_cancel_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cancel")),
    )
    op.create_index(
        "ix_cancel_due",
        "cancel",
        ["session_id", "due_at"],
        unique=False,
        sqlite_where=sa.text("state IN ('queued','sending','asked')"),
        postgresql_where=sa.text("state IN ('queued','sending','asked')"),
    )
    op.create_index(op.f("ix_cancel_provider_order_id"), "cancel", ["provider_order_id"], unique=False)
    op.create_index(op.f("ix_cancel_run_id"), "cancel", ["run_id"], unique=False)
    op.create_index(
        "uq_cancel_open",
        "cancel",
        ["provider_order_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('queued','sending','asked')"),
        postgresql_where=sa.text("state IN ('queued','sending','asked')"),
    )
    op.create_table(
        "finding",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("session_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("provider_order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("booking_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("believed", sa.JSON(), nullable=False),
        sa.Column("said", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Text(), server_default="", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"], name=op.f("fk_finding_booking_id")),
        sa.ForeignKeyConstraint(["line_id"], ["line.id"], name=op.f("fk_finding_line_id")),
        sa.ForeignKeyConstraint(
            ["provider_order_id"], ["provider_order.id"], name=op.f("fk_finding_provider_order_id")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_finding_run_id")),
        sa.ForeignKeyConstraint(["session_id"], ["session.id"], name=op.f("fk_finding_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding")),
    )
    op.create_index(op.f("ix_finding_booking_id"), "finding", ["booking_id"], unique=False)
    op.create_index(op.f("ix_finding_provider_order_id"), "finding", ["provider_order_id"], unique=False)
    op.create_index("ix_finding_state", "finding", ["state", "kind", "id"], unique=False)
    op.create_index(
        "uq_finding_open",
        "finding",
        ["key"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.add_column("booking", sa.Column("origin", sa.Text(), server_default="", nullable=False))
    op.add_column("booking", sa.Column("check_state", sa.Text(), server_default="", nullable=False))
    op.add_column("booking", sa.Column("check_found", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("booking", sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_booking_check",
        "booking",
        ["session_id", "id"],
        unique=False,
        sqlite_where=sa.text("check_state IN ('waiting','differs')"),
        postgresql_where=sa.text("check_state IN ('waiting','differs')"),
    )
    op.create_index(
        "ix_booking_sent",
        "booking",
        ["session_id", "sent_at"],
        unique=False,
        sqlite_where=sa.text("sent_at IS NOT NULL"),
        postgresql_where=sa.text("sent_at IS NOT NULL"),
    )
    op.add_column("line", sa.Column("amended", sa.JSON(none_as_null=True), nullable=True))
    _add_split_from()
    op.create_index(op.f("ix_line_split_from"), "line", ["split_from"], unique=False)
    op.create_index("ix_plan_hash", "plan", ["hash"], unique=False)
    op.add_column("plan", sa.Column("kind", sa.Text(), server_default="", nullable=False))
    op.add_column("provider_order", sa.Column("said_state", sa.Text(), server_default="", nullable=False))
    for name in ("agreed_item_id", "agreed_sku_id", "agreed_spec_id"):
        op.add_column("provider_line", sa.Column(name, sa.Text(), server_default="", nullable=False))
    op.add_column("provider_line", sa.Column("agreed_quantity", sa.Integer(), nullable=True))
    op.add_column("provider_line", sa.Column("agreed_fen", sa.BigInteger(), nullable=True))
    op.drop_column("booking", "pay_url")  # such addresses can carry signatures: they are kept sealed, in pay_batch
    op.drop_column("provider_order", "pay_url")
    op.add_column("session", sa.Column("hourly_cap", sa.Integer(), server_default="0", nullable=False))
    op.add_column("session", sa.Column("daily_amount_fen", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("session", sa.Column("pause_seconds", sa.Float(), server_default="0", nullable=False))
    op.add_column("session", sa.Column("release_budget", sa.Integer(), server_default="10", nullable=False))
    op.add_column("session", sa.Column("resting_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("session", sa.Column("resting_why", sa.Text(), server_default="", nullable=False))
    op.add_column("session", sa.Column("strikes", sa.Integer(), server_default="0", nullable=False))
    op.add_column("session", sa.Column("struck_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("session", sa.Column("rest_seconds", sa.Float(), server_default="300", nullable=False))
    op.add_column("session", sa.Column("rest_after", sa.Integer(), server_default="3", nullable=False))
    op.add_column("session", sa.Column("reconciled_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("session", sa.Column("reconcile_error", sa.Text(), server_default="", nullable=False))


def _add_split_from() -> None:
    """SQLite takes a reference only together with its column, which Alembic does not write."""
    kind = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute(f"ALTER TABLE line ADD COLUMN split_from {kind} CONSTRAINT fk_line_split_from REFERENCES line (id)")


def _sign_notes() -> None:
    """Notes were a column that anybody could overwrite: nobody knows who wrote them, so they stay unsigned."""
    op.execute(
        "INSERT INTO run_note (run_id, actor, at, text) "
        "SELECT id, '', coalesce(finished_at, created_at), note FROM run WHERE note <> '' ORDER BY id"
    )
    op.drop_column("run", "note")
