"""Instances that stand still because somebody paused them."""

from alembic import op

from app.migrations.tools import see_every_row

revision = "0021_pause"
down_revision = "0020_process_tables"
branch_labels = None
depends_on = None

STATES = "'queued', 'leased', 'completed', 'failed', 'lost', 'cancelled'"


def upgrade() -> None:
    """A paused attempt is in no state that a claim or a bell looks for, so no index has to know of it."""
    op.execute("ALTER TABLE instances ADD COLUMN pause jsonb")
    op.execute("COMMENT ON COLUMN instances.pause IS 'Who paused it and when; null: it is not paused.'")
    _allow(f"{STATES}, 'paused'")


def downgrade() -> None:
    """What is paused would stand still for ever, so it goes."""
    see_every_row()
    op.execute("DELETE FROM instances WHERE pause IS NOT NULL")
    _allow(STATES)
    op.execute("ALTER TABLE instances DROP COLUMN pause")


def _allow(states: str) -> None:
    op.execute("ALTER TABLE attempts DROP CONSTRAINT attempts_status_check")
    op.execute(f"ALTER TABLE attempts ADD CONSTRAINT attempts_status_check CHECK (status IN ({states}))")
