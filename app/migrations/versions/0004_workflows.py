"""Workflows and their immutable, numbered versions."""

from alembic import op

from app.migrations.tools import protect

revision = "0004_workflows"
down_revision = "0003_assets"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create workflows and versions; a version never changes once written."""
    op.execute("""
        CREATE TABLE workflows (
            id              uuid PRIMARY KEY,
            organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
            name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
            description     text NOT NULL DEFAULT '',
            latest_version  integer NOT NULL DEFAULT 1,
            is_sample       boolean NOT NULL DEFAULT false,
            created_by      uuid REFERENCES users ON DELETE SET NULL,
            created_at      timestamptz NOT NULL DEFAULT now(),
            updated_at      timestamptz NOT NULL DEFAULT now(),
            deleted_at      timestamptz
        )
    """)
    op.execute(
        "CREATE INDEX workflows_newest ON workflows (organization_id, id DESC) WHERE deleted_at IS NULL"
    )
    protect("workflows")

    # created_by is no reference: emptying it when a user goes would change the version. `json`, not `jsonb`:
    # people get their document back in the order they wrote it.
    op.execute("""
        CREATE TABLE workflow_versions (
            id              uuid PRIMARY KEY,
            organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
            workflow_id     uuid NOT NULL REFERENCES workflows ON DELETE CASCADE,
            number          integer NOT NULL CHECK (number >= 1),
            definition      json NOT NULL,
            note            text NOT NULL DEFAULT '',
            created_by      uuid,
            created_at      timestamptz NOT NULL DEFAULT now(),
            UNIQUE (workflow_id, number)
        )
    """)
    protect("workflow_versions")
    op.execute("""
        CREATE FUNCTION refuse_version_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'a workflow version is immutable; write a new one';
        END $$
    """)
    op.execute("""
        CREATE TRIGGER workflow_versions_immutable BEFORE UPDATE ON workflow_versions
        FOR EACH ROW EXECUTE FUNCTION refuse_version_change()
    """)


def downgrade() -> None:
    """Drop versions and workflows."""
    op.execute("DROP TABLE workflow_versions")
    op.execute("DROP FUNCTION refuse_version_change()")
    op.execute("DROP TABLE workflows")
