"""Alembic's entry: runs on the connection given by `storage.migrate`."""

from alembic import context

from autopurchase.storage.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
