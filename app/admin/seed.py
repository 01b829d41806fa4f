"""What a box needs in its database before it serves; the boot runs it after every migration."""

import msgspec

from app.kit.blobs import BlobFolder
from app.kit.settings import Settings
from app.resources.setup import service
from app.steps.discovery import catalog
from app.store.database import Database


class Seeded(msgspec.Struct, frozen=True):
    """How the claim stands; the token is shown this once."""

    claimed: bool
    setup_token: str | None


async def seed(settings: Settings) -> Seeded:
    """Claim the box for ADMIN_EMAIL if it is set, else make a fresh setup token. Harmless to repeat."""
    database = Database.open(settings, "studio-admin", pool_size=2)
    blobs = BlobFolder(settings.blobs_dir, settings.tmp_dir)
    try:
        if settings.admin_email and settings.admin_password and not await service.is_claimed(database):
            founder = service.Founder(email=settings.admin_email, password=settings.admin_password)
            await service.claim(database, settings, blobs, catalog(), founder=founder, token=None)
        token = await service.renew_token(database, settings)
        return Seeded(claimed=token is None, setup_token=token)
    finally:
        await database.close()
