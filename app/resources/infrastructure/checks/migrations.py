"""The schema of the database is the one this version was written for."""

from psycopg.errors import UndefinedTable

from app.kit.errors import Unavailable
from app.resources.infrastructure import facts
from app.resources.infrastructure.checks.database import away
from app.resources.infrastructure.looking import Box, Check, Finding, healthy, unhealthy
from app.store.database import Scope


async def look(box: Box) -> Finding:
    """Compare the two."""
    wanted = facts.schema_wanted()
    try:
        async with box.database.transaction(Scope.nobody()) as tx:
            present = await facts.schema_present(tx)
    except UndefinedTable:  # nobody has migrated this database yet
        present = None
    except Unavailable:
        return away(box)
    if present == wanted:
        return healthy(f"The schema is {wanted}.")
    return unhealthy(
        f"The schema is {present or 'missing'}, this version wants {wanted}.",
        "Restart Studio: it migrates at its start. With CREATE_TABLES=false, let whoever migrates do so.",
    )


CHECK = Check(name="migrations", look=look, probe=look, closes_the_door=True)
