"""Files that an instance gives out are told from those its steps made on the way."""

from alembic import op

from app.migrations.tools import see_every_row

revision = "0016_results"
down_revision = "0015_reruns"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What instances have given out so far becomes a result."""
    see_every_row()
    _allow("'upload', 'result', 'step', 'sample'")
    op.execute(
        """
        UPDATE assets SET source = 'result'
          FROM (SELECT i.organization_id, (jsonb_path_query(i.outputs, '$.**.asset') #>> '{}') AS asset
                  FROM instances i WHERE i.parent_id IS NULL AND i.outputs IS NOT NULL) AS given
         WHERE assets.organization_id = given.organization_id
           AND assets.id::text = given.asset AND assets.source = 'step'
        """
    )
    # A fan-out leaves a hundred files for each that somebody wants to see.
    op.execute("CREATE INDEX assets_newest_kept ON assets (organization_id, id DESC) WHERE source <> 'step'")


def downgrade() -> None:
    """Everything a step made is called so again."""
    see_every_row()
    op.execute("DROP INDEX assets_newest_kept")
    op.execute("UPDATE assets SET source = 'step' WHERE source = 'result'")
    _allow("'upload', 'step', 'sample'")


def _allow(sources: str) -> None:
    op.execute("ALTER TABLE assets DROP CONSTRAINT assets_source_check")
    op.execute(f"ALTER TABLE assets ADD CONSTRAINT assets_source_check CHECK (source IN ({sources}))")
