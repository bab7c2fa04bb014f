"""Alembic's entry: runs migrations on the connection that `jobs.storage.migrations` hands over."""

from __future__ import annotations

from alembic import context

from jobs.storage.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
