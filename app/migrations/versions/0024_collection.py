"""Blobs know since when nothing names them, and the box how much it has given back."""

from alembic import op

from app.migrations.tools import share

revision = "0024_collection"
down_revision = "0023_step_versions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One more column, found by the next look over all blobs, and a line a day."""
    op.execute("ALTER TABLE blobs ADD COLUMN unused_since timestamptz")
    op.execute("COMMENT ON COLUMN blobs.unused_since IS 'No asset has named it since; null: one does.'")
    op.execute("CREATE INDEX blobs_unused ON blobs (unused_since) WHERE unused_since IS NOT NULL")
    op.execute(
        """
        CREATE TABLE collected_blobs (
            day date PRIMARY KEY,
            files bigint NOT NULL,
            size_bytes bigint NOT NULL
        )
        """
    )
    share("collected_blobs", "bytes are stored once for the whole box, so they are freed for the whole box")


def downgrade() -> None:
    """Blobs as they were; what was freed is forgotten."""
    op.execute("DROP TABLE collected_blobs")
    op.execute("DROP INDEX blobs_unused")
    op.execute("ALTER TABLE blobs DROP COLUMN unused_since")
