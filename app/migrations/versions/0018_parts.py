"""How much of a fan-out was taken over from an older instance."""

from alembic import op

revision = "0018_parts"
down_revision = "0017_webhooks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Widen steps; nothing is rewritten."""
    op.execute("ALTER TABLE steps ADD COLUMN items_kept integer")
    op.execute(
        "COMMENT ON COLUMN steps.items_kept IS "
        "'Of a fan-out that was taken over in part: items that were settled before; else null.'"
    )


def downgrade() -> None:
    """The items stay; only their number is forgotten."""
    op.execute("ALTER TABLE steps DROP COLUMN items_kept")
