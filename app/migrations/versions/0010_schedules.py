"""Schedules, and a journal of what each of them did when its time had come."""

from alembic import op

from app.migrations.tools import protect

revision = "0010_schedules"
down_revision = "0009_nested"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables. The daemon asks every second what is due, by the index of enabled ones."""
    op.execute("""
        CREATE TABLE schedules (
            id              uuid PRIMARY KEY,
            organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
            workflow_id     uuid NOT NULL REFERENCES workflows ON DELETE CASCADE,
            name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
            timing          jsonb NOT NULL,
            inputs          jsonb NOT NULL,
            misfire         text NOT NULL CHECK (misfire IN ('skip', 'once', 'all')),
            overlap         text NOT NULL CHECK (overlap IN ('allow', 'skip', 'queue')),
            is_enabled      boolean NOT NULL,
            stopped_because text,
            refusals        integer NOT NULL DEFAULT 0,
            next_at         timestamptz,
            queued_for      timestamptz,
            last_instance   uuid,
            created_by      uuid REFERENCES users ON DELETE SET NULL,
            created_at      timestamptz NOT NULL DEFAULT now(),
            updated_at      timestamptz NOT NULL DEFAULT now()
        )
    """)
    op.execute("COMMENT ON COLUMN schedules.refusals IS 'Starts refused in a row; some end the schedule.'")
    op.execute("COMMENT ON COLUMN schedules.queued_for IS 'A time that waits for the run before to end.'")
    op.execute("CREATE INDEX schedules_newest ON schedules (organization_id, id DESC)")
    op.execute("CREATE INDEX schedules_of_workflow ON schedules (workflow_id, id DESC)")
    op.execute("CREATE INDEX schedules_due ON schedules (next_at) WHERE is_enabled")
    op.execute("CREATE INDEX schedules_queued ON schedules (queued_for) WHERE queued_for IS NOT NULL")
    protect("schedules")

    # instance_id names what was started; an instance may be cleared away before the line that tells of it.
    op.execute("""
        CREATE TABLE schedule_runs (
            id              uuid PRIMARY KEY,
            organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
            schedule_id     uuid NOT NULL REFERENCES schedules ON DELETE CASCADE,
            due_at          timestamptz NOT NULL,
            outcome         text NOT NULL CHECK (outcome IN ('started', 'skipped', 'queued', 'refused')),
            reason          text,
            instance_id     uuid,
            started_by      uuid REFERENCES users ON DELETE SET NULL,
            at              timestamptz NOT NULL DEFAULT now()
        )
    """)
    op.execute("CREATE INDEX schedule_runs_newest ON schedule_runs (schedule_id, id DESC)")
    protect("schedule_runs")


def downgrade() -> None:
    """Drop schedules and their journal."""
    for table in ("schedule_runs", "schedules"):
        op.execute(f"DROP TABLE {table}")
