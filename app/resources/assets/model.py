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
        "ON CONFLICT (sha256) DO UPDATE SET created_at = now()",
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


async def take_unused_blobs(tx: Transaction, idle_hours: int, limit: int) -> list[str]:
    """Forget blobs that no asset names and nobody noted lately; their rows stay locked until the commit."""
    rows = await tx.fetch_all(
        """
        DELETE FROM blobs WHERE sha256 IN (
            SELECT b.sha256 FROM blobs b
             WHERE b.created_at < now() - make_interval(hours => %(hours)s)
               AND NOT EXISTS (SELECT FROM assets a WHERE a.sha256 = b.sha256)
             LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
        RETURNING sha256
        """,
        {"hours": idle_hours, "limit": limit},
    )
    return [row["sha256"] for row in rows]


async def note_old_blobs(tx: Transaction, blobs: Collection[Blob], idle_hours: int) -> None:
    """Give files without a row one that is old enough to be collected; a row that is there stays as it is."""
    await tx.execute_many(
        "INSERT INTO blobs (sha256, size_bytes, created_at) "
        "VALUES (%(sha256)s, %(size_bytes)s, now() - make_interval(hours => %(hours)s)) "
        "ON CONFLICT (sha256) DO NOTHING",
        [
            {"sha256": blob.sha256, "size_bytes": blob.size_bytes, "hours": idle_hours + 1}
            for blob in sorted(blobs, key=lambda blob: blob.sha256)
        ],
    )


async def known_blobs(tx: Transaction, hashes: Collection[str]) -> set[str]:
    """Those of these hashes that have a row."""
    rows = await tx.fetch_all(
        "SELECT sha256 FROM blobs WHERE sha256 = ANY(%(hashes)s)", {"hashes": list(hashes)}
    )
    return {row["sha256"] for row in rows}
