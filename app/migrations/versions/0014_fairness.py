"""Organizations take turns at the workers, and may be given a limit."""

from alembic import op

revision = "0014_fairness"
down_revision = "0013_turns"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The claim's index begins with the organization, so that each one's most urgent attempt is a probe."""
    op.execute("ALTER TABLE organizations ADD COLUMN max_running_steps integer CHECK (max_running_steps > 0)")
    op.execute("COMMENT ON COLUMN organizations.max_running_steps IS 'On workers at once; null: any number.'")
    op.execute("DROP INDEX attempts_claim")
    op.execute(
        "CREATE INDEX attempts_claim ON attempts (lane, organization_id, priority DESC, available_at, id) "
        "WHERE status = 'queued'"
    )


def downgrade() -> None:
    """One queue for all again."""
    op.execute("DROP INDEX attempts_claim")
    op.execute(
        "CREATE INDEX attempts_claim ON attempts (lane, priority DESC, available_at, id) "
        "WHERE status = 'queued'"
    )
    op.execute("ALTER TABLE organizations DROP COLUMN max_running_steps")
