"""A member: whoever asks."""

from tests.people import Person


async def furnish(owner: Person) -> dict[str, str]:
    """Name them."""
    return {"user_id": str(owner.user_id)}
