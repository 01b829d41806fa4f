"""Channels rest after a failure, each for itself: its messages keep their order, and hold up no other's."""

from alembic import op

revision = "0033_channel_rests"
down_revision = "0032_audit"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two columns. The older version sends by `due_at` alone, and is right as well."""
    op.execute("ALTER TABLE notification_channels ADD COLUMN failures integer NOT NULL DEFAULT 0")
    op.execute("COMMENT ON COLUMN notification_channels.failures IS 'Of the last messages, in a row.'")
    op.execute("ALTER TABLE notification_channels ADD COLUMN resting_until timestamptz")


def downgrade() -> None:
    """What waits for a resting channel is due at once."""
    op.execute("ALTER TABLE notification_channels DROP COLUMN resting_until")
    op.execute("ALTER TABLE notification_channels DROP COLUMN failures")
