"""Audit entries: who did what to which thing, when and from where."""

from alembic import op

from app.migrations.tools import APP_ROLE, protect

revision = "0032_audit"
down_revision = "0031_notifications"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A table that is only added to, and shortened by age."""
    # Names beside ids: an entry says the same when the person or the thing has gone.
    op.execute(
        """
        CREATE TABLE audit_entries (
            id uuid PRIMARY KEY,
            organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
            action text NOT NULL,
            actor_id uuid,
            actor_name text NOT NULL,
            subject_id uuid,
            subject_name text NOT NULL,
            words text NOT NULL,
            details jsonb NOT NULL DEFAULT '{}',
            address text,
            at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    op.execute("COMMENT ON COLUMN audit_entries.actor_id IS 'Null: the box itself, or its command line.'")
    op.execute("CREATE INDEX audit_entries_newest ON audit_entries (organization_id, id DESC)")
    op.execute("CREATE INDEX audit_entries_of_action ON audit_entries (organization_id, action, id DESC)")
    op.execute("CREATE INDEX audit_entries_of_actor ON audit_entries (organization_id, actor_id, id DESC)")
    protect("audit_entries")
    op.execute(f"REVOKE UPDATE ON audit_entries FROM {APP_ROLE}")
    op.execute(
        "ALTER TABLE retention ADD COLUMN audit_days integer NOT NULL DEFAULT 365 CHECK (audit_days >= 30)"
    )


def downgrade() -> None:
    """What was done is forgotten; that it was done stays true."""
    op.execute("ALTER TABLE retention DROP COLUMN audit_days")
    op.execute("DROP TABLE audit_entries")
