"""Who may call a route: every route carries exactly one of these, and a test walks them all.

@get("/…", guards=[requires(Role.viewer)])
"""

import ipaddress
import time
from typing import Final

import msgspec
from litestar import WebSocket
from litestar.exceptions import WebSocketException
from litestar.handlers import BaseRouteHandler
from structlog.contextvars import bind_contextvars

from app.kit.crypto import derive, keyed_hash, same
from app.kit.errors import Forbidden, StudioError, Unauthorized
from app.kit.ids import WorkerId
from app.kit.log import get_logger
from app.kit.settings import Settings
from app.resources.accounts.connection import Connection
from app.resources.accounts.origin import refuse_foreign_origin
from app.resources.accounts.principal import NotSignedIn, Principal, bearer, read_principal
from app.resources.accounts.roles import Role
from app.store.database import Database, Scope

log = get_logger(__name__)

WORKER_KNOWN_S: Final = 5.0
# What whoever passes a request on adds to it.
FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-real-ip", "via", "cf-connecting-ip")


class RoleTooLow(Forbidden):
    """Your role in this organization does not allow this."""


class NotSuperAdmin(Forbidden):
    """Only a super admin of this box may do this."""


class WorkerUnknown(Unauthorized):
    """This worker token is not known here; register again with the shared secret."""


class WrongWorkerSecret(Unauthorized):
    """The worker secret is wrong."""


class MetricsClosed(Unauthorized):
    """The metrics are open to this machine itself, and to whoever knows the STUDIO_METRICS_TOKEN."""


class WorkerPrincipal(msgspec.Struct, frozen=True, kw_only=True):
    """The worker behind a call of the worker protocol."""

    worker_id: WorkerId
    name: str


class Guard:
    """The base of all guards: turns a refusal into what the connection can carry."""

    async def __call__(self, connection: Connection, _: BaseRouteHandler) -> None:
        try:
            await self.admit(connection)
        except StudioError as exc:
            if not isinstance(connection, WebSocket):
                raise
            # A refused handshake tells a browser nothing; a close code after it does (4401: sign in again).
            await connection.accept()
            raise WebSocketException(detail=exc.detail, code=4000 + exc.status) from exc

    async def admit(self, connection: Connection) -> None:
        """Return for those who may call; raise a StudioError for those who may not."""
        raise NotImplementedError


class Public(Guard):
    """Everyone; pages of other sites still cannot make a visitor's browser call it."""

    async def admit(self, connection: Connection) -> None:
        refuse_foreign_origin(connection, connection.app.state.settings)


class Hook(Guard):
    """Programs that know the address, from anywhere: a page of another site too.

    The address alone opens what lies behind it, and no sign-in is looked at, so there is nothing that such a
    page could misuse.
    """

    async def admit(self, connection: Connection) -> None:
        """Everyone; the handler judges the address."""


class Requires(Guard):
    """Members with at least this role in the organization they act for."""

    def __init__(self, role: Role) -> None:
        self.role = role

    async def admit(self, connection: Connection) -> None:
        principal = await _remember(connection)
        if not principal.role.covers(self.role):
            raise RoleTooLow(
                f"This needs the role {self.role}; yours in {principal.organization_name} is lower.",
                remedy="Ask an owner or admin of the organization for a higher role.",
            )


class SuperAdmin(Guard):
    """Those who run the box."""

    async def admit(self, connection: Connection) -> None:
        principal = await _remember(connection)
        if not principal.is_super_admin:
            raise NotSuperAdmin


class Worker(Guard):
    """A registered worker, by its own token.

    An answer of the database counts for a few seconds: asking at every call was a quarter of the time of
    finishing a step. A worker that has left can do no harm in them, because its leases are gone.
    """

    async def admit(self, connection: Connection) -> None:
        token = bearer(connection)
        if token is None:
            raise NotSignedIn("This address is for workers; it needs a worker's token.")
        token_hash = worker_token_hash(connection.app.state.settings, token)
        known: dict[bytes, tuple[WorkerPrincipal, float]]
        known = connection.app.state.setdefault("known_workers", {})
        now = time.monotonic()
        principal, until = known.get(token_hash, (None, 0.0))
        if principal is None or until < now:
            known.pop(token_hash, None)
            principal = await self._look_up(connection.app.state.database, token_hash)
            known[token_hash] = (principal, now + WORKER_KNOWN_S)
        connection.state.worker = principal
        bind_contextvars(worker=principal.name)

    @staticmethod
    async def _look_up(database: Database, token_hash: bytes) -> WorkerPrincipal:
        async with database.transaction(Scope.nobody()) as tx:
            row = await tx.fetch_one(
                "SELECT id, name FROM workers WHERE token_hash = %(hash)s AND left_at IS NULL",
                {"hash": token_hash},
            )
        if row is None:
            raise WorkerUnknown
        return WorkerPrincipal(worker_id=row["id"], name=row["name"])


class WorkerSecret(Guard):
    """A worker that is about to register, by the secret it shares with the box."""

    async def admit(self, connection: Connection) -> None:
        settings: Settings = connection.app.state.settings
        if not same(bearer(connection) or "", settings.keys.require("worker_shared_secret")):
            log.warning(
                "worker refused: its WORKER_SHARED_SECRET is not this box's; copy keys/worker_shared_secret "
                "of the volume, or the value the box was started with, to the worker and start it again",
                action="worker_refused",
                address=connection.client.host if connection.client else None,
            )
            raise WrongWorkerSecret(
                remedy="Give the worker the WORKER_SHARED_SECRET of this box (keys/worker_shared_secret)."
            )


class Scrape(Guard):
    """Whoever collects metrics: from this very machine, or with the token for it."""

    async def admit(self, connection: Connection) -> None:
        token = connection.app.state.settings.metrics_token
        given = bearer(connection)
        if token is not None and given is not None and same(given, token):
            return
        if given is None and _is_of_this_machine(connection):
            return
        raise MetricsClosed(remedy="Set STUDIO_METRICS_TOKEN on the box, and send it as a bearer token.")


def public() -> Guard:
    """Everyone may call this."""
    return Public()


def hook() -> Guard:
    """Every program may call this, from any site; a secret in the address says what for."""
    return Hook()


def requires(role: Role) -> Guard:
    """Members with at least this role may call this."""
    return Requires(role)


def super_admin() -> Guard:
    """Only those who run the box may call this."""
    return SuperAdmin()


def worker() -> Guard:
    """Only a registered worker may call this; the handler gets it as `worker: WorkerPrincipal`."""
    return Worker()


def worker_secret() -> Guard:
    """Only who knows the shared worker secret may call this: registration."""
    return WorkerSecret()


def scrape() -> Guard:
    """Only what collects metrics may call this."""
    return Scrape()


def worker_token_hash(settings: Settings, token: str) -> bytes:
    """How a worker's token is kept in `workers.token_hash`."""
    return keyed_hash(derive(settings.keys.require("worker_shared_secret"), "worker-token"), token)


async def provide_principal(request: Connection) -> Principal:
    """The `principal` of a handler; its guard has already asked."""
    return await _remember(request)


async def provide_worker(request: Connection) -> WorkerPrincipal:
    """The `worker` of a handler of the worker protocol."""
    found: WorkerPrincipal = request.state.worker
    return found


def _is_of_this_machine(connection: Connection) -> bool:
    """Whether the caller sits here. A tunnel or proxy on this machine speaks for another, and says so."""
    if connection.client is None or any(name in connection.headers for name in FORWARDED):
        return False
    try:
        return ipaddress.ip_address(connection.client.host).is_loopback
    except ValueError:
        return False


async def _remember(connection: Connection) -> Principal:
    principal: Principal | None = connection.state.get("principal")
    if principal is None:
        principal = connection.state.principal = await read_principal(connection)
        bind_contextvars(organization=principal.organization_id)
    return principal
