"""Forgets what sign-ins leave behind."""

from app.resources.auth.model import forget_old
from app.resources.periodic import Job, Parts
from app.store.database import Scope
from app.store.idempotency import forget_old_keys


async def forget_ended(parts: Parts) -> int:
    """Drop sessions that ended a week ago, throttle rows and idempotency keys of yesterday."""
    async with parts.database.transaction(Scope.system()) as tx:
        return await forget_old(tx) + await forget_old_keys(tx)


JOBS = (Job(name="ended sign-ins forgotten", every_s=3600.0, run=forget_ended),)
