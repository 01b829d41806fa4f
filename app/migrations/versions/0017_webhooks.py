"""Webhooks, and the log of what was delivered to each."""

from alembic import op

from app.migrations.tools import protect

revision = "0017_webhooks"
down_revision = "0016_results"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables. A delivery is one row with few indexes: its sender waits for it to be written."""
    op.execute("""
        CREATE TABLE webhooks (
            id              uuid PRIMARY KEY,
            organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
            workflow_id     uuid NOT NULL REFERENCES workflows ON DELETE CASCADE,
            name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
            is_enabled      boolean NOT NULL,
            token_hash      bytea NOT NULL UNIQUE,
            token_prefix    text NOT NULL,
            methods         text[] NOT NULL,
            accepts         text NOT NULL CHECK (accepts IN ('json', 'form', 'text', 'file')),
            auth            jsonb NOT NULL,
            secret          text,
            inputs          jsonb,
            answer          text NOT NULL CHECK (answer IN ('at_once', 'when_done')),
            wait_s          integer NOT NULL CHECK (wait_s BETWEEN 1 AND 60),
            delivery_header text,
            max_per_minute  integer NOT NULL CHECK (max_per_minute > 0),
            created_by      uuid REFERENCES users ON DELETE SET NULL,
            created_at      timestamptz NOT NULL DEFAULT now(),
            updated_at      timestamptz NOT NULL DEFAULT now()
        )
    """)
    op.execute("COMMENT ON COLUMN webhooks.token_hash IS 'Keyed hash; the address was shown once.'")
    op.execute("COMMENT ON COLUMN webhooks.secret IS 'Sealed; what a sender proves itself with.'")
    op.execute("COMMENT ON COLUMN webhooks.inputs IS 'Expressions over the request; null: by name.'")
    op.execute("CREATE INDEX webhooks_newest ON webhooks (organization_id, id DESC)")
    op.execute("CREATE INDEX webhooks_of_workflow ON webhooks (workflow_id, id DESC)")
    protect("webhooks")

    # instance_id and asset_id name what the delivery made; they may be cleared away before its line is.
    op.execute("""
        CREATE TABLE webhook_deliveries (
            id              uuid PRIMARY KEY,
            organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
            webhook_id      uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
            status          text NOT NULL CHECK (status IN ('accepted', 'refused')),
            origin          text NOT NULL CHECK (origin IN ('sender', 'test', 'replay')),
            delivery_key    text,
            method          text NOT NULL,
            query           jsonb NOT NULL,
            headers         jsonb NOT NULL,
            content_type    text NOT NULL,
            body            bytea,
            size_bytes      bigint NOT NULL,
            sha256          bytea,
            asset_id        uuid,
            instance_id     uuid,
            error           jsonb,
            address         text,
            replay_of       uuid,
            received_at     timestamptz NOT NULL DEFAULT now()
        )
    """)
    op.execute("COMMENT ON COLUMN webhook_deliveries.body IS 'As it came, when it is small enough.'")
    op.execute("CREATE INDEX webhook_deliveries_newest ON webhook_deliveries (webhook_id, id DESC)")
    # A refused delivery may come again under its id, mended; an accepted one has happened.
    op.execute(
        "CREATE UNIQUE INDEX webhook_deliveries_once ON webhook_deliveries (webhook_id, delivery_key) "
        "WHERE status = 'accepted' AND delivery_key IS NOT NULL"
    )
    protect("webhook_deliveries")


def downgrade() -> None:
    """Drop webhooks and their log."""
    for table in ("webhook_deliveries", "webhooks"):
        op.execute(f"DROP TABLE {table}")
