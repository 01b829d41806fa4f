"""Which version of its type a step ran on, so that a result that is kept can be told from what is newest."""

from alembic import op

revision = "0023_step_versions"
down_revision = "0022_box_facts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of the steps that have run already nobody noted it; nothing is rewritten."""
    op.execute("ALTER TABLE steps ADD COLUMN type_version integer")
    op.execute("COMMENT ON COLUMN steps.type_version IS 'The version of its type, when it began.'")


def downgrade() -> None:
    """Every result that is kept passes for one of today again."""
    op.execute("ALTER TABLE steps DROP COLUMN type_version")
