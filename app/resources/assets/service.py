"""Storing files and finding them again."""

import asyncio
import errno
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any
from uuid import UUID

from app.engine.files import mentioned_in
from app.flow.messages import NewBlob
from app.flow.ports import Asset as AssetValue
from app.flow.ports import port_of_mime
from app.kit.blobs import Blob, BlobFolder, BlobTooLarge
from app.kit.errors import Gone, Invalid, NotFound, TooLarge
from app.kit.ids import AssetId, OrganizationId
from app.kit.log import get_logger
from app.kit.settings import Settings
from app.kit.volume import VolumeAway, VolumeFull
from app.resources.assets import model
from app.resources.assets.model import Asset
from app.resources.assets.multipart import clean_name
from app.steps.tools.sniff import Facts, look
from app.store.database import Transaction

log = get_logger(__name__)


class AssetNotFound(NotFound):
    """There is no such asset, or it belongs to another organization."""


class EmptyFile(Invalid):
    """This file is empty; there is nothing to store."""


class FileTooLarge(TooLarge):
    """This file is larger than this box accepts."""


class BytesMissing(Gone):
    """The bytes of this asset are no longer on the volume."""


def too_large(settings: Settings) -> FileTooLarge:
    """The refusal, with the limit in it."""
    return FileTooLarge(
        f"A file may have at most {in_words(settings.upload_max_bytes)}.",
        remedy="Upload a smaller file, or have STUDIO_UPLOAD_MAX_BYTES raised by whoever runs this box.",
    )


def full_or(exc: OSError) -> Exception:
    """A full or absent volume as a sentence; any other fault as it is."""
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return VolumeFull(remedy="Delete what is no longer needed, or have the volume made larger.")
    return VolumeAway() if exc.errno in (errno.EROFS, errno.ENOENT, errno.ESTALE, errno.EIO) else exc


def in_words(size_bytes: int) -> str:
    """`1.5 GiB`."""
    size, unit = float(size_bytes), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.4g} {unit}"


async def receive(
    blobs: BlobFolder, settings: Settings, chunks: AsyncIterator[bytes], name: str
) -> tuple[Blob, Facts]:
    """Store a stream as it arrives and find out what it is. Raises FileTooLarge, EmptyFile, PictureDamaged,
    PictureTooLarge. No transaction is open meanwhile: an upload may take an hour.
    """
    try:
        blob = await blobs.write(chunks, settings.upload_max_bytes)
    except BlobTooLarge:
        raise too_large(settings) from None
    except OSError as exc:
        raise full_or(exc) from exc
    if blob.size_bytes == 0:
        raise EmptyFile(f"“{name}” is empty; there is nothing to store.")
    return blob, await asyncio.to_thread(look, blobs.path(blob.sha256), name)


async def store_file(
    tx: Transaction,
    blobs: BlobFolder,
    blob: Blob,
    facts: Facts,
    *,
    name: str,
    source: str,
    created_by: UUID | None,
    asset_id: UUID | None = None,
) -> Asset:
    """Make an asset of bytes that are stored."""
    asset = await model.add_asset(
        tx,
        blob,
        facts,
        asset_id=asset_id,
        organization_id=tx.organization_id,
        name=clean_name(name),
        source=source,
        created_by=created_by,
    )
    # The collector takes files only under the lock of their row, which is ours now: what is here, stays.
    if not blobs.has(blob.sha256):
        raise BytesMissing("The file went missing while it was stored; send it again.")
    return asset


async def get(tx: Transaction, asset_id: UUID) -> Asset:
    """One asset. Raises AssetNotFound."""
    asset = await model.find_asset(tx, asset_id)
    if asset is None:
        raise AssetNotFound
    return asset


async def delete(tx: Transaction, asset_id: UUID) -> None:
    """Forget an asset. Raises AssetNotFound."""
    if not await model.remove_asset(tx, asset_id):
        raise AssetNotFound


async def values_of(tx: Transaction, asset_ids: Collection[UUID]) -> dict[AssetId, AssetValue]:
    """Assets as they travel in inputs, those of this organization alone; for the rooms that keep values.

    What a step made on the way is held until the commit: whoever gets it here may note its use.
    """
    found = await model.find_assets(tx, asset_ids, tx.organization_id)
    passing = {key for key, asset in found.items() if asset.source == "step"}
    lost = passing - await model.hold_assets(tx, passing) if passing else set()
    return {key: as_value(asset) for key, asset in found.items() if key not in lost}


async def note_uses(tx: Transaction, value: Any, holder_id: UUID) -> None:
    """Keep every file made on the way that this value mentions, as long as the schedule, webhook or version
    that holds it.
    """
    mentioned = mentioned_in(value)
    if mentioned:
        await model.use_assets(tx, mentioned, organization_id=tx.organization_id, holder_id=holder_id)


def as_value(asset: Asset) -> AssetValue:
    """An asset as it travels between steps."""
    return AssetValue(
        asset=str(asset.id),
        name=asset.name,
        mime=asset.mime,
        size_bytes=asset.size_bytes,
        sha256=asset.sha256,
    )


def bytes_of(blobs: BlobFolder, asset: Asset) -> Path:
    """Where the bytes of an asset are. Raises BytesMissing."""
    path = blobs.path(asset.sha256)
    if not path.is_file():
        log.error("the bytes of an asset are missing", action="blob_missing", asset=asset.id)
        raise BytesMissing(remedy="Restore the blobs folder from a backup, or delete the asset.")
    return path


class StepFiles:
    """The engine's AssetKeeper: files a step made become assets when the step finishes."""

    def __init__(self, blobs: BlobFolder) -> None:
        self._blobs = blobs

    async def keep(
        self,
        tx: Transaction,
        blobs: Sequence[NewBlob],
        *,
        organization_id: OrganizationId,
        instance_id: UUID,
        step_id: UUID,
    ) -> Sequence[AssetValue]:
        """Write the asset rows in the order given, all or none. Raises AssetNotFound when a blob is not in
        the folder.
        """
        # The engine commits the failure of the step: the files before the missing one must not stay.
        async with tx.savepoint():
            return [
                as_value(
                    await self._keep_one(
                        tx, new, organization_id=organization_id, instance_id=instance_id, step_id=step_id
                    )
                )
                for new in blobs
            ]

    async def facts(
        self, tx: Transaction, asset_ids: Collection[UUID], *, organization_id: OrganizationId, user: UUID
    ) -> Mapping[AssetId, AssetValue]:
        """Those of these assets that the organization has; those others made on the way are kept for it."""
        found = await model.find_assets(tx, asset_ids, organization_id)
        foreign = {
            key for key, asset in found.items() if asset.source == "step" and asset.instance_id != user
        }
        lost: AbstractSet[UUID] = frozenset()
        if foreign:
            lost = foreign - await model.use_assets(
                tx, foreign, organization_id=organization_id, holder_id=user
            )
        return {key: as_value(asset) for key, asset in found.items() if key not in lost}

    async def use(
        self, tx: Transaction, asset_ids: Collection[UUID], *, organization_id: OrganizationId, user: UUID
    ) -> None:
        """Keep those that other instances made on the way as long as this one."""
        await model.use_assets(tx, asset_ids, organization_id=organization_id, holder_id=user)

    async def would_let_go(
        self, tx: Transaction, instance_ids: Sequence[UUID], *, organization_id: OrganizationId
    ) -> tuple[int, int]:
        """What `let_go` would take."""
        return await model.weigh_in_between(tx, instance_ids, organization_id)

    async def let_go(
        self, tx: Transaction, instance_ids: Sequence[UUID], *, organization_id: OrganizationId
    ) -> tuple[int, int]:
        """Forget what these instances made on the way; the bytes go with a later collection."""
        return await model.forget_in_between(tx, instance_ids, organization_id)

    async def mark_results(
        self, tx: Transaction, asset_ids: Collection[UUID], *, organization_id: OrganizationId
    ) -> None:
        """What steps made and an instance gives out is a result."""
        await model.mark_results(tx, asset_ids, organization_id)

    async def _keep_one(
        self, tx: Transaction, new: NewBlob, *, organization_id: UUID, instance_id: UUID, step_id: UUID
    ) -> Asset:
        asset = await model.add_asset(
            tx,
            Blob(new.sha256, new.size_bytes),
            Facts(
                mime=new.mime,
                kind=port_of_mime(new.mime),
                width=new.width,
                height=new.height,
                duration_s=new.duration_s,
            ),
            asset_id=new.asset,
            organization_id=organization_id,
            name=clean_name(new.name),
            source="step",
            instance_id=instance_id,
            step_id=step_id,
        )
        # After the blob's row is ours, as in store_file: what is here now, stays.
        try:
            is_here = self._blobs.path(new.sha256).stat().st_size == new.size_bytes
        except (ValueError, OSError):
            is_here = False
        if not is_here:
            raise AssetNotFound(f"The bytes of “{new.name}” are not in the blob folder.")
        return asset
