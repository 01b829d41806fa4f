"""Instances that a step of another instance began, and that tell it when they have ended."""

from alembic import op

from app.migrations.tools import see_every_row

revision = "0012_children"
down_revision = "0011_published"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Widen instances. Constant defaults rewrite no row; nobody has children yet."""
    op.execute(
        """
        ALTER TABLE instances
            ADD COLUMN parent_id uuid REFERENCES instances (id) ON DELETE CASCADE,
            ADD COLUMN parent_step_id uuid,
            ADD COLUMN depth integer NOT NULL DEFAULT 0,
            ADD COLUMN body text NOT NULL DEFAULT '',
            ADD COLUMN is_told boolean NOT NULL DEFAULT true
        """
    )
    op.execute("COMMENT ON COLUMN instances.depth IS 'How many instances stand above it.'")
    op.execute("COMMENT ON COLUMN instances.body IS 'The node whose body it runs; empty: a whole workflow.'")
    op.execute("COMMENT ON COLUMN instances.is_told IS 'False: it has ended and its parent does not know.'")
    # What runs the body of a node has the number of the instance it belongs to.
    op.execute("DROP INDEX instances_number")
    op.execute("CREATE UNIQUE INDEX instances_number ON instances (workflow_id, number) WHERE body = ''")
    op.execute("DROP INDEX instances_newest")
    op.execute(
        "CREATE INDEX instances_newest ON instances (organization_id, id DESC) WHERE parent_id IS NULL"
    )
    op.execute("CREATE INDEX instances_of_parent ON instances (parent_id, id) WHERE parent_id IS NOT NULL")
    op.execute("CREATE INDEX instances_untold ON instances (id) WHERE NOT is_told")
    op.execute(
        "CREATE INDEX instances_open_children ON instances (parent_step_id) "
        "WHERE parent_id IS NOT NULL AND status IN ('pending', 'running', 'waiting')"
    )


def downgrade() -> None:
    """Children go: a version that does not know them would show them as runs of their own."""
    see_every_row()
    op.execute("DELETE FROM instances WHERE parent_id IS NOT NULL")
    for index in ("instances_open_children", "instances_untold", "instances_of_parent", "instances_newest"):
        op.execute(f"DROP INDEX {index}")
    op.execute("CREATE INDEX instances_newest ON instances (organization_id, id DESC)")
    op.execute("DROP INDEX instances_number")
    op.execute("CREATE UNIQUE INDEX instances_number ON instances (workflow_id, number)")
    op.execute(
        "ALTER TABLE instances DROP COLUMN parent_id, DROP COLUMN parent_step_id, DROP COLUMN depth, "
        "DROP COLUMN body, DROP COLUMN is_told"
    )
