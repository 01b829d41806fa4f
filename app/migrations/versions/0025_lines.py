"""Whose turn is next in a workflow with a limit is a probe, however many wait."""

from alembic import op

revision = "0025_lines"
down_revision = "0024_collection"
branch_labels = None
depends_on = None

OPEN = "status IN ('pending', 'running', 'waiting')"


def upgrade() -> None:
    """One index counts those that run and finds who came first or last; one has the order of the turns."""
    op.execute("DROP INDEX instances_limited")
    op.execute(
        f"CREATE INDEX instances_limited ON instances (workflow_id, is_held, id) "
        f"WHERE concurrency_limit IS NOT NULL AND {OPEN}"
    )
    op.execute(
        f"CREATE INDEX instances_in_line ON instances (workflow_id, priority DESC, id) "
        f"WHERE is_held AND {OPEN}"
    )


def downgrade() -> None:
    """Every open instance under a limit in one heap again."""
    op.execute("DROP INDEX instances_in_line")
    op.execute("DROP INDEX instances_limited")
    op.execute(
        f"CREATE INDEX instances_limited ON instances (workflow_id) "
        f"WHERE concurrency_limit IS NOT NULL AND {OPEN}"
    )
