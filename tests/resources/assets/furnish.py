"""A file, and one that is still on its way."""

from tests.people import Person


async def furnish(owner: Person) -> dict[str, str]:
    """Upload one, and begin another."""
    asset = await owner.client.post("/api/v1/assets", files={"file": ("note.txt", b"kept here")})
    upload = await owner.client.post("/api/v1/assets/uploads", json={"name": "film.mp4", "size_bytes": 9})
    return {"asset_id": asset.json()["id"], "upload_id": upload.json()["id"]}
