"""The ground every table stands on: the application role and the functions that policies ask.

`studio_app` owns nothing, is no superuser and cannot bypass row-level security. The boot makes it on an
embedded cluster; on a database of the operator's this migration makes it where it may.
"""

from alembic import op

revision = "0001_ground"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        DO $$ BEGIN
          IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'studio_app') THEN
            CREATE ROLE studio_app NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
            EXECUTE format('GRANT studio_app TO %I', current_user);
          END IF;
        END $$
        """
    )
    op.execute(
        """
        CREATE FUNCTION studio_organization() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
        $$ SELECT NULLIF(current_setting('studio.organization', true), '')::uuid $$
        """
    )
    op.execute(
        """
        CREATE FUNCTION studio_is_system() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
        $$ SELECT COALESCE(current_setting('studio.system', true), '') = 'on' $$
        """
    )
    op.execute("GRANT USAGE ON SCHEMA public TO studio_app")
    op.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    # /readyz and the boot compare this with the head the code knows.
    op.execute("GRANT SELECT ON alembic_version TO studio_app")


def downgrade() -> None:
    op.execute("DROP FUNCTION studio_is_system()")
    op.execute("DROP FUNCTION studio_organization()")
    op.execute("REVOKE USAGE ON SCHEMA public FROM studio_app")
