"""A run that waits for somebody's approval."""

from tests.asking import approve, begin
from tests.people import Person


async def furnish(owner: Person) -> dict[str, str]:
    """Ask and wait; the question is no path parameter of anything, it only stands in the list."""
    await begin(owner.client, approve())
    return {}
