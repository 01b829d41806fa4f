"""Notifications, the channels they go out by, and what the box has found wrong with itself."""

from alembic import op

from app.migrations.tools import protect, share

revision = "0031_notifications"
down_revision = "0030_circles"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Four tables. A notification without an organization is about the box: only the system scope sees it."""
    op.execute("""
        CREATE TABLE notifications (
            id              uuid PRIMARY KEY,
            organization_id uuid REFERENCES organizations ON DELETE CASCADE,
            severity        text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
            title           text NOT NULL,
            body            text NOT NULL,
            remedy          text,
            link            text,
            is_handed       boolean NOT NULL DEFAULT false,
            at              timestamptz NOT NULL DEFAULT now()
        )
    """)
    op.execute("COMMENT ON COLUMN notifications.organization_id IS 'Null: about the box, for who runs it.'")
    op.execute("CREATE INDEX notifications_newest ON notifications (organization_id, id DESC)")
    op.execute("COMMENT ON COLUMN notifications.is_handed IS 'Channels have been given it to send.'")
    op.execute("CREATE INDEX notifications_fresh ON notifications (id) WHERE NOT is_handed")
    protect("notifications")

    op.execute("""
        CREATE TABLE notifications_seen (
            user_id uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
            until   uuid NOT NULL
        )
    """)
    share("notifications_seen", "how far a person has read belongs to the person, in every organization")

    op.execute("""
        CREATE TABLE notification_channels (
            id              uuid PRIMARY KEY,
            organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
            name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
            is_enabled      boolean NOT NULL,
            least           text NOT NULL CHECK (least IN ('info', 'warning', 'critical')),
            way             jsonb NOT NULL,
            secret          text,
            quiet           jsonb,
            wakes           boolean NOT NULL,
            created_at      timestamptz NOT NULL DEFAULT now()
        )
    """)
    op.execute("COMMENT ON COLUMN notification_channels.secret IS 'Sealed: an address, a password, a token.'")
    op.execute("COMMENT ON COLUMN notification_channels.wakes IS 'What is critical comes even then.'")
    op.execute(
        "CREATE INDEX notification_channels_newest ON notification_channels (organization_id, id DESC)"
    )
    protect("notification_channels")

    op.execute("""
        CREATE TABLE notification_deliveries (
            id              uuid PRIMARY KEY,
            organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
            notification_id uuid NOT NULL REFERENCES notifications ON DELETE CASCADE,
            channel_id      uuid NOT NULL REFERENCES notification_channels ON DELETE CASCADE,
            status          text NOT NULL CHECK (status IN ('pending', 'sent', 'failed')),
            tries           integer NOT NULL DEFAULT 0,
            due_at          timestamptz NOT NULL DEFAULT now(),
            sent_at         timestamptz,
            error           text,
            UNIQUE (notification_id, channel_id)
        )
    """)
    op.execute(
        "CREATE INDEX notification_deliveries_due ON notification_deliveries (due_at) "
        "WHERE status = 'pending'"
    )
    op.execute(
        "CREATE INDEX notification_deliveries_of_channel ON notification_deliveries (channel_id, id DESC)"
    )
    protect("notification_deliveries")

    op.execute("""
        CREATE TABLE box_alerts (
            id         uuid PRIMARY KEY,
            rule       text NOT NULL,
            severity   text NOT NULL,
            sentence   text NOT NULL,
            remedy     text NOT NULL,
            began_at   timestamptz NOT NULL DEFAULT now(),
            told_at    timestamptz,
            well_since timestamptz,
            ended_at   timestamptz
        )
    """)
    op.execute("CREATE UNIQUE INDEX box_alerts_open ON box_alerts (rule) WHERE ended_at IS NULL")
    share("box_alerts", "what is wrong with the box itself, nothing of an organization")


def downgrade() -> None:
    for table in (
        "box_alerts",
        "notification_deliveries",
        "notification_channels",
        "notifications_seen",
        "notifications",
    ):
        op.execute(f"DROP TABLE {table}")
