"""What the volume tells of its versions, and what the database has taken in since the last of them."""

import asyncio
from datetime import datetime
from typing import Final

import msgspec

from app.kit.backups import Backups, BackupStatus
from app.kit.ids import first_id_at
from app.kit.passport import Passport, Seen, read_passport
from app.kit.settings import Settings
from app.kit.version import studio_version
from app.resources.infrastructure import facts
from app.resources.upgrades.schemas import Lost, SeenView, UpgradesView, WayBack
from app.store.database import Database, Scope, Transaction

LOST_AT_MOST: Final = 10_000  # more says no more, and is not worth the reading
TABLES: Final = {"instances": "instances", "assets": "assets", "versions": "workflow_versions"}


async def view(database: Database, settings: Settings, backups: Backups) -> UpgradesView:
    """Everything the page shows."""
    passport, rehearsals, wished, status = await asyncio.to_thread(
        lambda: (
            read_passport(settings.workspace),
            backups.rehearsals(),
            backups.wished(),
            backups.status(),
        )
    )
    async with database.transaction(Scope.system()) as tx:
        return UpgradesView(
            version=studio_version(),
            schema=await facts.schema_present(tx),
            schema_wanted=facts.schema_wanted(),
            seen=[SeenView.of(seen) for seen in passport.seen] if passport else [],
            way_back=await _way_back(tx, status, passport) if passport else None,
            rehearsals=rehearsals,
            is_asked="healthy" in wished,
        )


async def _way_back(tx: Transaction, status: BackupStatus, passport: Passport) -> WayBack | None:
    seen = next(iter(passport.seen), None)
    if seen is None or seen.former is None or seen.is_undone:
        return None
    moment = None if seen.keeps_schema or seen.backup is None else _moment(status, seen)
    return WayBack(
        sentence=seen.way_back(),
        backup=None if seen.keeps_schema else seen.backup,
        moment=moment,
        is_kept=moment is not None,
        lost=None if moment is None else await _lost(tx, moment),
    )


def _moment(status: BackupStatus, seen: Seen) -> datetime | None:
    return next((one.made_at for one in status.snapshots if one.id == seen.backup), None)


async def _lost(tx: Transaction, since: datetime) -> Lost:
    counts = ", ".join(
        f"(SELECT count(*) FROM (SELECT FROM {table} WHERE id >= %(floor)s LIMIT %(most)s) one) AS {name}"  # noqa: S608  our own names
        for name, table in TABLES.items()
    )
    row = await tx.fetch_one(
        f"SELECT {counts}",
        {"floor": first_id_at(since), "most": LOST_AT_MOST},
    )
    return msgspec.convert(row, Lost)
