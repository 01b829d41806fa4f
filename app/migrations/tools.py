"""What every migration uses to put a table under row-level security."""

from alembic import op

APP_ROLE = "studio_app"


def protect(table: str, column: str = "organization_id") -> None:
    """Rows of this table belong to an organization: ENABLE and FORCE its policy, grant `studio_app`."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    rule = f"({column} = (SELECT studio_organization()) OR (SELECT studio_is_system()))"
    op.execute(f"CREATE POLICY organization ON {table} USING {rule} WITH CHECK {rule}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP_ROLE}")


def see_every_row() -> None:
    """For the rest of this migration, the owner sees the rows of every organization.

    Row-level security is forced upon the owner too: without this an UPDATE finds nothing and says nothing.
    """
    op.execute("SET LOCAL studio.system = 'on'")


def share(table: str, why: str) -> None:
    """This table belongs to the box, not to an organization; the reason is kept as its comment."""
    reason = why.replace("'", "''")
    op.execute(f"COMMENT ON TABLE {table} IS 'shared: {reason}'")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP_ROLE}")
