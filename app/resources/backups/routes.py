"""The box's backups for whoever runs it. What is asked for here is done by root, which looks for it."""

import asyncio
from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.status_codes import HTTP_200_OK, HTTP_202_ACCEPTED

from app.kit.backups import Backups, Wish
from app.kit.clock import now
from app.kit.errors import Conflict, Invalid, Malformed
from app.kit.log import get_logger
from app.kit.recovery import ENDING, Kit, KitDamaged, KitUnlike, kit_of, kit_state
from app.kit.settings import Settings
from app.resources.accounts.guards import requires, super_admin
from app.resources.accounts.principal import Principal
from app.resources.accounts.roles import Role
from app.resources.audit.record import record
from app.resources.auth import service as auth
from app.resources.backups import acts
from app.resources.backups.schemas import (
    BackupsView,
    Held,
    KitAsked,
    KitBrought,
    KitEndings,
    KitShown,
    KitView,
)
from app.resources.backups.wishes import NobodyBacksUp, ask_root
from app.resources.workers.service import box_id
from app.store.database import Database

log = get_logger(__name__)
AnyRequest = Request[Any, Any, Any]


class NothingHeld(Conflict):
    """This box holds nothing back."""


class KitUnfit(Invalid):
    """This is not the recovery kit of this box."""


class BackupsController(Controller):
    """Backups of the whole box."""

    path = "/api/v1/backups"
    tags = ("backups",)

    @get("/", operation_id="getBackups", guards=[super_admin()])
    async def read(self, backups: Backups, settings: Settings) -> BackupsView:
        """What was made and proved, what is under way, and when the next backup is made."""
        return await asyncio.to_thread(_view, backups, settings)

    @get("/hold", operation_id="getHold", guards=[requires(Role.viewer)])
    async def hold(self, backups: Backups) -> Held:
        """Whether this box was restored and holds schedules, deliveries and steps back."""
        return Held(hold=backups.hold())

    @post("/", operation_id="makeBackup", status_code=HTTP_202_ACCEPTED, guards=[super_admin()])
    async def make(
        self, backups: Backups, settings: Settings, principal: Principal, database: Database
    ) -> BackupsView:
        """Make a backup now; it begins within seconds and is told at `GET`."""
        return await _wish(backups, settings, principal, database, wish="backup")

    @post("/drill", operation_id="drillBackup", status_code=HTTP_202_ACCEPTED, guards=[super_admin()])
    async def drill(
        self, backups: Backups, settings: Settings, principal: Principal, database: Database
    ) -> BackupsView:
        """Restore the newest backup beside the box now, and question it."""
        return await _wish(backups, settings, principal, database, wish="drill")

    @post("/release", operation_id="releaseBox", status_code=HTTP_202_ACCEPTED, guards=[super_admin()])
    async def release(
        self, backups: Backups, settings: Settings, principal: Principal, database: Database
    ) -> BackupsView:
        """Let a restored box go on: its schedules, deliveries and the steps that were under way."""
        if not backups.is_held():
            raise NothingHeld
        return await _wish(backups, settings, principal, database, wish="release")

    @post("/kit", operation_id="showRecoveryKit", status_code=HTTP_200_OK, guards=[super_admin()])
    async def kit(
        self,
        *,
        request: AnyRequest,
        data: KitAsked,
        principal: Principal,
        database: Database,
        settings: Settings,
    ) -> Response[KitShown]:
        """The recovery kit: what a restore needs and no backup holds. Asks for your password again."""
        await auth.confirm_password(database, settings, request, principal, data.password)
        kit = _kit(settings)
        async with database.transaction(principal.scope) as tx:
            await record(tx, acts.KIT_SHOWN, principal)
        log.warning("the recovery kit was shown", action="kit_shown", user=principal.user_id)
        return Response(
            KitShown(text=kit.text(now()), page=kit.page(now())), headers={"cache-control": "no-store"}
        )

    @post(
        "/kit/confirm",
        operation_id="confirmRecoveryKit",
        status_code=HTTP_202_ACCEPTED,
        guards=[super_admin()],
    )
    async def confirm_kit(
        self,
        *,
        data: KitBrought,
        backups: Backups,
        principal: Principal,
        database: Database,
        settings: Settings,
    ) -> BackupsView:
        """Show that you hold the recovery kit: it is compared and not kept. The box reminds until then."""
        try:
            _compare(_kit(settings), data)
        except (KitDamaged, KitUnlike) as exc:
            raise KitUnfit(str(exc), remedy="Look at the kit again, or let the box show it anew.") from exc
        return await _wish(backups, settings, principal, database, wish="kit")


def _kit(settings: Settings) -> Kit:
    box = box_id(settings.workspace)
    if box is None:
        raise NobodyBacksUp(remedy="Its kit is on the box that holds the volume: studio backup kit.")
    return kit_of(settings, box)


def _compare(kit: Kit, brought: KitBrought) -> None:
    match brought:
        case KitBrought(text=str(text), endings=None):
            kit.match(text)
        case KitBrought(text=None, endings=KitEndings() as endings):
            kit.match_endings(endings.password, endings.encryption_key)
        case _:
            raise Malformed(
                f"Send either the whole “text” of the kit, or as “endings” the last {ENDING} letters of its "
                "password and of its encryption key."
            )


async def _wish(
    backups: Backups, settings: Settings, principal: Principal, database: Database, *, wish: Wish
) -> BackupsView:
    await ask_root(backups, database, principal, wish)
    return await asyncio.to_thread(_view, backups, settings)


def _view(backups: Backups, settings: Settings) -> BackupsView:
    schedule, status, kit = backups.schedule(), backups.status(), kit_state(settings)
    return BackupsView(
        status=status,
        schedule=schedule,
        next_at=schedule.next_after(now()),
        wished=backups.wished(),
        hold=backups.hold(),
        point_in_time=settings.database.embedded,
        kit=None if kit is None else KitView.of(kit, status),
    )
