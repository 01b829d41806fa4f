"""An attempt may follow one that was lost together with others."""

from alembic import op

from app.migrations.tools import see_every_row

revision = "0028_lost_beside"
down_revision = "0027_waiting_items"
branch_labels = None
depends_on = None

CAUSES = "'first', 'retry', 'lost', 'given_back'"


def upgrade() -> None:
    """What is there fits the wider rule, so no row has to be looked at."""
    _allow(f"{CAUSES}, 'lost_beside'", "NOT VALID")


def downgrade() -> None:
    """A loss among others is a loss again."""
    see_every_row()
    op.execute("UPDATE attempts SET cause = 'lost' WHERE cause = 'lost_beside'")
    _allow(CAUSES)


def _allow(causes: str, how: str = "") -> None:
    op.execute("ALTER TABLE attempts DROP CONSTRAINT attempts_cause_check")
    op.execute(f"ALTER TABLE attempts ADD CONSTRAINT attempts_cause_check CHECK (cause IN ({causes})) {how}")
