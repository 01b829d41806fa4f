"""The way back: an empty machine, a repository and its recovery kit give the same box again.

Everything is brought into `.restoring` first and recovered there. Only what has answered as a database moves
into place, and `studio.json`, by which a volume is known, comes last: a restore that was killed leaves an
empty volume and its draft, and the next one begins anew.
"""

import os
import shutil
import stat
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from app.kit.backups import Backups, Hold
from app.kit.blobs import BlobFolder
from app.kit.errors import StudioError
from app.kit.passport import Passport
from app.kit.recovery import Kit
from app.kit.settings import KEY_NAMES, Settings
from app.kit.volume import Mode
from appliance import keys, passport, probing, storage
from appliance.backup import elsewhere
from appliance.backup import manifest as manifests
from appliance.backup.dump import Dump, take
from appliance.backup.entry import Entry
from appliance.backup.kit import note_held
from appliance.backup.line import begin_line
from appliance.backup.make import BLOBS, DUMP
from appliance.backup.manifest import Manifest
from appliance.backup.plan import Plan, choose, read_manifest
from appliance.backup.questions import Connection, blob_names, rows_in, standing_still
from appliance.backup.remote import Remote
from appliance.backup.restic import Repository
from appliance.backup.revive import Bench, Phase, fetch_dump, revive
from appliance.backup.scratch import Scratch
from appliance.files import FolderLock, sync_folder, write_atomically
from appliance.hydrate.home import Home
from appliance.refusal import Refusal
from appliance.storage import REFUSES_OWNERS, make_folder
from appliance.users import give, service_account, worker_account

DRAFT = ".restoring"
BASE = "base"  # in the draft: what a box is rebuilt from whose database does not live on the volume

# What makes a volume somebody's. What is not Studio's own may lie there, and stays.
OWN = ("studio.json", "postgres", "hydrate", "blobs", "keys", "redis", "tmp", "backups/wal", "backups/line")
DATABASE_OWN = ("postgres", "hydrate", "backups/wal", "backups/line")
FULL = ("studio.json", "postgres", "hydrate", "blobs", "keys")


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What stands now."""

    box_id: str
    snapshot: str
    moment: datetime  # whose state this is
    studio: str  # the version that made the backup
    rows: int
    files: int
    missing: list[str]  # files that the database names and no backup has
    set_aside: str | None  # where what was here before lies


class _Draft(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is to move into place."""

    plan: Plan
    manifest: Manifest
    keys: dict[str, str]
    mode: Mode
    cluster: Scratch | None  # None: the database is elsewhere, and is there already
    rows: int
    files: list[str]
    missing: list[str]

    @property
    def moment(self) -> datetime:
        """Whose state it is."""
        return self.plan.at or self.manifest.counted.moment


def restore(
    settings: Settings,
    repository: Repository,
    kit: Kit,
    *,
    at: datetime | None = None,
    replace: bool = False,
    phase: Phase = lambda _: None,
) -> Restored:
    """Bring the box of `kit` back into this volume, and into DATABASE_URL where that is set.

    Raises Refusal: then what was here is as it was.
    """
    storage.make_workspace(settings)
    storage.make_run_dir(settings)
    lock = FolderLock(settings.workspace)
    lock.take()  # refuses while a box runs here
    try:
        _refuse_full(settings.workspace, replace)
        mode = _mode(settings)
        if mode is Mode.external:
            elsewhere.refuse_unfit(settings, replace)
        given = keys.given(settings)
        _refuse_other_keys(given, kit)
        Remote(settings).bring(kit.access)
        phase("Reading the repository")
        aside = _new_aside(settings.workspace)
        bench = _bench(settings, repository, phase, mode)
        found = _restore(bench, kit, choose(repository.snapshots(), at), replace=replace, aside=aside)
        phase("Moving it into place")
        _settle(settings, found, given, aside)
        note_held(settings, kit)  # whoever restores has it
    finally:
        lock.release()
    return Restored(
        box_id=kit.box_id,
        snapshot=found.plan.base.id,
        moment=found.moment,
        studio=found.manifest.studio,
        rows=found.rows,
        files=len(found.files) - len(found.missing),
        missing=found.missing,
        set_aside=str(aside) if aside.exists() else None,
    )


def bring_back_database(
    settings: Settings, box: Passport, snapshot: str, phase: Phase = lambda _: None
) -> Path:
    """Put the database back to one backup, on the volume where its files still lie; gives where today's is.

    The box must not run, and whoever calls holds its lock. Raises Refusal: then all is as it was.
    """
    workspace = settings.workspace
    repository = Repository.of(settings, box.box_id)
    phase("Reading the repository")
    found = next((one for one in repository.snapshots() if one.id == snapshot), None)
    if found is None:
        raise Refusal(f"Backup {snapshot} is not in {repository.shown} any more.")
    plan, manifest = Plan(base=found, further=None, at=None), read_manifest(repository, found)
    mode = Mode.external
    if settings.database.embedded:
        mode = Mode.hydrate if box.storage == Mode.hydrate else Mode.local
    bench, aside = _bench(settings, repository, phase, mode), _new_aside(workspace)
    _refuse_without_space(bench, manifest, 0)
    draft = bench.draft
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o711)  # the user of Postgres passes through
    if settings.database.embedded:
        restored, _ = _revived(bench, plan, manifest)
        phase("Moving it into place")
        _set_aside(workspace, aside, DATABASE_OWN)
        _place_database(settings, restored, mode)
        begin_line(Backups(workspace))
    else:
        file, dump, _ = _written_down(bench, plan, manifest)
        phase("Reading the database in")
        elsewhere.take_in(settings, file, dump, replace=True, aside=aside)
    shutil.rmtree(draft)
    return aside if aside.exists() else draft


def _restore(bench: Bench, kit: Kit, plan: Plan, *, replace: bool, aside: Path) -> _Draft:
    """Everything but the move into place; a database elsewhere comes last, when all else is here."""
    settings, repository, draft = bench.settings, bench.repository, bench.draft
    shutil.rmtree(draft, ignore_errors=True)
    manifest = read_manifest(repository, plan.base)
    if manifest.box.box_id != kit.box_id:
        raise Refusal("This recovery kit is of another box than the backup.")
    try:
        opened = manifests.open_keys(manifest, kit.encryption_key)
    except StudioError as exc:
        raise Refusal(f"The encryption key of the kit does not open this backup. {exc.detail}") from exc
    _refuse_without_space(bench, manifest, manifest.counted.blobs_bytes)
    draft.mkdir(mode=0o711)  # the user of Postgres passes through
    cluster = None
    if settings.database.embedded:
        cluster, (wanted, rows) = _revived(bench, plan, manifest)
        bench.phase("Fetching the files")
        _fetch_files(repository, plan, draft, wanted)
    else:
        file, dump, wanted = _written_down(bench, plan, manifest)
        bench.phase("Fetching the files")
        _fetch_files(repository, plan, draft, wanted)
        bench.phase("Reading the database in")
        wanted, rows = elsewhere.take_in(settings, file, dump, replace=replace, aside=aside)
    blobs = BlobFolder(draft / BLOBS, draft)
    return _Draft(
        plan=plan,
        manifest=manifest,
        keys=opened,
        mode=bench.mode,
        cluster=cluster,
        rows=rows,
        files=wanted,
        missing=[sha256 for sha256 in wanted if not blobs.has(sha256)],
    )


def _written_down(bench: Bench, plan: Plan, manifest: Manifest) -> tuple[Path, Dump, list[str]]:
    """The backup as a dump for a database elsewhere, and the files that are known to be named in it.

    Of a base backup one is made: it is recovered here to its moment first.
    """
    elsewhere.refuse_older(bench.settings, manifest.database.major)
    if manifest.dump is not None:
        bench.phase("Fetching the database")
        return fetch_dump(bench, plan), manifest.dump, []
    _refuse_without_home(bench.settings)
    file = bench.draft / DUMP

    def write_down(connection: Connection, entry: Entry) -> tuple[Dump, list[str]]:
        with standing_still(connection):
            return take(entry, connection, file), blob_names(connection)

    scratch, (dump, wanted) = revive(bench, plan, manifest, write_down)
    shutil.rmtree(scratch.data)
    return file, dump, wanted


def _revived(bench: Bench, plan: Plan, manifest: Manifest) -> tuple[Scratch, tuple[list[str], int]]:
    """The database as a cluster that stays, or as a base backup where the volume can hold no cluster.

    Then it comes to life on this machine's disk, and the volume gets nothing of its old log.
    """
    if bench.mode is not Mode.hydrate:
        cluster, found = revive(bench, plan, manifest, _take_stock)
        cluster.flush()
        return cluster, found
    apart = bench.settings.storage_local / DRAFT
    shutil.rmtree(apart, ignore_errors=True)
    apart.mkdir(mode=0o755)
    try:
        there = msgspec.structs.replace(bench, draft=apart)
        return revive(there, plan, manifest, _take_stock, bench.draft / BASE)
    finally:
        shutil.rmtree(apart, ignore_errors=True)


def _take_stock(connection: Connection, _: Entry) -> tuple[list[str], int]:
    """The files that the restored database names, and how many rows it has."""
    return blob_names(connection), sum(rows_in(connection).values())


def _fetch_files(repository: Repository, plan: Plan, draft: Path, wanted: Sequence[str]) -> None:
    """Bring the files of the last snapshot, and from the first one those that are wanted and gone since."""
    blobs = BlobFolder(draft / BLOBS, draft)
    blobs.root.mkdir(exist_ok=True)
    sources = [one for one in (plan.further, plan.base) if one is not None]
    repository.restore(sources[0].id, draft, [f"/{BLOBS}"])
    for source in sources[1:]:
        # Deleted since, and named at the moment that was asked for.
        gone = [sha256 for sha256 in wanted if not blobs.has(sha256)]
        for start in range(0, len(gone), 500):
            some = gone[start : start + 500]
            repository.restore(source.id, draft, [f"/{BLOBS}/{name[:2]}/{name}" for name in some])


def _settle(settings: Settings, found: _Draft, given: Mapping[str, str], aside: Path) -> None:
    """Move everything into place, `studio.json` last, and what was here before aside."""
    workspace, backups = settings.workspace, Backups(settings.workspace)
    draft = workspace / DRAFT
    _give_files(settings, draft / BLOBS)  # before anything moves: a volume may refuse
    _set_aside(workspace, aside)
    storage.make_folders(settings)
    storage.make_run_dir(settings)
    shutil.rmtree(workspace / BLOBS)
    (draft / BLOBS).rename(workspace / BLOBS)
    if found.cluster is not None:
        _place_database(settings, found.cluster, found.mode)
    for name, value in found.keys.items():
        if name in KEY_NAMES and name not in given:
            write_atomically(settings.keys_dir / name, f"{value}\n".encode(), 0o600)
    begin_line(backups)
    hold = Hold(
        restored_at=datetime.now(UTC),
        moment=found.moment,
        snapshot=found.plan.base.id,
    )
    write_atomically(backups.folder / "hold.json", msgspec.json.encode(hold))
    # Wherever the former box kept its database, this one has it here.
    box = msgspec.structs.replace(
        found.manifest.box,
        storage=found.mode,
        postgres_major=found.cluster.major if found.cluster else None,
    )
    os.sync()  # the next file says that the volume is whole; a power cut must not leave it alone
    write_atomically(passport.path_of(settings), msgspec.json.format(msgspec.json.encode(box)))
    shutil.rmtree(draft)


def _place_database(settings: Settings, cluster: Scratch, mode: Mode) -> None:
    """Where the next boot looks for it. What is rebuilt from a base begins its log with it."""
    if mode is Mode.hydrate:
        home = Home(settings, cluster.major)
        home.make()
        (settings.workspace / DRAFT / BASE).rename(home.bases / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
        sync_folder(home.bases)
        return
    postgres = settings.workspace / "postgres"
    make_folder(postgres, service_account(settings), 0o755)
    cluster.data.rename(postgres / str(cluster.major))
    sync_folder(postgres)


def _give_files(settings: Settings, blobs: Path) -> None:
    service = service_account(settings)
    shares = worker_account(settings).uid != service.uid
    for folder, _, names in os.walk(blobs):
        try:
            give(Path(folder), service, 0o775 if shares else 0o755)
            for path in (Path(folder, name) for name in names):
                if stat.S_ISREG(path.lstat().st_mode):
                    give(path, service, 0o440)
                else:
                    path.unlink()  # a step may have put a link or a socket there; no bytes of ours are one
        except OSError as exc:
            if exc.errno not in REFUSES_OWNERS:
                raise
            return  # a volume without owners


def _mode(settings: Settings) -> Mode:
    """Where the restored box has its database. Raises Refusal when this volume is no good for a box."""
    found = probing.probe(settings)
    mode = probing.choose(found, settings, None)
    if (
        mode is Mode.external and settings.database.embedded
    ):  # a part of a box that runs no Postgres still restores the whole
        mode = Mode.local if probing.holds_a_cluster(found) else Mode.hydrate
    probing.judge(found, settings, mode)
    return mode


def _refuse_without_home(settings: Settings) -> None:
    """To be written down a base backup is recovered on the volume, which has to hold a cluster for it."""
    if not probing.holds_a_cluster(probing.probe(settings)):
        raise Refusal(
            f"The volume at {settings.workspace} cannot hold Postgres, and this version restores into one "
            "that can. Restore on a local disk, and leave STORAGE_MODE out."
        )


def _refuse_other_keys(given: Mapping[str, str], kit: Kit) -> None:
    """A key that is set in the environment would be used instead of the restored one."""
    if given.get("encryption_key", kit.encryption_key) != kit.encryption_key:
        raise Refusal(
            "ENCRYPTION_KEY is set here and is not the one of the recovery kit, so nothing sealed could be "
            "opened. Set it to the kit's, or leave it out."
        )


def _refuse_full(workspace: Path, replace: bool) -> None:
    """Raises Refusal when somebody's things are here, unless they may be set aside."""
    if not replace and any(_holds_something(workspace / name) for name in FULL):
        raise Refusal(
            f"{workspace} holds a box already. Restore into an empty volume, or say --replace: what is here "
            "is then set aside on the same volume, not deleted."
        )


def _holds_something(path: Path) -> bool:
    return path.is_file() or any(found.is_file() for found in path.rglob("*"))


def _new_aside(workspace: Path) -> Path:
    """Where a safety copy of this minute would lie."""
    return workspace / "backups" / f"before-restore-{datetime.now(UTC):%Y%m%d-%H%M%S}"


def _set_aside(workspace: Path, aside: Path, names: Sequence[str] = OWN) -> None:
    """The safety copy: everything of a former box, moved and not copied."""
    for name in names:
        if _holds_something(workspace / name):
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            (workspace / name).rename(aside / name)
    sync_folder(workspace)


def _bench(settings: Settings, repository: Repository, phase: Phase, mode: Mode) -> Bench:
    return Bench(
        settings=settings,
        repository=repository,
        draft=settings.workspace / DRAFT,
        place=settings.run_dir / "restore",
        phase=phase,
        mode=mode,
    )


def _database_bytes(settings: Settings, manifest: Manifest) -> int:
    """What the database takes on the volume until it is in its place."""
    copy = manifest.database
    if isinstance(copy, Dump):
        return copy.size_bytes + (copy.database_bytes if settings.database.embedded else 0)
    return copy.size_bytes * (1 if settings.database.embedded else 2)


def _refuse_without_space(bench: Bench, manifest: Manifest, files_bytes: int) -> None:
    """Raises Refusal unless the database, and so many bytes of files, fit."""
    need_bytes = _database_bytes(bench.settings, manifest)
    _refuse_room(bench.settings.workspace, need_bytes + files_bytes)
    if bench.mode is Mode.hydrate:
        local = bench.settings.storage_local
        local.mkdir(mode=0o755, parents=True, exist_ok=True)
        _refuse_room(local, need_bytes)


def _refuse_room(folder: Path, need_bytes: int) -> None:
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < need_bytes:
        raise Refusal(
            f"The disk of {folder} has {free_bytes // 1024**2} MB free, and this backup needs "
            f"{need_bytes // 1024**2} MB there. Use a larger one.",
            exit_code=74,
        )
