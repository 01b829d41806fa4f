"""Asking root for what an ordinary user may not do: a wish on the volume, and an entry of who had it."""

import asyncio

from app.kit.backups import Backups, Wish
from app.kit.errors import Unavailable
from app.kit.log import get_logger
from app.resources.accounts.principal import Principal
from app.resources.audit.record import record
from app.resources.backups import acts
from app.store.database import Database

log = get_logger(__name__)


class NobodyBacksUp(Unavailable):
    """Nothing on this box makes backups."""


async def ask_root(backups: Backups, database: Database, principal: Principal, wish: Wish) -> None:
    """Leave a wish, which is done within seconds. Raises NobodyBacksUp where nobody looks for one."""
    try:
        await asyncio.to_thread(backups.wish, wish)
    except OSError as exc:
        raise NobodyBacksUp(remedy="See that the volume is there and the box was booted on it.") from exc
    async with database.transaction(principal.scope) as tx:
        await record(tx, acts.WISHED[wish], principal)
    log.info("a %s is asked for", wish, action="backup_wished", wish=wish, user=principal.user_id)
