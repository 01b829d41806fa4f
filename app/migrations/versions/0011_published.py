"""Which version of a workflow runs, and every publishing of one with its note."""

from alembic import op

from app.migrations.tools import protect, see_every_row

revision = "0011_published"
down_revision = "0010_schedules"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Until now the newest version ran, so it is the published one, by whom it was written."""
    see_every_row()
    op.execute("ALTER TABLE workflows ADD COLUMN published_version integer NOT NULL DEFAULT 1")
    op.execute(
        "UPDATE workflows SET published_version = latest_version WHERE latest_version <> published_version"
    )
    # A workflow is written before its first version, so this is looked at when both are there.
    op.execute(
        """
        ALTER TABLE workflows ADD CONSTRAINT workflows_published
            FOREIGN KEY (id, published_version) REFERENCES workflow_versions (workflow_id, number)
            DEFERRABLE INITIALLY DEFERRED
        """
    )
    op.execute(
        "COMMENT ON COLUMN workflows.published_version IS 'What runs unless a start names another version.'"
    )
    op.execute(
        """
        CREATE TABLE publications (
            id              uuid PRIMARY KEY,
            organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
            workflow_id     uuid NOT NULL REFERENCES workflows ON DELETE CASCADE,
            number          integer NOT NULL,
            note            text NOT NULL DEFAULT '',
            created_by      uuid,
            created_at      timestamptz NOT NULL DEFAULT now(),
            FOREIGN KEY (workflow_id, number)
                REFERENCES workflow_versions (workflow_id, number) ON DELETE CASCADE
        )
        """
    )
    op.execute("CREATE INDEX publications_of ON publications (workflow_id, number, id DESC)")
    protect("publications")
    # Every version ran from the moment it was saved.
    op.execute(
        """
        INSERT INTO publications (id, organization_id, workflow_id, number, created_by, created_at)
        SELECT id, organization_id, workflow_id, number, created_by, created_at FROM workflow_versions
        """
    )


def downgrade() -> None:
    """The newest version runs again, drafts too."""
    op.execute("DROP TABLE publications")
    op.execute("ALTER TABLE workflows DROP CONSTRAINT workflows_published, DROP COLUMN published_version")
