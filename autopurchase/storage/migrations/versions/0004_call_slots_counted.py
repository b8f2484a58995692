"""Call slots are counted, so that a late call puts off only those that would come too close to it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("call_slot", sa.Column("taken", sa.BigInteger(), server_default="0", nullable=False))
