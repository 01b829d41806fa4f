"""Assets, blobs and uploads under way as rows, and every question asked of them."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import msgspec

from app.kit.blobs import Blob
from app.kit.ids import AssetId, UserId, new_id
from app.resources.paging import Page
from app.steps.tools.sniff import Facts
from app.store.database import Transaction


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """A named file of an organization; its bytes are the blob `sha256`."""

    id: AssetId
    name: str
    mime: str
    kind: str
    size_bytes: int
    sha256: str
    width: int | None
    height: int | None
    duration_s: float | None
    source: str
    instance_id: UUID | None
    step_id: UUID | None
    created_by: UserId | None
    created_at: datetime


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file that arrives in pieces."""

    id: UUID
    name: str
    size_bytes: int
    received_bytes: int
    created_by: UserId | None
    created_at: datetime


_ASSET = (
    "id, name, mime, kind, size_bytes, sha256, width, height, duration_s, source, instance_id, step_id, "
    "created_by, created_at"
)
_UPLOAD = "id, name, size_bytes, received_bytes, created_by, created_at"


async def note_blob(tx: Transaction, blob: Blob) -> None:
    """These bytes are in the folder; noting them again keeps the collector away from them."""
    await tx.execute(
        "INSERT INTO blobs (sha256, size_bytes) VALUES (%(sha256)s, %(size_bytes)s) "
        "ON CONFLICT (sha256) DO UPDATE SET created_at = now(), unused_since = NULL",
        {"sha256": blob.sha256, "size_bytes": blob.size_bytes},
    )


async def add_asset(
    tx: Transaction,
    blob: Blob,
    facts: Facts,
    *,
    organization_id: UUID,
    name: str,
    source: str,
    asset_id: UUID | None = None,
    created_by: UUID | None = None,
    instance_id: UUID | None = None,
    step_id: UUID | None = None,
) -> Asset:
    """A new asset over bytes that are in the folder."""
    await note_blob(tx, blob)
    row = await tx.fetch_one(
        "INSERT INTO assets (id, organization_id, name, mime, kind, size_bytes, sha256, width, height, "  # noqa: S608
        "duration_s, source, instance_id, step_id, created_by) "
        "VALUES (%(id)s, %(organization_id)s, %(name)s, "
        "%(mime)s, %(kind)s, %(size_bytes)s, %(sha256)s, %(width)s, %(height)s, %(duration_s)s, "
        f"%(source)s, %(instance_id)s, %(step_id)s, %(created_by)s) RETURNING {_ASSET}",
        {
            "id": asset_id or new_id(),
            "organization_id": organization_id,
            "name": name,
            "size_bytes": blob.size_bytes,
            "sha256": blob.sha256,
            "source": source,
            "instance_id": instance_id,
            "step_id": step_id,
            "created_by": created_by,
            **msgspec.structs.asdict(facts),
        },
    )
    return msgspec.convert(row, Asset)


async def find_asset(tx: Transaction, asset_id: UUID) -> Asset | None:
    """One asset of the transaction's organization."""
    found = await find_assets(tx, [asset_id], tx.organization_id)
    return found.get(AssetId(asset_id))


async def find_assets(
    tx: Transaction, asset_ids: Collection[UUID], organization_id: UUID
) -> dict[AssetId, Asset]:
    """Those of an organization, by id."""
    rows = await tx.fetch_all(
        f"SELECT {_ASSET} FROM assets "  # noqa: S608  a constant column list
        "WHERE organization_id = %(organization_id)s AND id = ANY(%(ids)s)",
        {"organization_id": organization_id, "ids": list(asset_ids)},
    )
    return {asset.id: asset for asset in (msgspec.convert(row, Asset) for row in rows)}


async def mark_results(tx: Transaction, asset_ids: Collection[UUID], organization_id: UUID) -> None:
    """Those of these that steps made are what an instance gives out."""
    await tx.execute(
        "UPDATE assets SET source = 'result' "
        "WHERE organization_id = %(organization_id)s AND id = ANY(%(ids)s) AND source = 'step'",
        {"organization_id": organization_id, "ids": list(asset_ids)},
    )


# Whoever holds a file that a step made on the way. Versions stay as long as their workflow's row.
_HOLDER_LIVES = """(
    EXISTS (SELECT FROM instances h WHERE h.id = u.holder_id)
    OR EXISTS (SELECT FROM schedules h WHERE h.id = u.holder_id)
    OR EXISTS (SELECT FROM webhooks h WHERE h.id = u.holder_id)
    OR EXISTS (SELECT FROM workflow_versions h WHERE h.id = u.holder_id))"""


async def hold_assets(tx: Transaction, asset_ids: Collection[UUID]) -> set[UUID]:
    """Those of these that are there, and cannot be deleted before this transaction has ended."""
    rows = await tx.fetch_all(
        "SELECT id FROM assets WHERE id = ANY(%(ids)s) FOR KEY SHARE", {"ids": list(asset_ids)}
    )
    return {row["id"] for row in rows}


async def use_assets(
    tx: Transaction, asset_ids: Collection[UUID], *, organization_id: UUID, holder_id: UUID
) -> set[UUID]:
    """Those of these that steps of other instances made on the way, kept from now on as long as `holder_id`
    lives.
    """
    rows = await tx.fetch_all(
        "SELECT id FROM assets WHERE organization_id = %(organization)s AND id = ANY(%(ids)s) "
        "AND source = 'step' AND instance_id IS DISTINCT FROM %(holder)s FOR KEY SHARE",
        {"organization": organization_id, "ids": list(asset_ids), "holder": holder_id},
    )
    held = {row["id"] for row in rows}
    if held:
        await tx.execute(
            "INSERT INTO asset_uses (asset_id, holder_id, organization_id) "
            "SELECT unnest(%(ids)s::uuid[]), %(holder)s, %(organization)s ON CONFLICT DO NOTHING",
            {"organization": organization_id, "ids": list(held), "holder": holder_id},
        )
    return held


async def weigh_in_between(
    tx: Transaction, instance_ids: Collection[UUID], organization_id: UUID
) -> tuple[int, int]:
    """What these instances made on the way and nobody else uses: files and bytes."""
    row = await tx.fetch_one(
        "SELECT count(*) AS files, coalesce(sum(size_bytes), 0)::bigint AS bytes FROM assets a "  # noqa: S608
        "WHERE organization_id = %(organization)s AND instance_id = ANY(%(ids)s) AND source = 'step' "
        "AND NOT EXISTS (SELECT FROM asset_uses u WHERE u.asset_id = a.id "
        f"AND u.holder_id <> ALL(%(ids)s) AND {_HOLDER_LIVES})",
        {"organization": organization_id, "ids": list(instance_ids)},
    )
    return (row["files"], row["bytes"]) if row else (0, 0)


async def count_results(tx: Transaction, instance_ids: Collection[UUID]) -> int:
    """How many files of these instances are results, which only a person deletes."""
    return int(
        await tx.fetch_value(
            "SELECT count(*) FROM assets WHERE instance_id = ANY(%(ids)s) AND source = 'result'",
            {"ids": list(instance_ids)},
        )
    )


async def forget_in_between(
    tx: Transaction, instance_ids: Collection[UUID], organization_id: UUID
) -> tuple[int, int]:
    """Delete what these instances made on the way and nobody else uses: files and bytes.

    Held first, asked then: who began to use one before that is seen, who begins after it finds it gone.
    """
    rows = await tx.fetch_all(
        "SELECT id FROM assets WHERE organization_id = %(organization)s AND instance_id = ANY(%(ids)s) "
        "AND source = 'step' FOR UPDATE",
        {"organization": organization_id, "ids": list(instance_ids)},
    )
    return await _forget_unused(tx, [row["id"] for row in rows], instance_ids)


async def forget_forsaken(tx: Transaction, organization_id: UUID, limit: int) -> tuple[int, int, int]:
    """End the uses of holders that are gone, and delete the files that outlived their instance for those
    alone. How many uses ended, files and bytes.
    """
    rows = await tx.fetch_all(
        "SELECT asset_id, holder_id FROM asset_uses u WHERE organization_id = %(organization)s "  # noqa: S608
        f"AND NOT {_HOLDER_LIVES} LIMIT %(limit)s",
        {"organization": organization_id, "limit": limit},
    )
    if not rows:
        return 0, 0, 0
    asset_ids = list({row["asset_id"] for row in rows})
    await tx.fetch_all("SELECT id FROM assets WHERE id = ANY(%(ids)s) FOR UPDATE", {"ids": asset_ids})
    await tx.execute(
        "DELETE FROM asset_uses u "
        "USING unnest(%(assets)s::uuid[], %(holders)s::uuid[]) AS ended(asset, holder) "
        "WHERE u.asset_id = ended.asset AND u.holder_id = ended.holder",
        {"assets": [row["asset_id"] for row in rows], "holders": [row["holder_id"] for row in rows]},
    )
    orphans = await tx.fetch_all(
        "SELECT id FROM assets a WHERE id = ANY(%(ids)s) "
        "AND NOT EXISTS (SELECT FROM instances i WHERE i.id = a.instance_id)",
        {"ids": asset_ids},
    )
    return len(rows), *await _forget_unused(tx, [row["id"] for row in orphans], [])


async def _forget_unused(tx: Transaction, held: Collection[UUID], but: Collection[UUID]) -> tuple[int, int]:
    """Delete those of these held rows that nobody uses, `but` the uses of these."""
    rows = await tx.fetch_all(
        "DELETE FROM assets a WHERE id = ANY(%(ids)s) AND source = 'step' "  # noqa: S608  constant parts
        "AND NOT EXISTS (SELECT FROM asset_uses u WHERE u.asset_id = a.id "
        f"AND u.holder_id <> ALL(%(but)s::uuid[]) AND {_HOLDER_LIVES}) RETURNING size_bytes",
        {"ids": list(held), "but": list(but)},
    )
    return len(rows), sum(row["size_bytes"] for row in rows)


async def list_assets(
    tx: Transaction,
    page: Page,
    *,
    kind: str | None,
    sources: Collection[str],
    name: str | None,
    instance_id: UUID | None,
) -> list[Asset]:
    """One page and one row more, newest first; None and no sources do not filter. `name`: a part of it."""
    # Said as a constant, so that the index without the many files in between can be used.
    only_kept = "AND source <> 'step' " if sources and "step" not in sources else ""
    rows = await tx.fetch_all(
        f"SELECT {_ASSET} FROM assets "  # noqa: S608  a constant column list
        f"WHERE organization_id = %(organization_id)s AND id < %(before)s {only_kept}"
        "AND (%(kind)s::text IS NULL OR kind = %(kind)s) "
        "AND (%(sources)s::text[] IS NULL OR source = ANY(%(sources)s)) "
        "AND (%(name)s::text IS NULL OR strpos(lower(name), lower(%(name)s)) > 0) "
        "AND (%(instance_id)s::uuid IS NULL OR instance_id = %(instance_id)s) "
        "ORDER BY id DESC LIMIT %(rows)s",
        {
            "organization_id": tx.organization_id,
            "kind": kind,
            "sources": list(sources) or None,
            "name": name,
            "instance_id": instance_id,
            **page.params,
        },
    )
    return [msgspec.convert(row, Asset) for row in rows]


async def remove_asset(tx: Transaction, asset_id: UUID) -> bool:
    """Forget the asset; its bytes go with the next collection if nobody else names them."""
    return bool(
        await tx.execute(
            "DELETE FROM assets WHERE id = %(id)s AND organization_id = %(organization_id)s",
            {"id": asset_id, "organization_id": tx.organization_id},
        )
    )


async def add_upload(tx: Transaction, name: str, size_bytes: int, created_by: UUID) -> Upload:
    """Announce a file that will arrive in pieces."""
    row = await tx.fetch_one(
        "INSERT INTO uploads (id, organization_id, name, size_bytes, created_by) "  # noqa: S608
        "VALUES (%(id)s, %(organization_id)s, %(name)s, %(size_bytes)s, %(created_by)s) "
        f"RETURNING {_UPLOAD}",
        {
            "id": new_id(),
            "organization_id": tx.organization_id,
            "name": name,
            "size_bytes": size_bytes,
            "created_by": created_by,
        },
    )
    return msgspec.convert(row, Upload)


async def find_upload(tx: Transaction, upload_id: UUID, *, lock: bool = False) -> Upload | None:
    """An upload under way; `lock` holds it until the end of the transaction."""
    row = await tx.fetch_one(
        f"SELECT {_UPLOAD} FROM uploads "  # noqa: S608  a constant column list
        f"WHERE id = %(id)s AND organization_id = %(organization_id)s {'FOR UPDATE' if lock else ''}",
        {"id": upload_id, "organization_id": tx.organization_id},
    )
    return None if row is None else msgspec.convert(row, Upload)


async def note_received(tx: Transaction, upload_id: UUID, received_bytes: int) -> None:
    """So much of the file is on the disk."""
    await tx.execute(
        "UPDATE uploads SET received_bytes = %(received_bytes)s, touched_at = now() "
        "WHERE id = %(id)s AND organization_id = %(organization_id)s",
        {"id": upload_id, "organization_id": tx.organization_id, "received_bytes": received_bytes},
    )


async def remove_upload(tx: Transaction, upload_id: UUID) -> bool:
    """The upload is finished or given up."""
    return bool(
        await tx.execute(
            "DELETE FROM uploads WHERE id = %(id)s AND organization_id = %(organization_id)s",
            {"id": upload_id, "organization_id": tx.organization_id},
        )
    )


async def take_stale_uploads(tx: Transaction, idle_hours: int) -> list[UUID]:
    """Remove the uploads that nobody has continued; needs the system scope."""
    rows = await tx.fetch_all(
        "DELETE FROM uploads WHERE touched_at < now() - make_interval(hours => %(hours)s) RETURNING id",
        {"hours": idle_hours},
    )
    return [row["id"] for row in rows]


class Unused(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that no asset names: how many files, how large, and since when the first of them."""

    files: int
    bytes: int
    since: datetime | None


async def mark_unused(tx: Transaction, after: str, limit: int) -> str | None:
    """Note since when blobs have no asset, and that those with one have it; the last hash looked at."""
    found: str | None = await tx.fetch_value(
        """
        WITH looked AS (
            SELECT sha256, unused_since, EXISTS (SELECT FROM assets a WHERE a.sha256 = b.sha256) AS is_used
              FROM blobs b WHERE sha256 > %(after)s ORDER BY sha256 LIMIT %(limit)s),
        changed AS (
            UPDATE blobs SET unused_since = CASE WHEN is_used THEN NULL ELSE now() END
              FROM looked
             WHERE blobs.sha256 = looked.sha256 AND is_used = (looked.unused_since IS NOT NULL))
        SELECT sha256 FROM looked ORDER BY sha256 DESC LIMIT 1
        """,
        {"after": after, "limit": limit},
    )
    return found


async def lock_unused(tx: Transaction, after_s: int, limit: int) -> list[str]:
    """Hold blobs that nothing has named for so long; who stores one of them now waits for us."""
    rows = await tx.fetch_all(
        """
        SELECT sha256 FROM blobs WHERE unused_since < now() - make_interval(secs => %(after_s)s)
         LIMIT %(limit)s FOR UPDATE SKIP LOCKED
        """,
        {"after_s": after_s, "limit": limit},
    )
    return [row["sha256"] for row in rows]


async def forget_blobs(tx: Transaction, hashes: Collection[str]) -> list[Blob]:
    """Delete those of these held rows that still no asset names.

    A statement of its own: what was written before the rows were held is seen by it.
    """
    rows = await tx.fetch_all(
        "DELETE FROM blobs b WHERE sha256 = ANY(%(hashes)s) AND unused_since IS NOT NULL "
        "AND NOT EXISTS (SELECT FROM assets a WHERE a.sha256 = b.sha256) RETURNING sha256, size_bytes",
        {"hashes": list(hashes)},
    )
    return [Blob(row["sha256"], row["size_bytes"]) for row in rows]


async def has_blob(tx: Transaction, sha256: str) -> bool:
    """Whether there is a row for these bytes; it is held until the commit."""
    return bool(
        await tx.fetch_value(
            "SELECT true FROM blobs WHERE sha256 = %(sha256)s FOR UPDATE", {"sha256": sha256}
        )
    )


async def unused_blobs(tx: Transaction, after_s: int) -> tuple[Unused, Unused]:
    """What may be collected now, and what is to wait; as the last look over all blobs found it."""
    row = (
        await tx.fetch_one(
            """
        SELECT count(*) FILTER (WHERE is_due) AS files, min(unused_since) FILTER (WHERE is_due) AS since,
               coalesce(sum(size_bytes) FILTER (WHERE is_due), 0)::bigint AS bytes,
               count(*) FILTER (WHERE NOT is_due) AS later_files,
               min(unused_since) FILTER (WHERE NOT is_due) AS later_since,
               coalesce(sum(size_bytes) FILTER (WHERE NOT is_due), 0)::bigint AS later_bytes
          FROM (SELECT size_bytes, unused_since,
                       unused_since < now() - make_interval(secs => %(after_s)s) AS is_due
                  FROM blobs WHERE unused_since IS NOT NULL) AS unused
        """,
            {"after_s": after_s},
        )
        or {}
    )
    return (
        Unused(files=row["files"], bytes=row["bytes"], since=row["since"]),
        Unused(files=row["later_files"], bytes=row["later_bytes"], since=row["later_since"]),
    )


async def count_collected(tx: Transaction, files: int, size_bytes: int) -> None:
    """Add to what was freed today."""
    await tx.execute(
        "INSERT INTO collected_blobs AS c (day, files, size_bytes) "
        "VALUES ((now() AT TIME ZONE 'UTC')::date, %(files)s, %(size_bytes)s) "
        "ON CONFLICT (day) DO UPDATE SET files = c.files + excluded.files, "
        "size_bytes = c.size_bytes + excluded.size_bytes",
        {"files": files, "size_bytes": size_bytes},
    )


async def collected(tx: Transaction, days: int) -> tuple[int, int]:
    """How many files and bytes were freed in the last so many days."""
    row = (
        await tx.fetch_one(
            "SELECT coalesce(sum(files), 0)::bigint AS files, coalesce(sum(size_bytes), 0)::bigint AS bytes "
            "FROM collected_blobs WHERE day > (now() AT TIME ZONE 'UTC')::date - %(days)s::integer",
            {"days": days},
        )
        or {}
    )
    return row["files"], row["bytes"]


async def note_strays(tx: Transaction, strays: Collection[tuple[Blob, float]]) -> None:
    """Give files without a row one; nothing has named them since they were written (seconds since 1970)."""
    await tx.execute_many(
        "INSERT INTO blobs (sha256, size_bytes, created_at, unused_since) "
        "VALUES (%(sha256)s, %(size_bytes)s, to_timestamp(%(at)s), to_timestamp(%(at)s)) "
        "ON CONFLICT (sha256) DO NOTHING",
        [
            {"sha256": blob.sha256, "size_bytes": blob.size_bytes, "at": at}
            for blob, at in sorted(strays, key=lambda one: one[0].sha256)
        ],
    )


async def known_blobs(tx: Transaction, hashes: Collection[str]) -> set[str]:
    """Those of these hashes that have a row."""
    rows = await tx.fetch_all(
        "SELECT sha256 FROM blobs WHERE sha256 = ANY(%(hashes)s)", {"hashes": list(hashes)}
    )
    return {row["sha256"] for row in rows}
