"""The data keys of organizations, each wrapped by the box's ENCRYPTION_KEY."""

from alembic import op

from app.migrations.tools import protect

revision = "0008_sealed"
down_revision = "0007_waits"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of data keys: one is in use, retired ones still open what they sealed."""
    op.execute("""
        CREATE TABLE organization_keys (
            id              uuid PRIMARY KEY,
            organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
            wrapped         text NOT NULL,
            created_at      timestamptz NOT NULL DEFAULT now(),
            retired_at      timestamptz
        )
    """)
    op.execute(
        "CREATE UNIQUE INDEX organization_keys_in_use ON organization_keys (organization_id) "
        "WHERE retired_at IS NULL"
    )
    protect("organization_keys")


def downgrade() -> None:
    """Drop the keys, and with them every secret they sealed."""
    op.execute("DROP TABLE organization_keys")
