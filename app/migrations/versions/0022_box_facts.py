"""What the box last found out about itself, for what is too slow to ask at every look."""

from alembic import op

from app.migrations.tools import share

revision = "0022_box_facts"
down_revision = "0021_pause"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE box_facts (
            name     text PRIMARY KEY,
            value    jsonb NOT NULL,
            noted_at timestamptz NOT NULL DEFAULT clock_timestamp()
        ) WITH (fillfactor = 50)
        """
    )
    share("box_facts", "facts about the box itself, nothing of an organization")


def downgrade() -> None:
    op.execute("DROP TABLE box_facts")
