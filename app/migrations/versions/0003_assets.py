"""Files: blobs (bytes, once per content), assets (what a person sees) and uploads under way."""

from alembic import op

from app.migrations.tools import protect, share

revision = "0003_assets"
down_revision = "0002_accounts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of files."""
    op.execute("""
        CREATE TABLE blobs (
            sha256      text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
            size_bytes  bigint NOT NULL CHECK (size_bytes >= 0),
            created_at  timestamptz NOT NULL DEFAULT now()
        )
    """)
    share("blobs", "content is stored once for the whole box; assets say who may read it")

    # instance_id and step_id name what made the asset; they outlive it, so nothing refers to them.
    op.execute("""
        CREATE TABLE assets (
            id              uuid PRIMARY KEY,
            organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
            name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
            mime            text NOT NULL,
            kind            text NOT NULL CHECK (kind IN ('image', 'video', 'audio', 'file')),
            size_bytes      bigint NOT NULL CHECK (size_bytes >= 0),
            sha256          text NOT NULL REFERENCES blobs,
            width           integer,
            height          integer,
            duration_s      double precision,
            source          text NOT NULL CHECK (source IN ('upload', 'step', 'sample')),
            instance_id     uuid,
            step_id         uuid,
            created_by      uuid REFERENCES users ON DELETE SET NULL,
            created_at      timestamptz NOT NULL DEFAULT now()
        )
    """)
    op.execute("CREATE INDEX assets_newest ON assets (organization_id, id DESC)")
    op.execute("CREATE INDEX assets_newest_of_kind ON assets (organization_id, kind, id DESC)")
    op.execute("CREATE INDEX assets_of_blob ON assets (sha256)")
    op.execute("CREATE INDEX assets_of_instance ON assets (instance_id) WHERE instance_id IS NOT NULL")
    protect("assets")

    op.execute("""
        CREATE TABLE uploads (
            id              uuid PRIMARY KEY,
            organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
            name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
            size_bytes      bigint NOT NULL CHECK (size_bytes > 0),
            received_bytes  bigint NOT NULL DEFAULT 0 CHECK (received_bytes BETWEEN 0 AND size_bytes),
            created_by      uuid REFERENCES users ON DELETE SET NULL,
            created_at      timestamptz NOT NULL DEFAULT now(),
            touched_at      timestamptz NOT NULL DEFAULT now()
        )
    """)
    op.execute("CREATE INDEX uploads_touched ON uploads (touched_at)")
    protect("uploads")


def downgrade() -> None:
    """Drop the tables of files; the bytes stay in the blob folder."""
    for table in ("uploads", "assets", "blobs"):
        op.execute(f"DROP TABLE {table}")
