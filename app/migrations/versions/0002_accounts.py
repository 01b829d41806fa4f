"""Who may do what: organizations, users, memberships, sessions, the login throttle, the claim of the box."""

from alembic import op

from app.migrations.tools import protect, share

revision = "0002_accounts"
down_revision = "0001_ground"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the account tables; rows of an organization are closed to every other one."""
    op.execute("""
        CREATE TABLE organizations (
            id          uuid PRIMARY KEY,
            name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
            slug        text NOT NULL UNIQUE,
            created_at  timestamptz NOT NULL DEFAULT now()
        )
    """)
    protect("organizations", column="id")

    op.execute("""
        CREATE TABLE users (
            id              uuid PRIMARY KEY,
            email           text NOT NULL UNIQUE CHECK (email = lower(email)),
            name            text NOT NULL,
            password_hash   text,
            is_super_admin  boolean NOT NULL DEFAULT false,
            is_active       boolean NOT NULL DEFAULT true,
            created_at      timestamptz NOT NULL DEFAULT now(),
            last_login_at   timestamptz
        )
    """)
    share("users", "a person may belong to several organizations; memberships say to which")

    op.execute("""
        CREATE TABLE memberships (
            organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
            user_id         uuid NOT NULL REFERENCES users ON DELETE CASCADE,
            role            text NOT NULL CHECK (role IN ('owner', 'admin', 'editor', 'operator', 'viewer')),
            created_at      timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (organization_id, user_id)
        )
    """)
    op.execute("CREATE INDEX memberships_of_user ON memberships (user_id)")
    protect("memberships")

    # One row a sign-in: revoking it ends every access token and the whole family of refresh tokens.
    op.execute("""
        CREATE TABLE sessions (
            id              uuid PRIMARY KEY,
            user_id         uuid NOT NULL REFERENCES users ON DELETE CASCADE,
            organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
            user_agent      text,
            address         text,
            created_at      timestamptz NOT NULL DEFAULT now(),
            last_seen_at    timestamptz NOT NULL DEFAULT now(),
            expires_at      timestamptz NOT NULL,
            revoked_at      timestamptz,
            revoked_because text
        )
    """)
    op.execute("CREATE INDEX sessions_of_user ON sessions (user_id)")
    op.execute("CREATE INDEX sessions_expiry ON sessions (expires_at)")
    protect("sessions")

    # Used tokens stay until the session expires: showing one twice is how a theft is noticed.
    op.execute("""
        CREATE TABLE refresh_tokens (
            token_hash      bytea PRIMARY KEY,
            session_id      uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
            organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
            created_at      timestamptz NOT NULL DEFAULT now(),
            used_at         timestamptz
        )
    """)
    op.execute("CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id)")
    protect("refresh_tokens")

    op.execute("""
        CREATE TABLE throttles (
            key             bytea PRIMARY KEY,
            failures        integer NOT NULL,
            last_failure_at timestamptz NOT NULL DEFAULT now(),
            blocked_until   timestamptz
        )
    """)
    share("throttles", "counts failed sign-ins by account and address, before anybody is known")

    op.execute("""
        CREATE TABLE box (
            id                smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
            claimed_at        timestamptz,
            setup_token_hash  bytea,
            created_at        timestamptz NOT NULL DEFAULT now()
        )
    """)
    share("box", "the one row about this installation: is it claimed, and by which token may it be")

    op.execute("""
        CREATE TABLE idempotency_keys (
            organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
            user_id         uuid NOT NULL REFERENCES users ON DELETE CASCADE,
            key             text NOT NULL CHECK (length(key) BETWEEN 1 AND 200),
            request_hash    bytea NOT NULL,
            answer          jsonb,
            created_at      timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (organization_id, user_id, key)
        )
    """)
    op.execute("CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at)")
    protect("idempotency_keys")


def downgrade() -> None:
    """Drop the account tables, dependants first."""
    for table in (
        "idempotency_keys",
        "box",
        "throttles",
        "refresh_tokens",
        "sessions",
        "memberships",
        "users",
        "organizations",
    ):
        op.execute(f"DROP TABLE {table}")
