"""Making a backup while the box works: a checked copy of the database, its log, and the files it names.

Nothing is stopped. The copy of the database and the log that follows it lead to one position, the counted
one. Files are named by their content and never change: those that the database names at that position are in
the folder unless somebody deletes them, and until the last one is read nobody does.

    backups/staging/manifest.json   what is in it
    backups/staging/base/           the files of the database
    backups/wal/                    the log from the former base to this one's counted position, and further
    blobs/                          the files

A database elsewhere (`DATABASE_URL`) has no files to copy and no log to keep: it is written down from one
snapshot of its own, which is counted too, and lies in `backups/staging/database.dump` instead of both.
"""

import contextlib
import shutil
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from app.kit.backups import Backups, Snapshot
from app.kit.holds import hold
from app.kit.passport import Passport
from app.kit.settings import Settings
from appliance import passport
from appliance.backup import base, bounds, dump, manifest, wal
from appliance.backup.base import Base
from appliance.backup.complaints import Locked
from appliance.backup.dump import Dump
from appliance.backup.entry import elsewhere, telling
from appliance.backup.line import break_off, line_of
from appliance.backup.manifest import Counted
from appliance.backup.questions import one, standing_still
from appliance.backup.restic import Kind, Repository, Saved, Stored
from appliance.backup.segments import LET_GO
from appliance.backup.work import Watch, Work, working
from appliance.hydrate import archive
from appliance.hydrate.home import is_hydrating
from appliance.postgres import Cluster
from appliance.refusal import Refusal

STAGING, WAL, BLOBS = "backups/staging", "backups/wal", "blobs"
OTHER_PAST = "backups/wal-of-another-past"
DUMP = "database.dump"  # in the staging folder
SPARE_BYTES = 512 * 1024**2  # stays free on the volume, whatever is staged


def make(settings: Settings, watch: Watch | None = None) -> Snapshot:
    """Make one backup, keep what the schedule says, and note both. Raises Refusal: nothing has changed."""
    backups = Backups(settings.workspace)
    with working(backups, "backup", watch) as work:
        began = time.monotonic()
        box = _box(settings)
        repository = Repository.of(settings, box.box_id)
        _clear(backups)
        try:
            work.phase("Opening the repository")
            before = repository.prepare()
            with _copied(settings, backups, work) as (copy, counted):
                written = manifest.write(settings, box, copy, counted)
                (backups.staging / "manifest.json").write_bytes(written)
                work.phase("Saving")
                kind: Kind = "base" if isinstance(copy, Base) else "dump"
                saved = _save(repository, work, backups, kind=kind, moment=counted.moment, before=before)
                _read_back(repository, saved, written)
        finally:
            _clear(backups)
        if isinstance(copy, Base):
            wal.forget_before(backups.wal, wal.segment_of(copy.timeline, copy.start_lsn))
            shutil.rmtree(backups.other_past, ignore_errors=True)
        snapshot = Snapshot(
            id=saved.id,
            made_at=counted.moment,
            took_s=round(time.monotonic() - began, 2),
            studio=box.version,
            schema=counted.schema,
            database_bytes=copy.size_bytes,
            blobs=counted.blobs,
            blobs_bytes=counted.blobs_bytes,
            added_bytes=saved.added_bytes,
        )
        snapshots = [snapshot, *backups.status().snapshots]
        work.note(last_good_at=datetime.now(UTC), snapshots=snapshots, let_go=None)
        work.phase("Clearing up")
        with contextlib.suppress(Locked):  # a lock that nobody can be asked about ends by its age
            repository.forget(backups.schedule())
        look_around(backups, repository, work)
    return snapshot


def save_log(settings: Settings, watch: Watch | None = None) -> None:
    """Put the log since the last backup, and the files, into the repository. Raises Refusal."""
    if not settings.database.embedded:
        raise Refusal(
            "The database is elsewhere (DATABASE_URL), and only its provider has its log: a moment between "
            "two backups is reached there. A backup holds everything as it is now: studio backup."
        )
    backups = Backups(settings.workspace)
    if (backups.wal / LET_GO).exists():
        raise Refusal(
            "The log was let go and leads on from no backup. Make one: studio backup.", exit_code=75
        )
    with working(backups, "log", watch) as work:
        box, cluster = _box(settings), Cluster(settings)
        repository = Repository.of(settings, box.box_id)
        work.phase("Saving the log")
        before = repository.prepare()
        with hold(settings.tmp_dir, "a backup"):
            clear_the_way(cluster, backups)
            moment = datetime.now(UTC)
            _, last = wal.close_segment(cluster)
            _await_kept(settings, cluster, backups, last)
            _save(repository, work, backups, kind="log", moment=moment, before=before)
        if any(one.kind == "log" for one in before):
            with contextlib.suppress(Locked):
                repository.forget_log()
        look_around(backups, repository, work)


def look_around(backups: Backups, repository: Repository, work: Work) -> None:
    """Note which backups there are and which moments can be reached, as the repository says itself."""
    stored = repository.snapshots()
    known = {snapshot.id: snapshot for snapshot in backups.status().snapshots}
    line = line_of(backups)
    whole = [one for one in stored if one.is_whole]
    reach = [one for one in whole if one.kind == "base" and one.line == line]
    work.note(
        repository=repository.shown,
        repository_bytes=repository.size_bytes(),
        snapshots=[known.get(one.id) or _described(repository, one) for one in whole],
        reach_from=_chain_begins(reach, backups.schedule().days),
        reach_until=next((one.moment for one in stored if one.line == line), None),
    )


def _box(settings: Settings) -> Passport:
    box = passport.read(settings)
    if box is None:
        raise Refusal(f"There is no box at {settings.workspace} yet. Start it once with `studio boot`.")
    return box


@contextlib.contextmanager
def _copied(settings: Settings, backups: Backups, work: Work) -> Iterator[tuple[Base | Dump, Counted]]:
    """A copy of the database in the staging folder, counted; the files it names stay while this is open."""
    work.phase("Copying the database")
    if not settings.database.embedded:
        with hold(settings.tmp_dir, "a backup"):
            yield _write_down(settings, backups, work)
        return
    cluster = Cluster(settings)
    _refuse_without_space(
        settings, int(cluster.run_sql("SELECT sum(pg_database_size(oid)) FROM pg_database"))
    )
    bounds.take_up(backups)
    clear_the_way(cluster, backups)
    copy = base.take(cluster, backups.staging / "base", work.progress, is_durable=False)
    with hold(settings.tmp_dir, "a backup"):
        work.phase("Counting")
        counted = manifest.count(cluster)
        _close_log(settings, cluster, backups, copy)
        yield copy, counted


def _write_down(settings: Settings, backups: Backups, work: Work) -> tuple[Dump, Counted]:
    """The database in DATABASE_URL as a dump, and the counts of the very snapshot that it is written from."""
    with telling():
        entry = elsewhere(settings)
        with entry.connect() as connection:
            _refuse_without_space(settings, one(connection, "SELECT pg_database_size(current_database())")[0])
            with standing_still(connection):
                counted = manifest.count_still(connection)
                return dump.take(entry, connection, backups.staging / DUMP, work.progress), counted


def _clear(backups: Backups) -> None:
    """What a former backup left when it was killed, and what this one no longer needs."""
    shutil.rmtree(backups.staging, ignore_errors=True)
    backups.staging.mkdir(mode=0o700)


def _refuse_without_space(settings: Settings, size_bytes: int) -> None:
    """The copy lies on the volume for a while, and a full volume would stop the box for its backup's sake."""
    free_bytes = shutil.disk_usage(settings.workspace).free
    if free_bytes < size_bytes + SPARE_BYTES:
        raise Refusal(
            f"The volume has {free_bytes // 1024**2} MB free; a copy of the database takes "
            f"{size_bytes // 1024**2} MB, and {SPARE_BYTES // 1024**2} MB are kept free. Make room.",
            exit_code=74,
        )


def clear_the_way(cluster: Cluster, backups: Backups) -> None:
    """What was kept of another past gives way to what this database wants to keep, and a line begins."""
    names = wal.in_the_way(cluster, backups.wal)
    if names:
        wal.set_aside(backups, names)
        break_off(
            backups, f"another past had taken the names {', '.join(names)}; its segments are set aside."
        )


def _close_log(settings: Settings, cluster: Cluster, backups: Backups, copy: base.Base) -> None:
    """See that the log leads from the copy to the counted position without a hole."""
    end, last = wal.close_segment(cluster)
    _await_kept(settings, cluster, backups, last)
    hole = wal.gap(wal.kept(backups.wal), copy.timeline, copy.start_lsn, end)
    if hole is not None:
        raise Refusal(
            f"The log of the database has a hole: {hole} is not in {backups.wal}. This backup could not be "
            "restored, so it is not kept; make another one.",
            exit_code=74,
        )


def _await_kept(settings: Settings, cluster: Cluster, backups: Backups, last: str) -> None:
    """Where Postgres lives elsewhere, the volume's own log is what is kept."""

    def hand_over() -> None:
        if is_hydrating(settings):
            archive.hand_over(settings, cluster.major)

    wal.await_kept(cluster, backups.wal, last, hand_over=hand_over)


def _save(
    repository: Repository,
    work: Work,
    backups: Backups,
    *,
    kind: Kind,
    moment: datetime,
    before: Sequence[Stored],
) -> Saved:
    workspace = backups.folder.parent
    paths = {
        "base": (STAGING, WAL, OTHER_PAST, BLOBS),
        "dump": (STAGING, BLOBS),
        "log": (WAL, OTHER_PAST, BLOBS),
    }[kind]
    return repository.save(
        workspace,
        [path for path in paths if (workspace / path).exists()],
        moment=moment,
        tags=(kind,) if kind == "dump" else (kind, line_of(backups)),  # no log leads on from a dump
        parent=before[0].id if before else None,
        told=work.progress,
    )


def _read_back(repository: Repository, saved: Saved, written: bytes) -> None:
    """A backup that does not give back what was put in is none: the log before it is still needed."""
    try:
        is_there = repository.read(saved.id, f"/{STAGING}/manifest.json") == written
    except Refusal as exc:
        repository.remove([saved.id])
        raise Refusal(
            f"Backup {saved.id} could not be read back, so it is not kept: {exc.sentence}", exit_code=74
        ) from exc
    if not is_there:
        repository.remove([saved.id])
        raise Refusal(
            f"Backup {saved.id} gave back another manifest than was put in, so it is not kept. Look at the "
            f"disk behind {repository.shown}, and make another one.",
            exit_code=74,
        )


def _described(repository: Repository, stored: Stored) -> Snapshot:
    """A backup that this volume did not see being made."""
    found = manifest.read(repository.read(stored.id, f"/{STAGING}/manifest.json"))
    return Snapshot(
        id=stored.id,
        made_at=found.counted.moment,
        took_s=None,
        studio=found.studio,
        schema=found.counted.schema,
        database_bytes=found.database.size_bytes,
        blobs=found.counted.blobs,
        blobs_bytes=found.counted.blobs_bytes,
        added_bytes=None,
    )


def _chain_begins(bases: Sequence[Stored], days: int) -> datetime | None:
    """The oldest backup from which every later second can be reached: none after it was dropped."""
    youngest = datetime.now(UTC) - timedelta(days=days)
    return next((one.moment for one in reversed(bases) if one.moment >= youngest), None)
