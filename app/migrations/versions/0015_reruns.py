"""Instances that go on from one that has ended, and steps that are taken over or given by hand."""

from alembic import op

revision = "0015_reruns"
down_revision = "0014_fairness"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Widen both tables; nothing is rewritten."""
    op.execute(
        """
        ALTER TABLE instances
            ADD COLUMN origin_id uuid REFERENCES instances (id) ON DELETE SET NULL,
            ADD COLUMN rerun jsonb
        """
    )
    op.execute("COMMENT ON COLUMN instances.origin_id IS 'The instance it goes on from, which had ended.'")
    op.execute("COMMENT ON COLUMN instances.rerun IS 'What was wished to run again, names without values.'")
    op.execute("CREATE INDEX instances_of_origin ON instances (origin_id, id) WHERE origin_id IS NOT NULL")
    op.execute("ALTER TABLE steps ADD COLUMN reused_from uuid, ADD COLUMN edited jsonb")
    op.execute(
        "COMMENT ON COLUMN steps.reused_from IS "
        "'The step of an older instance that ran in its place; it may be cleared away: no key.'"
    )
    op.execute("COMMENT ON COLUMN steps.edited IS 'Who gave values by hand, when, and what stood there.'")


def downgrade() -> None:
    """What was taken over stays as if it had run here."""
    op.execute("ALTER TABLE steps DROP COLUMN reused_from, DROP COLUMN edited")
    op.execute("DROP INDEX instances_of_origin")
    op.execute("ALTER TABLE instances DROP COLUMN origin_id, DROP COLUMN rerun")
