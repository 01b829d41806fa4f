"""A fan-out over lists in lists: what two columns of its steps hold then."""

from alembic import op

revision = "0009_nested"
down_revision = "0008_sealed"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Only the words: places were arrays, and items any JSON, all along."""
    op.execute(
        "COMMENT ON COLUMN steps.ordinal IS "
        "'Place among its siblings, counted through; path says where it lies in lists of lists.'"
    )
    op.execute(
        "COMMENT ON COLUMN steps.item IS "
        "'Of a fan-out: the whole list, or its levels with their shape, written once. "
        "Of one of its items: that element.'"
    )


def downgrade() -> None:
    """The words as they were."""
    op.execute(
        "COMMENT ON COLUMN steps.item IS "
        "'Of a fan-out: the whole list, written once. Of one of its items: that element.'"
    )
    op.execute("COMMENT ON COLUMN steps.ordinal IS 'Place among its siblings; the last number of path.'")
