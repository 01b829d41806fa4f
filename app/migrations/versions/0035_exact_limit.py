"""An organization's limit of running steps is exact, however many claim at once."""

from alembic import op

revision = "0035_exact_limit"
down_revision = "0034_uses_of_before"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One at a time claims for an organization with a limit, and counts what all before it have leased.

    A statement sees what was committed when it began, so those at one moment would each miss the others. One
    inside a volatile function sees what is committed now: with the lock in hand, that is everything.
    """
    op.execute(
        """
        CREATE FUNCTION may_run_one_more(organization uuid, most integer) RETURNS boolean
        LANGUAGE plpgsql VOLATILE AS $$
        BEGIN
            IF NOT pg_try_advisory_xact_lock(hashtextextended(organization::text, 1)) THEN
                RETURN false;  -- somebody claims for it at this moment; nobody waits
            END IF;
            RETURN most > (
                SELECT count(*) FROM attempts a
                 WHERE a.status = 'leased' AND a.organization_id = organization);
        END
        $$
        """
    )


def downgrade() -> None:
    """Claims count for themselves."""
    op.execute("DROP FUNCTION may_run_one_more")
