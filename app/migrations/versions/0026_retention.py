"""How long an organization keeps what has ended, and which files made on the way are needed elsewhere."""

from alembic import op

from app.migrations.tools import protect

revision = "0026_retention"
down_revision = "0025_lines"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two tables, one column, and indexes for what has ended: each is written once in an instance's life."""
    op.execute(
        """
        CREATE TABLE retention (
            organization_id uuid PRIMARY KEY REFERENCES organizations ON DELETE CASCADE,
            instances_days integer CHECK (instances_days >= 1),
            details_days integer CHECK (details_days >= 1),
            updated_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    op.execute("COMMENT ON TABLE retention IS 'Days to keep; null: for ever. Without a row: the defaults.'")
    protect("retention")

    # Written when an instance, a schedule, a webhook or a document begins to name a file that a step of
    # another instance made: seldom. The key holds the file's row while that is done.
    op.execute(
        """
        CREATE TABLE asset_uses (
            asset_id uuid NOT NULL REFERENCES assets ON DELETE CASCADE,
            holder_id uuid NOT NULL,
            organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
            PRIMARY KEY (asset_id, holder_id)
        )
        """
    )
    op.execute(
        "COMMENT ON COLUMN asset_uses.holder_id IS "
        "'An instance, schedule, webhook or version; when that is gone, the use is.'"
    )
    op.execute("CREATE INDEX asset_uses_of_organization ON asset_uses (organization_id)")
    protect("asset_uses")

    op.execute("ALTER TABLE instances ADD COLUMN details_gone_at timestamptz")
    op.execute(
        "COMMENT ON COLUMN instances.details_gone_at IS 'When its events and log lines were cleared away.'"
    )
    op.execute(
        "CREATE INDEX instances_ended ON instances (organization_id, ended_at) "
        "WHERE ended_at IS NOT NULL AND parent_id IS NULL"
    )
    op.execute(
        "CREATE INDEX instances_whole ON instances (organization_id, ended_at) "
        "WHERE ended_at IS NOT NULL AND details_gone_at IS NULL"
    )
    # Both journals are written once and deleted in bulk: their space is to be used again soon.
    for journal in ("events", "step_logs"):
        op.execute(
            f"ALTER TABLE {journal} SET (autovacuum_vacuum_scale_factor = 0.05, "
            "autovacuum_vacuum_insert_scale_factor = 0.2)"
        )


def downgrade() -> None:
    """Nothing is kept shorter any more; what is gone stays gone."""
    for journal in ("events", "step_logs"):
        op.execute(
            f"ALTER TABLE {journal} RESET (autovacuum_vacuum_scale_factor, "
            "autovacuum_vacuum_insert_scale_factor)"
        )
    op.execute("DROP INDEX instances_whole")
    op.execute("DROP INDEX instances_ended")
    op.execute("ALTER TABLE instances DROP COLUMN details_gone_at")
    op.execute("DROP TABLE asset_uses")
    op.execute("DROP TABLE retention")
