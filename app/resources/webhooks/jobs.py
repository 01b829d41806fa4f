"""Keeps the logs of webhooks short: what is old, and what is more than anybody reads."""

from datetime import timedelta
from typing import Final

from app.kit.clock import now
from app.kit.ids import first_id_at
from app.resources.periodic import Job, Parts
from app.resources.webhooks import model
from app.store.database import Scope

KEEP_FOR: Final = timedelta(days=30)
KEEP_DELIVERIES: Final = 10_000  # of one webhook; a sender's id is remembered as long as its line
BATCH: Final = 5_000  # in one transaction, so that a flood's log goes without holding anything up


async def shorten_logs(parts: Parts) -> int:
    """Forget deliveries that are old, or more than the log keeps."""
    async with parts.database.transaction(Scope.system()) as tx:
        crowded = await model.list_crowded(tx, KEEP_DELIVERIES, first_id_at(now() - KEEP_FOR))
    forgotten = 0
    for webhook_id, newest in crowded:
        while True:
            async with parts.database.transaction(Scope.system()) as tx:
                gone = await model.forget_deliveries(tx, webhook_id, newest, BATCH)
            forgotten += gone
            if gone < BATCH:
                break
    return forgotten


JOBS = (Job(name="logs of webhooks shortened", every_s=300.0, run=shorten_logs),)
