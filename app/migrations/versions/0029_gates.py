"""Gates: what the box takes nothing of for a time, in maintenance or while a lane is drained."""

from alembic import op

from app.migrations.tools import share

revision = "0029_gates"
down_revision = "0028_lost_beside"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE gates (
            name text NOT NULL CHECK (name IN ('starts', 'cpu', 'gpu')),
            why text NOT NULL CHECK (why IN ('maintenance', 'drain')),
            closes_at timestamptz NOT NULL,
            message text NOT NULL DEFAULT '',
            said_by text NOT NULL,
            said_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (name, why)
        )
        """
    )
    op.execute("COMMENT ON COLUMN gates.said_by IS 'Whom the log and the page name; a command has no user.'")
    share("gates", "maintenance and drained lanes concern every organization of the box")


def downgrade() -> None:
    op.execute("DROP TABLE gates")
