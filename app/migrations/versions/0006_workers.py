"""Workers: who serves which lane, with what, and when it was last heard of."""

from alembic import op

from app.migrations.tools import share

revision = "0006_workers"
down_revision = "0005_engine"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE workers (
            id uuid PRIMARY KEY,
            name text NOT NULL,
            host text NOT NULL,
            pid integer NOT NULL,
            version text NOT NULL,
            lanes jsonb NOT NULL,
            token_hash bytea NOT NULL,
            gpus jsonb NOT NULL DEFAULT '[]',
            status jsonb NOT NULL DEFAULT '{}',
            box_id text,
            registered_at timestamptz NOT NULL DEFAULT now(),
            last_seen_at timestamptz NOT NULL DEFAULT now(),
            left_at timestamptz
        ) WITH (fillfactor = 70)
        """
    )
    op.execute("COMMENT ON COLUMN workers.token_hash IS 'Keyed hash; the token itself is with the worker.'")
    op.execute("COMMENT ON COLUMN workers.left_at IS 'It said goodbye, or was silent for too long.'")
    op.execute("CREATE UNIQUE INDEX workers_token ON workers (token_hash)")
    op.execute("CREATE INDEX workers_present ON workers (host, name) WHERE left_at IS NULL")
    share("workers", "workers belong to the box and serve every organization")


def downgrade() -> None:
    op.execute("DROP TABLE workers")
