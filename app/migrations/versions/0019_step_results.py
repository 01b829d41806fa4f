"""What steps gave, to be given again."""

from alembic import op

from app.migrations.tools import protect

revision = "0019_step_results"
down_revision = "0018_parts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A table of results; steps learn what theirs is found by."""
    op.execute(
        """
        CREATE TABLE step_results (
            organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
            key bytea NOT NULL,
            kind text NOT NULL,
            step_id uuid NOT NULL,
            outputs jsonb NOT NULL,
            size_bytes integer NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            used_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (organization_id, key)
        )
        """
    )
    op.execute("COMMENT ON COLUMN step_results.key IS 'SHA-256 of kind, version, salt and inputs.'")
    op.execute("COMMENT ON COLUMN step_results.step_id IS 'Whose result it is; it may be gone by now.'")
    op.execute("CREATE INDEX step_results_used ON step_results (used_at)")
    protect("step_results")
    op.execute("ALTER TABLE steps ADD COLUMN cache_key text")
    op.execute("COMMENT ON COLUMN steps.cache_key IS 'What its result is kept under, in hex; null: nowhere.'")


def downgrade() -> None:
    """Every result is forgotten; steps keep what they were given."""
    op.execute("ALTER TABLE steps DROP COLUMN cache_key")
    op.execute("DROP TABLE step_results")
