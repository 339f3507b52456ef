"""What Alembic runs: the connection is handed in, its owner commits nothing else meanwhile."""

from __future__ import annotations

from alembic import context

from poise.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
