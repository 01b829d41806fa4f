"""The tables as Postgres knows them, for the tests that walk them all."""

from typing import Any

from app.store.database import Database, Scope

# Alembic's own; the application may read it and nothing else.
NOT_OURS = {"alembic_version"}

TABLES = """
    SELECT c.relname AS name, c.relrowsecurity AS is_enabled, c.relforcerowsecurity AS is_forced,
           obj_description(c.oid, 'pg_class') AS comment, pg_get_userbyid(c.relowner) AS owner,
           (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid) AS policies,
           (SELECT string_agg(pg_get_expr(p.polqual, p.polrelid) || coalesce(
                   pg_get_expr(p.polwithcheck, p.polrelid), 'no check'), ' ')
              FROM pg_policy p WHERE p.polrelid = c.oid) AS rules,
           EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid
                   AND a.attname = 'organization_id' AND NOT a.attisdropped) AS has_organization,
           EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid
                   AND a.attname = 'id' AND NOT a.attisdropped) AS has_id
      FROM pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
     ORDER BY c.relname
"""


async def tables(database: Database) -> list[dict[str, Any]]:
    """Every table of ours with what the catalogue says about it."""
    async with database.transaction(Scope.nobody()) as tx:
        return [row for row in await tx.fetch_all(TABLES) if row["name"] not in NOT_OURS]
