"""Workers say in which process table their id counts, so that no living one is taken for dead."""

from alembic import op

revision = "0020_process_tables"
down_revision = "0019_step_results"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One more column; workers of before are believed alive until their leases say otherwise."""
    op.execute("ALTER TABLE workers ADD COLUMN process_table text")
    op.execute(
        "COMMENT ON COLUMN workers.process_table IS 'Where pid counts; a host name may stand for several.'"
    )


def downgrade() -> None:
    """Workers as they were."""
    op.execute("ALTER TABLE workers DROP COLUMN process_table")
