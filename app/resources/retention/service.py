"""What would go, and letting it go: of one organization, and of all."""

import time
from datetime import datetime
from typing import Final

import msgspec
from psycopg import Error as PostgresError
from psycopg.errors import LockNotAvailable

from app.engine.engine import Engine
from app.engine.retention import Details, Gone, Whole
from app.kit.clock import now
from app.kit.errors import Complaint, Invalid, StudioError
from app.kit.ids import OrganizationId
from app.kit.log import get_logger
from app.resources.assets import model as assets
from app.resources.audit import model as audit
from app.resources.retention import model
from app.resources.retention.model import Terms
from app.store.database import Database, Scope, Transaction

log = get_logger(__name__)

USES_AT_ONCE: Final = 500
ENTRIES_AT_ONCE: Final = 5_000


class TermsUnfit(Invalid):
    """These times do not fit together."""


class RetentionPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What would go now on these terms.

    `runs`: ended runs with their steps, events, log lines, and the files their steps made on the way. Those
    files go only where nothing else uses them. `results_kept`: files those runs gave out; like uploads they
    stay until somebody deletes them. `rows_bytes`: about what the rows take in the database.
    """

    terms: Terms
    runs: Whole
    details: Details
    results_kept: int
    rows_bytes: int
    audit_entries: int


class Cleared(msgspec.Struct, frozen=True, kw_only=True):
    """What went. `is_done`: nothing is left that may go; else ask again."""

    gone: Gone
    audit_entries: int
    is_done: bool


def refuse_unfit(terms: Terms) -> None:
    """Raises TermsUnfit: details cannot outlive their instance."""
    instances, details = terms.instances_days, terms.details_days
    if instances is not None and (details is None or details > instances):
        sentence = f"Events and log lines go with their run, so keep them {instances} days at most."
        raise TermsUnfit(complaints=[Complaint(field="details_days", message=sentence)])


async def preview(
    tx: Transaction, engine: Engine, organization_id: OrganizationId, terms: Terms
) -> RetentionPreview:
    """What these terms would take now; nothing is written."""
    moment = now()
    found = await engine.retention_outlook(
        tx,
        organization_id,
        instances_before=terms.instances_before(moment),
        details_before=terms.details_before(moment),
    )
    return RetentionPreview(
        terms=terms,
        runs=found.whole,
        details=found.details,
        results_kept=await assets.count_results(tx, found.ids),
        rows_bytes=found.rows_bytes,
        audit_entries=await audit.count_old(tx, organization_id, terms.audit_before(moment)),
    )


async def clear(
    database: Database,
    engine: Engine,
    organization_id: OrganizationId,
    terms: Terms,
    *,
    most_s: float | None = None,
) -> Cleared:
    """Let go what the terms let go, batch by batch; stops after so long, with the batch it is at."""
    moment = now()
    until = None if most_s is None else time.monotonic() + most_s
    moves = []
    if (before := terms.instances_before(moment)) is not None:
        moves.append((engine.clear_instances, before))
    if (before := terms.details_before(moment)) is not None:
        moves.append((engine.clear_details, before))
    gone, is_done = Gone(), True
    for move, before in moves:
        try:
            while (batch := await move(organization_id, before)) is not None:
                gone += batch
                if until is not None and time.monotonic() > until:
                    is_done = False
                    break
        except LockNotAvailable:
            is_done = False  # somebody works with what is to go; the next run looks again
    gone += await _clear_forsaken(database, organization_id)
    audit_entries = await _clear_audit(database, organization_id, terms.audit_before(moment))
    if gone:
        log.info(
            "what has ended was cleared away",
            action="retention_cleared",
            organization=organization_id,
            **msgspec.structs.asdict(gone),
        )
    return Cleared(gone=gone, audit_entries=audit_entries, is_done=is_done)


async def clear_all(database: Database, engine: Engine) -> Gone:
    """The same for every organization, each on its own terms."""
    async with database.transaction(Scope.system()) as tx:
        organizations = await model.every_organization(tx)
    gone = Gone()
    for one in organizations:
        try:
            gone += (await clear(database, engine, one.organization_id, one.terms)).gone
        except (PostgresError, StudioError) as exc:
            # One organization's trouble must not keep the next one's rows for ever.
            log.error(
                "what has ended could not be cleared; it is tried again",
                action="retention_failed",
                organization=one.organization_id,
                error=repr(exc),
            )
    return gone


async def _clear_audit(database: Database, organization_id: OrganizationId, before: datetime) -> int:
    forgotten = 0
    while True:
        async with database.transaction(Scope.organization(organization_id)) as tx:
            gone = await audit.forget_old(tx, organization_id, before, ENTRIES_AT_ONCE)
        forgotten += gone
        if gone < ENTRIES_AT_ONCE:
            return forgotten


async def _clear_forsaken(database: Database, organization_id: OrganizationId) -> Gone:
    """Files that outlived their instance for a user who is gone by now."""
    gone = Gone()
    while True:
        async with database.transaction(Scope.organization(organization_id)) as tx:
            ended, files, size_bytes = await assets.forget_forsaken(tx, organization_id, USES_AT_ONCE)
        gone += Gone(files=files, files_bytes=size_bytes)
        if ended < USES_AT_ONCE:
            return gone
