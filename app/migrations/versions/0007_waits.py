"""Joins that know whether a branch led to them, and steps that wait for people and programs."""

from alembic import op

from app.migrations.tools import see_every_row

revision = "0007_waits"
down_revision = "0006_workers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Widen steps. A column with a constant default rewrites no row."""
    op.execute(
        """
        ALTER TABLE steps
            ADD COLUMN led_here integer NOT NULL DEFAULT 0,
            ADD COLUMN wait_kind text,
            ADD COLUMN wait jsonb
        """
    )
    see_every_row()
    op.execute("UPDATE steps SET wait_kind = 'time' WHERE status = 'waiting'")
    op.execute("COMMENT ON COLUMN steps.led_here IS 'How many of its settled dependencies led to it.'")
    op.execute("COMMENT ON COLUMN steps.wait_kind IS 'Who brings a waiting step on; null: never waited.'")
    op.execute("COMMENT ON COLUMN steps.wait IS 'What is asked, and the answers so far.'")
    op.execute(
        "CREATE INDEX steps_asking ON steps (organization_id, id) "
        "WHERE status = 'waiting' AND wait_kind IN ('person', 'start')"
    )


def downgrade() -> None:
    """Steps as they were; a wait for somebody's answer has no other home and is forgotten."""
    op.execute("DROP INDEX steps_asking")
    op.execute("ALTER TABLE steps DROP COLUMN led_here, DROP COLUMN wait_kind, DROP COLUMN wait")
