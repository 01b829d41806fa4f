"""Assets over HTTP: upload whole or in pieces, list, read, download, delete."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, delete, get, patch, post
from litestar.exceptions import InternalServerException
from litestar.params import HeaderParameter, QueryParameter

from app.kit.blobs import BlobFolder
from app.kit.settings import Settings
from app.kit.volume import Watch
from app.resources.accounts.guards import requires
from app.resources.accounts.principal import Principal
from app.resources.accounts.roles import Role
from app.resources.assets import acts, model, service, uploads
from app.resources.assets.delivery import FileAnswer
from app.resources.assets.multipart import FilePart, UploadBroken
from app.resources.assets.schemas import Assets, AssetView, Kind, NewUpload, Source, UploadView
from app.resources.audit.record import record
from app.resources.idempotency import IdempotencyKey
from app.resources.openapi import streamed_body
from app.resources.paging import DEFAULT_LIMIT, Cursor, Limit, page
from app.store.database import Database
from app.store.idempotency import once

AnyRequest = Request[Any, Any, Any]

Offset = Annotated[int, HeaderParameter(name="Upload-Offset", ge=0, description="Where this piece begins")]
Sources = Annotated[list[Source] | None, QueryParameter(max_items=4, description="From where; any of these")]
NamePart = Annotated[str | None, QueryParameter(max_length=255, description="Part of the name, in any case")]
Download = Annotated[bool, QueryParameter(description="As an attachment, whatever its kind")]


async def body_of(request: AnyRequest) -> AsyncIterator[bytes]:
    """The body as it arrives. Raises UploadBroken when the line breaks."""
    try:
        async for piece in request.stream():
            yield piece
    except InternalServerException as exc:
        raise UploadBroken("The connection broke off before the end of the upload.") from exc


class AssetController(Controller):
    """The files people bring and steps make."""

    path = "/api/v1/assets"
    tags = ("assets",)

    @get("/", operation_id="listAssets", guards=[requires(Role.viewer)])
    async def list_assets(
        self,
        *,
        principal: Principal,
        database: Database,
        kind: Kind | None = None,
        source: Sources = None,
        name: NamePart = None,
        instance_id: UUID | None = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Assets:
        """The organization's files, newest first."""
        part = page(limit, cursor)
        async with database.transaction(principal.scope) as tx:
            rows = await model.list_assets(
                tx, part, kind=kind, sources=source or (), name=name or None, instance_id=instance_id
            )
        items, next_cursor = part.cut(rows, lambda row: row.id)
        return Assets(items=[AssetView.of(row) for row in items], next_cursor=next_cursor)

    @post(
        "/",
        operation_id="uploadAsset",
        guards=[requires(Role.operator)],
        request_max_body_size=None,
        opt=streamed_body("multipart/form-data", {"file": {"type": "string", "format": "binary"}}),
    )
    async def upload(
        self,
        *,
        request: AnyRequest,
        principal: Principal,
        database: Database,
        settings: Settings,
        blobs: BlobFolder,
        watch: Watch,
        idempotency_key: IdempotencyKey = None,
    ) -> AssetView:
        """Upload one file as multipart/form-data, field “file”. Streamed to disk, sniffed, stored once."""
        watch.refuse_new()
        part = FilePart(request.headers.get("content-type", ""), body_of(request))
        await part.open()
        blob, facts = await service.receive(blobs, settings, part.chunks(), part.name)
        async with database.transaction(principal.scope) as tx:

            async def store() -> AssetView:
                return AssetView.of(
                    await service.store_file(
                        tx,
                        blobs,
                        blob,
                        facts,
                        name=part.name,
                        source="upload",
                        created_by=principal.user_id,
                    )
                )

            call = ("uploadAsset", part.name, blob)
            return await once(tx, principal.user_id, idempotency_key, call, effect=store, into=AssetView)

    @get("/{asset_id:uuid}", operation_id="getAsset", guards=[requires(Role.viewer)])
    async def read(self, principal: Principal, database: Database, asset_id: UUID) -> AssetView:
        """The facts about a file."""
        async with database.transaction(principal.scope) as tx:
            return AssetView.of(await service.get(tx, asset_id))

    @get("/{asset_id:uuid}/content", operation_id="getAssetContent", guards=[requires(Role.viewer)])
    async def content(
        self,
        *,
        request: AnyRequest,
        principal: Principal,
        database: Database,
        blobs: BlobFolder,
        asset_id: UUID,
        download: Download = False,
    ) -> FileAnswer:
        """The bytes of a file, or the part that a Range header asks for."""
        async with database.transaction(principal.scope) as tx:
            asset = await service.get(tx, asset_id)
        return FileAnswer(service.bytes_of(blobs, asset), asset, request.headers, is_download=download)

    @delete("/{asset_id:uuid}", operation_id="deleteAsset", guards=[requires(Role.editor)])
    async def delete(self, principal: Principal, database: Database, asset_id: UUID) -> None:
        """Forget a file. Results that show it say that it is gone."""
        async with database.transaction(principal.scope) as tx:
            asset = await service.get(tx, asset_id)
            await service.delete(tx, asset_id)
            await record(tx, acts.DELETED, principal, subject=asset.name, subject_id=asset_id)


class UploadController(Controller):
    """Files that arrive in pieces."""

    path = "/api/v1/assets/uploads"
    tags = ("assets",)

    @post("/", operation_id="startUpload", guards=[requires(Role.operator)])
    async def start(
        self,
        *,
        principal: Principal,
        database: Database,
        settings: Settings,
        watch: Watch,
        data: NewUpload,
        idempotency_key: IdempotencyKey = None,
    ) -> UploadView:
        """Announce a file; then PATCH its pieces in order and finish."""
        watch.refuse_new()
        async with database.transaction(principal.scope) as tx:

            async def announce() -> UploadView:
                upload = await uploads.announce(tx, settings, data.name, data.size_bytes, principal.user_id)
                return UploadView.of(upload, uploads.CHUNK_MAX_BYTES)

            call = ("startUpload", data)
            return await once(tx, principal.user_id, idempotency_key, call, effect=announce, into=UploadView)

    @get("/{upload_id:uuid}", operation_id="getUpload", guards=[requires(Role.operator)])
    async def read(self, principal: Principal, database: Database, upload_id: UUID) -> UploadView:
        """How much of an upload is here: where to go on after a break."""
        async with database.transaction(principal.scope) as tx:
            return UploadView.of(await uploads.get(tx, upload_id), uploads.CHUNK_MAX_BYTES)

    @patch(
        "/{upload_id:uuid}",
        operation_id="uploadPiece",
        guards=[requires(Role.operator)],
        request_max_body_size=None,
        opt=streamed_body("application/octet-stream"),
    )
    async def receive(
        self,
        *,
        request: AnyRequest,
        principal: Principal,
        database: Database,
        blobs: BlobFolder,
        watch: Watch,
        upload_id: UUID,
        offset: Offset,
    ) -> UploadView:
        """The next piece as the raw body, beginning at `Upload-Offset`."""
        watch.refuse_new()
        upload = await uploads.receive_piece(
            database, principal.scope, blobs, upload_id, offset=offset, body=body_of(request)
        )
        return UploadView.of(upload, uploads.CHUNK_MAX_BYTES)

    @post("/{upload_id:uuid}/finish", operation_id="finishUpload", guards=[requires(Role.operator)])
    async def finish(
        self, principal: Principal, database: Database, blobs: BlobFolder, upload_id: UUID
    ) -> AssetView:
        """Make an asset of an upload that is complete."""
        return AssetView.of(
            await uploads.finish(database, principal.scope, blobs, upload_id, principal.user_id)
        )

    @delete("/{upload_id:uuid}", operation_id="giveUpUpload", guards=[requires(Role.operator)])
    async def give_up(
        self, principal: Principal, database: Database, blobs: BlobFolder, upload_id: UUID
    ) -> None:
        """Forget an upload and what arrived of it."""
        async with database.transaction(principal.scope) as tx:
            await uploads.give_up(tx, blobs, upload_id)
