"""What was given a file that a step of another instance made, before `asset_uses` was kept, holds it too."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0034_uses_of_before"
down_revision = "0033_channel_rests"
branch_labels = None
depends_on = None

ROWS = 1000  # of one statement: each is committed by itself, so that no lock is held for long
FIRST = "00000000-0000-0000-0000-000000000000"
ID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

# Table, whoever holds what its row names, and what a person or a caller put into it.
GIVEN = (
    ("instances", "id", "inputs"),
    ("schedules", "id", "inputs"),
    ("webhooks", "id", "inputs"),
    ("workflow_versions", "id", "definition"),
    # Values given by hand, and answers to what waited.
    (
        "steps",
        "instance_id",
        "CASE WHEN num_nonnulls(edited, wait_kind) > 0 THEN jsonb_build_array(inputs, outputs, edited) END",
    ),
)


def upgrade() -> None:
    """Look through the rows by their ids, some at a time. Harmless to do twice, so a kill costs nothing."""
    with op.get_context().autocommit_block():
        op.execute("SET studio.system = 'on'")
        if _ask("SELECT FROM assets WHERE source = 'step' LIMIT 1", {}) is not None:
            for table, holder, given in GIVEN:
                _note_uses(table, holder, given)
        op.execute("RESET studio.system")


def downgrade() -> None:
    """A file that is held for longer than it need be is no harm."""


def _note_uses(table: str, holder: str, given: str) -> None:
    statement = f"""
        WITH page AS MATERIALIZED (
            SELECT id, {holder} AS holder_id, organization_id, ({given})::text AS given
              FROM {table} WHERE id > :after ORDER BY id LIMIT {ROWS}
        ), named AS (
            SELECT DISTINCT holder_id, organization_id, found[1]::uuid AS asset_id
              FROM page, regexp_matches(given, :id, 'gi') AS found
        ), noted AS (
            INSERT INTO asset_uses (asset_id, holder_id, organization_id)
            SELECT a.id, named.holder_id, a.organization_id
              FROM named JOIN assets a ON a.id = asset_id AND a.organization_id = named.organization_id
             WHERE a.source = 'step' AND a.instance_id IS DISTINCT FROM named.holder_id
            ON CONFLICT DO NOTHING
        )
        SELECT id FROM page ORDER BY id DESC LIMIT 1
    """
    after: Any = FIRST
    while (row := _ask(statement, {"after": after, "id": ID})) is not None:
        (after,) = row


def _ask(statement: str, parameters: dict[str, Any]) -> Any:
    return op.get_bind().execute(sa.text(statement), parameters).fetchone()
