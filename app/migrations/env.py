"""Alembic's entry: runs the revisions on the connection that `app.migrations.runner` opened and locked."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transaction_per_migration=True, version_table="alembic_version")

with context.begin_transaction():
    context.run_migrations()
