"""Instances, their steps, the attempts at them, and the numbered events that tell the story.

Only app.engine writes these tables. Every status column holds a word of app/flow/states.py. Indexes match
the statements of the engine: the claim, the lease sweep, the missed-bell sweep, the timer sweep, the walk to
a step's successors and the gathering of a fan-out's items.
"""

from alembic import op

from app.migrations.tools import protect

revision = "0005_engine"
down_revision = "0004_workflows"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE instance_counters (
            workflow_id uuid PRIMARY KEY REFERENCES workflows (id) ON DELETE CASCADE,
            organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
            last_number bigint NOT NULL
        )
        """
    )
    op.execute("COMMENT ON TABLE instance_counters IS 'The last instance number given out, per workflow.'")
    protect("instance_counters")

    op.execute(
        """
        CREATE TABLE instances (
            id uuid PRIMARY KEY,
            organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
            workflow_id uuid NOT NULL REFERENCES workflows (id) ON DELETE CASCADE,
            version_id uuid NOT NULL REFERENCES workflow_versions (id) ON DELETE CASCADE,
            number bigint NOT NULL,
            status text NOT NULL CHECK (status IN
                ('pending', 'running', 'waiting', 'completed', 'failed', 'cancelled')),
            reason text,
            inputs jsonb NOT NULL,
            outputs jsonb,
            error jsonb,
            source text NOT NULL,
            priority integer NOT NULL DEFAULT 0,
            event_seq bigint NOT NULL DEFAULT 0,
            total_steps integer NOT NULL DEFAULT 0,
            open_steps integer NOT NULL DEFAULT 0,
            busy_steps integer NOT NULL DEFAULT 0,
            created_by uuid REFERENCES users (id) ON DELETE SET NULL,
            cancelled_by uuid REFERENCES users (id) ON DELETE SET NULL,
            cancel_requested_at timestamptz,
            created_at timestamptz NOT NULL DEFAULT now(),
            started_at timestamptz,
            ended_at timestamptz
        ) WITH (fillfactor = 70)
        """
    )
    op.execute("COMMENT ON COLUMN instances.event_seq IS 'Number of the last event; events are gap-free.'")
    op.execute("COMMENT ON COLUMN instances.total_steps IS 'Nodes of its version.'")
    op.execute("COMMENT ON COLUMN instances.open_steps IS 'Steps not settled; fan-out items not counted.'")
    op.execute("COMMENT ON COLUMN instances.busy_steps IS 'Of these, the queued and running ones.'")
    op.execute("CREATE UNIQUE INDEX instances_number ON instances (workflow_id, number)")
    op.execute("CREATE INDEX instances_newest ON instances (organization_id, id DESC)")
    op.execute("CREATE INDEX instances_of_workflow ON instances (workflow_id, id DESC)")
    op.execute(
        "CREATE INDEX instances_open ON instances (organization_id, id) "
        "WHERE status IN ('pending', 'running', 'waiting')"
    )
    protect("instances")

    op.execute(
        """
        CREATE TABLE steps (
            id uuid PRIMARY KEY,
            organization_id uuid NOT NULL,
            instance_id uuid NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
            node_id text NOT NULL,
            path integer[] NOT NULL DEFAULT '{}',
            parent_id uuid,
            ordinal integer NOT NULL DEFAULT 0,
            kind text NOT NULL,
            lane text NOT NULL,
            status text NOT NULL CHECK (status IN
                ('pending', 'queued', 'running', 'waiting', 'completed', 'failed', 'skipped', 'cancelled')),
            reason text,
            waits_for integer NOT NULL DEFAULT 0,
            inputs jsonb,
            outputs jsonb,
            error jsonb,
            item jsonb,
            items_total integer,
            items_made integer NOT NULL DEFAULT 0,
            items_started integer NOT NULL DEFAULT 0,
            items_open integer NOT NULL DEFAULT 0,
            items_failed integer NOT NULL DEFAULT 0,
            attempts_used integer NOT NULL DEFAULT 0,
            times_lost integer NOT NULL DEFAULT 0,
            progress_fraction real,
            progress_message text,
            due_at timestamptz,
            created_at timestamptz NOT NULL DEFAULT now(),
            started_at timestamptz,
            ended_at timestamptz
        ) WITH (fillfactor = 70)
        """
    )
    op.execute(
        "COMMENT ON COLUMN steps.item IS "
        "'Of a fan-out: the whole list, written once. Of one of its items: that element.'"
    )
    op.execute("COMMENT ON COLUMN steps.ordinal IS 'Place among its siblings; the last number of path.'")
    op.execute("COMMENT ON COLUMN steps.waits_for IS 'Dependencies not settled yet; at 0 the step opens.'")
    # One index for all ways to a step: by node, by place in a fan-out, all of an instance. Not over path:
    # comparing arrays is not leakproof, so under row-level security it could never be an index condition.
    op.execute(
        "CREATE UNIQUE INDEX steps_place ON steps (instance_id, parent_id, node_id, ordinal) "
        "NULLS NOT DISTINCT"
    )
    op.execute("CREATE INDEX steps_due ON steps (due_at) WHERE status = 'waiting' AND due_at IS NOT NULL")
    protect("steps")

    op.execute(
        """
        CREATE TABLE attempts (
            id uuid PRIMARY KEY,
            organization_id uuid NOT NULL,
            instance_id uuid NOT NULL,
            step_id uuid NOT NULL REFERENCES steps (id) ON DELETE CASCADE,
            number integer NOT NULL,
            lane text NOT NULL,
            status text NOT NULL CHECK (status IN
                ('queued', 'leased', 'completed', 'failed', 'lost', 'cancelled')),
            cause text NOT NULL CHECK (cause IN ('first', 'retry', 'lost', 'given_back')),
            priority integer NOT NULL DEFAULT 0,
            timeout_s real,
            worker_id uuid,
            fence bigint NOT NULL DEFAULT 0,
            lease_until timestamptz,
            deadline_at timestamptz,
            available_at timestamptz NOT NULL DEFAULT now(),
            rung_at timestamptz,
            error jsonb,
            created_at timestamptz NOT NULL DEFAULT now(),
            claimed_at timestamptz,
            ended_at timestamptz
        ) WITH (fillfactor = 70)
        """
    )
    op.execute("COMMENT ON COLUMN attempts.worker_id IS 'Who holds or held it. Workers may leave: no key.'")
    op.execute("COMMENT ON COLUMN attempts.fence IS 'Rises with a lease; a report must name it.'")
    op.execute("CREATE UNIQUE INDEX attempts_of_step ON attempts (step_id, number)")
    op.execute(
        "CREATE INDEX attempts_claim ON attempts (lane, priority DESC, available_at, id) "
        "WHERE status = 'queued'"
    )
    op.execute(
        "CREATE INDEX attempts_due ON attempts (available_at) WHERE status = 'queued' AND rung_at IS NULL"
    )
    # Also for the questions about one worker: few attempts are leased at any moment.
    op.execute("CREATE INDEX attempts_leases ON attempts (lease_until) WHERE status = 'leased'")
    protect("attempts")

    # No foreign key from the two journals: they are written only under the instance's row lock or against a
    # held lease, one row a fact, and a key check for each row costs more than the insert itself.
    op.execute(
        """
        CREATE TABLE events (
            instance_id uuid NOT NULL,
            seq bigint NOT NULL,
            organization_id uuid NOT NULL,
            type text NOT NULL,
            step_id uuid,
            data jsonb NOT NULL DEFAULT '{}',
            at timestamptz NOT NULL DEFAULT clock_timestamp(),
            PRIMARY KEY (instance_id, seq)
        )
        """
    )
    protect("events")

    op.execute(
        """
        CREATE TABLE step_logs (
            instance_id uuid NOT NULL,
            id bigint GENERATED ALWAYS AS IDENTITY,
            organization_id uuid NOT NULL,
            step_id uuid NOT NULL,
            attempt_id uuid NOT NULL,
            level text NOT NULL,
            message text NOT NULL,
            at timestamptz NOT NULL,
            PRIMARY KEY (instance_id, id)
        )
        """
    )
    op.execute("CREATE INDEX step_logs_of_step ON step_logs (step_id, id)")
    protect("step_logs")


def downgrade() -> None:
    for table in ("step_logs", "events", "attempts", "steps", "instances", "instance_counters"):
        op.execute(f"DROP TABLE {table}")
