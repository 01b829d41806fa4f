"""What waits for its turn on behalf of another instance is found without looking at the rest."""

from alembic import op

revision = "0030_circles"
down_revision = "0029_gates"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Few rows at any moment: instances under a limit that a step of another instance began."""
    op.execute(
        "CREATE INDEX instances_held_for_steps ON instances (workflow_id, parent_id, id) "
        "WHERE is_held AND parent_id IS NOT NULL AND status IN ('pending', 'running', 'waiting')"
    )


def downgrade() -> None:
    """Circles are not looked for any more."""
    op.execute("DROP INDEX instances_held_for_steps")
