"""Instances that end after a while, and instances that wait until others have ended."""

from alembic import op

from app.migrations.tools import see_every_row

revision = "0013_turns"
down_revision = "0012_children"
branch_labels = None
depends_on = None

OPEN = "status IN ('pending', 'running', 'waiting')"


def upgrade() -> None:
    """Widen instances; constant defaults rewrite no row."""
    op.execute(
        """
        ALTER TABLE instances
            ADD COLUMN deadline_at timestamptz,
            ADD COLUMN concurrency_limit integer,
            ADD COLUMN on_limit text,
            ADD COLUMN is_held boolean NOT NULL DEFAULT false
        """
    )
    op.execute("COMMENT ON COLUMN instances.deadline_at IS 'When it has run for too long; null: never.'")
    op.execute("COMMENT ON COLUMN instances.concurrency_limit IS 'How many of its workflow run at once.'")
    op.execute("COMMENT ON COLUMN instances.is_held IS 'It waits for its turn; none of its steps has begun.'")
    op.execute(
        f"CREATE INDEX instances_deadlines ON instances (deadline_at) "
        f"WHERE deadline_at IS NOT NULL AND {OPEN}"
    )
    op.execute(
        f"CREATE INDEX instances_limited ON instances (workflow_id) "
        f"WHERE concurrency_limit IS NOT NULL AND {OPEN}"
    )


def downgrade() -> None:
    """What waits for its turn would wait for ever, so it goes."""
    see_every_row()
    op.execute("DELETE FROM instances WHERE is_held")
    op.execute("DROP INDEX instances_limited")
    op.execute("DROP INDEX instances_deadlines")
    op.execute(
        "ALTER TABLE instances DROP COLUMN deadline_at, DROP COLUMN concurrency_limit, "
        "DROP COLUMN on_limit, DROP COLUMN is_held"
    )
