"""The schema of the database is the one this version was written for."""

from collections.abc import Awaitable

from psycopg.errors import UndefinedTable

from app.kit.errors import Unavailable
from app.resources.infrastructure import facts
from app.resources.infrastructure.checks.database import away
from app.resources.infrastructure.looking import Box, Check, Finding, healthy, unhealthy
from app.store.database import Scope


async def look(box: Box) -> Finding:
    """Compare the two."""
    return await _compare(box, _known(box))


async def probe(box: Box) -> Finding:
    """The same, without asking the database for anything else."""
    return await _compare(box, _asked(box))


async def _known(box: Box) -> str | None:
    return (await box.see(facts.database_facts)).schema


async def _asked(box: Box) -> str | None:
    async with box.database.transaction(Scope.nobody()) as tx:
        return await facts.schema_present(tx)


async def _compare(box: Box, present: Awaitable[str | None]) -> Finding:
    wanted = facts.schema_wanted()
    try:
        found = await present
    except UndefinedTable:  # nobody has migrated this database yet
        found = None
    except Unavailable:
        return away(box)
    if found == wanted:
        return healthy(f"The schema is {wanted}.")
    return unhealthy(
        f"The schema is {found or 'missing'}, this version wants {wanted}.",
        "Restart Studio: it migrates at its start. With CREATE_TABLES=false, let whoever migrates do so.",
    )


CHECK = Check(name="migrations", look=look, probe=probe, closes_the_door=True)
