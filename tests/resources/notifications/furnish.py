"""Something to be told; it is no path parameter of anything, it only stands in the list."""

from app.kit.settings import Settings
from app.resources.notifications import model
from app.resources.notifications.ways import Severity
from app.store.database import Database, Scope
from tests.people import Person


async def furnish(owner: Person, settings: Settings) -> dict[str, str]:
    """Tell the owner's organization something."""
    database = Database.open(settings, "tests-furnish", pool_size=1)
    try:
        async with database.transaction(Scope.organization(owner.organization_id)) as tx:
            await model.add(
                tx,
                organization_id=owner.organization_id,
                severity=Severity.info,
                title="Something happened",
                body="It was nothing.",
            )
    finally:
        await database.close()
    return {}
