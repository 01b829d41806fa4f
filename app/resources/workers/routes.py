"""The worker protocol under /internal/v1, and the list of workers for people."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from litestar import Controller, Request, Response, get, head, post, put
from litestar.exceptions import InternalServerException
from litestar.response import File
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED, HTTP_204_NO_CONTENT

from app.engine.engine import Engine
from app.flow.messages import Beat, Claim, Finish, Finished, Heartbeat, Job, Register, Registered, Report
from app.kit.backups import Backups
from app.kit.blobs import BlobFolder
from app.kit.errors import Forbidden, Malformed, NotFound
from app.kit.settings import Settings
from app.kit.volume import Watch
from app.resources.accounts.guards import WorkerPrincipal, requires, worker, worker_secret
from app.resources.accounts.principal import Principal
from app.resources.accounts.roles import Role
from app.resources.workers import model, service
from app.resources.workers.schemas import ReportTaken, Workers
from app.resources.workers.uploads import PartUnreadable, WorkerUploads, read_part
from app.store.database import Database, Scope

AnyRequest = Request[Any, Any, Any]
RESUME_INCOMPLETE = 308  # "go on from here": Range names what is held


class NotYours(Forbidden):
    """No attempt you hold names these bytes."""


class WorkerController(Controller):
    """Who works for this box."""

    path = "/api/v1/workers"
    tags = ("workers",)

    @get("/", operation_id="listWorkers", guards=[requires(Role.viewer)])
    async def list_workers(self, principal: Principal, database: Database) -> Workers:
        """Every present worker: lanes, cards, when it was last heard of, and what it does for you."""
        return await service.list_workers(database, principal.scope)


class ProtocolController(Controller):
    """What workers call; one call, one move of the engine."""

    path = "/internal/v1"
    include_in_schema = False

    @post("/workers/register", status_code=HTTP_200_OK, guards=[worker_secret()])
    async def register(
        self, data: Register, database: Database, engine: Engine, settings: Settings
    ) -> Registered:
        """Introduce a worker; it gets its own token."""
        return await service.register(database, engine, settings, data)

    @post("/workers/leave", status_code=HTTP_204_NO_CONTENT, guards=[worker()])
    async def leave(self, worker: WorkerPrincipal, database: Database, engine: Engine) -> None:
        """A worker stops: everything it holds goes to others at once."""
        await service.leave(database, engine, worker.worker_id)

    @post("/claim", status_code=HTTP_200_OK, guards=[worker()])
    async def claim(
        self, data: Claim, worker: WorkerPrincipal, engine: Engine, backups: Backups
    ) -> Response[Job | None]:
        """A leased job, or 204 when the lane has none, or the box was restored and not yet released."""
        if backups.is_held():
            return Response(None, status_code=HTTP_204_NO_CONTENT)
        job = await engine.claim(worker.worker_id, data.lane, data.attempt_id)  # type: ignore[arg-type]  # a hint
        return Response(job, status_code=HTTP_204_NO_CONTENT if job is None else HTTP_200_OK)

    @post("/heartbeat", status_code=HTTP_200_OK, guards=[worker()])
    async def heartbeat(
        self, data: Heartbeat, worker: WorkerPrincipal, database: Database, engine: Engine
    ) -> Beat:
        """Renew every lease; hear which attempts to stop."""
        return await service.heartbeat(database, engine, worker.worker_id, data)

    @post("/report", status_code=HTTP_200_OK, guards=[worker()])
    async def report(self, data: Report, worker: WorkerPrincipal, engine: Engine) -> ReportTaken:
        """Progress, log lines, a preview."""
        return ReportTaken(ok=await engine.report(worker.worker_id, data))

    @post("/finish", status_code=HTTP_200_OK, guards=[worker()], request_max_body_size=64 * 1024**2)
    async def finish(
        self, data: Finish, worker: WorkerPrincipal, engine: Engine, backups: Backups
    ) -> Finished:
        """The end of an attempt, perhaps with the next job in the answer."""
        if backups.is_held():
            data = msgspec.structs.replace(data, take_next=False)
        return await engine.finish(worker.worker_id, data)


class BlobController(Controller):
    """Bytes for workers that do not share the volume."""

    path = "/internal/v1/blobs"
    include_in_schema = False

    @get("/{sha256:str}", guards=[worker()])
    async def read(self, sha256: str, worker: WorkerPrincipal, database: Database, blobs: BlobFolder) -> File:
        """The bytes, if an attempt the worker holds names them."""
        path = _path(blobs, sha256)
        async with database.transaction(Scope.system()) as tx:
            if not await model.may_read(tx, worker.worker_id, sha256):
                raise NotYours
        if not path.is_file():
            raise NotFound
        return File(path, media_type="application/octet-stream", content_disposition_type="attachment")

    @head("/{sha256:str}", guards=[worker()])
    async def state(
        self,
        sha256: str,
        worker: WorkerPrincipal,
        database: Database,
        blobs: BlobFolder,
        settings: Settings,
    ) -> Response[None]:
        """Where an upload stands: 200 complete, 308 with the held range, 404 nothing yet."""
        path = _path(blobs, sha256)
        await _refuse_idle(database, worker)
        if path.is_file():
            return Response(None, status_code=HTTP_200_OK)
        held = WorkerUploads(blobs, settings.upload_max_bytes).held(worker.worker_id, sha256)
        return _go_on(held) if held else Response(None, status_code=404)

    @put("/{sha256:str}", guards=[worker()], request_max_body_size=None)
    async def write(
        self,
        *,
        request: AnyRequest,
        sha256: str,
        worker: WorkerPrincipal,
        database: Database,
        blobs: BlobFolder,
        settings: Settings,
        watch: Watch,
    ) -> Response[None]:
        """One part of a file: 201 when it is complete and right, 308 when more is awaited."""
        _path(blobs, sha256)
        watch.refuse_results()  # the worker keeps its file and asks again
        await _refuse_idle(database, worker)
        uploads = WorkerUploads(blobs, settings.upload_max_bytes)
        part = read_part(request.headers.get("content-range"))
        blob = await uploads.take(worker.worker_id, sha256, part, _body(request))
        if blob is None:
            return _go_on(uploads.held(worker.worker_id, sha256))
        return Response(None, status_code=HTTP_201_CREATED)


def _path(blobs: BlobFolder, sha256: str) -> Any:
    try:
        return blobs.path(sha256)
    except ValueError as exc:
        raise Malformed("A blob is named by 64 lower-case hex digits.") from exc


async def _refuse_idle(database: Database, worker: WorkerPrincipal) -> None:
    """Only a worker that works on something has something to store."""
    async with database.transaction(Scope.system()) as tx:
        if not await model.holds_any(tx, worker.worker_id):
            raise NotYours("You hold no attempt that could have made these bytes.")


def _go_on(held: int) -> Response[None]:
    headers = {"Range": f"bytes=0-{held - 1}"} if held else {}
    return Response(None, status_code=RESUME_INCOMPLETE, headers=headers)


async def _body(request: AnyRequest) -> AsyncIterator[bytes]:
    try:
        async for piece in request.stream():
            yield piece
    except InternalServerException as exc:
        raise PartUnreadable("The connection broke off; go on where HEAD says.") from exc
