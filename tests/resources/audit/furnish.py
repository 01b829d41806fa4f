"""An entry in the audit of the organization."""

from tests.people import Person


async def furnish(owner: Person) -> dict[str, str]:
    """Choose how long things are kept, which is worth an entry."""
    terms = {"instances_days": None, "details_days": None}
    await owner.client.put("/api/v1/retention", json=terms)
    return {}
