"""The sign-in of whoever asks."""

from tests.people import Person


async def furnish(owner: Person) -> dict[str, str]:
    """Name it."""
    sessions = await owner.client.get("/api/v1/auth/sessions")
    return {"session_id": sessions.json()["items"][0]["id"]}
