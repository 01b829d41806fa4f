"""The way back: an empty machine, a repository and its recovery kit give the same box again.

Everything is brought into `.restoring` first and recovered there. Only what has answered as a database moves
into place, and `studio.json`, by which a volume is known, comes last: a restore that was killed leaves an
empty volume and its draft, and the next one begins anew.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from app.kit.backups import Backups, Hold
from app.kit.blobs import BlobFolder
from app.kit.errors import StudioError
from app.kit.recovery import Kit
from app.kit.settings import KEY_NAMES, Settings
from app.kit.version import studio_version, version_key
from app.kit.volume import Mode
from appliance import keys, passport, storage
from appliance.backup import manifest as manifests
from appliance.backup import scratch, wal
from appliance.backup.make import BLOBS, STAGING, WAL, begin_line
from appliance.backup.manifest import Connection, Manifest, blob_names
from appliance.backup.restic import Repository, Stored
from appliance.backup.scratch import EndsTooEarly, Scratch
from appliance.files import FolderLock, sync_folder, write_atomically
from appliance.probing import holds_a_cluster, probe
from appliance.refusal import Refusal
from appliance.storage import make_folder
from appliance.users import give, service_account, worker_account

T = TypeVar("T")
DRAFT = ".restoring"
Phase = Callable[[str], None]

# What makes a volume somebody's. What is not Studio's own may lie there, and stays.
OWN = ("studio.json", "postgres", "blobs", "keys", "redis", "tmp", "backups/wal", "backups/line")
DATABASE_OWN = ("postgres", "backups/wal", "backups/line")
FULL = ("studio.json", "postgres", "blobs", "keys")


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


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Which snapshots lead to the moment that was asked for."""

    base: Stored
    further: Stored | None  # holds the log, and the files, from the base to that moment
    at: datetime | None
    following: Stored | None = None  # the next backup after that moment


class _Draft(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is to move into place."""

    plan: Plan
    manifest: Manifest
    keys: dict[str, str]
    base: Path
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
    """Bring the box of `kit` back into this volume. Raises Refusal: then what was here is as it was."""
    if not settings.database.embedded:
        raise Refusal("DATABASE_URL is set. A backup is restored into the embedded database; unset it.")
    storage.make_workspace(settings)
    storage.make_run_dir(settings)
    lock = FolderLock(settings.workspace)
    lock.take()  # refuses while a box runs here
    try:
        _refuse_without_home(settings)
        _refuse_full(settings.workspace, replace)
        given = keys.given(settings)
        _refuse_other_keys(given, kit)
        found = _restore(settings, repository, kit, at, phase)
        phase("Moving it into place")
        aside = _settle(settings, found, given)
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
        set_aside=None if aside is None else str(aside),
    )


def bring_back_database(
    settings: Settings, box: passport.Passport, snapshot: str, phase: Phase = lambda _: None
) -> Path:
    """Put the database back to one backup, on the volume where its files still lie; gives where today's is.

    The box must not run, and whoever calls holds its lock. Raises Refusal: then all is as it was.
    """
    if box.storage == Mode.hydrate:
        raise Refusal(
            "The database of this box lies on the machine's own disk and is rebuilt from the volume, so it "
            f"is not brought back in place. Restore backup {snapshot} into an empty volume: studio restore."
        )
    workspace = settings.workspace
    repository = Repository.of(settings, box.box_id)
    phase("Reading the repository")
    found = next((one for one in repository.snapshots() if one.id == snapshot), None)
    if found is None:
        raise Refusal(f"Backup {snapshot} is not in {repository.shown} any more.")
    plan, manifest = Plan(base=found, further=None, at=None), read_manifest(repository, found)
    _refuse_room(workspace, manifest.base.size_bytes)
    draft = workspace / DRAFT
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    phase("Fetching the database")
    base, log = fetch(repository, plan, draft)
    phase("Recovering the database")
    restored = Scratch(settings, base, settings.run_dir / "restore")
    recover(restored, log, plan, manifest, manifests.rows_in)
    restored.flush()
    phase("Moving it into place")
    aside = _set_aside(workspace, DATABASE_OWN)
    _place_database(settings, base, manifest)
    begin_line(Backups(workspace))
    shutil.rmtree(draft)
    return aside or draft


def choose(stored: Sequence[Stored], at: datetime | None) -> Plan:
    """The newest backup, or the one before `at` and what leads from it to there. Raises Refusal."""
    bases = [one for one in stored if one.kind == "base"]
    if not bases:
        raise Refusal("The repository holds no backup of this box.")
    if at is None:
        return Plan(base=bases[0], further=None, at=None)
    exact = next((one for one in bases if one.moment == at), None)
    if exact is not None:
        return Plan(base=exact, further=None, at=None)
    base = next((one for one in bases if one.moment < at), None)
    if base is None:
        raise Refusal(
            f"The oldest backup is of {_said(bases[-1].moment)}; nothing before that can be reached."
        )
    later = [one for one in stored if one.line == base.line and one.moment > base.moment]
    if not later or later[0].moment < at:
        end = later[0].moment if later else base.moment
        raise Refusal(
            f"The log of that time reaches until {_said(end)}. Choose a moment up to then, or leave out --at "
            "for the newest backup."
        )
    further = next(one for one in reversed(later) if one.moment >= at)
    following = next((one for one in reversed(bases) if one.moment > at), None)
    return Plan(base=base, further=further, at=at, following=following)


def fetch(repository: Repository, plan: Plan, draft: Path) -> tuple[Path, Path]:
    """Bring the database and its log into `draft`; gives both folders. Raises Refusal."""
    repository.restore(plan.base.id, draft, [f"/{STAGING}/base", f"/{WAL}"])
    if plan.further is not None:
        repository.restore(plan.further.id, draft, [f"/{WAL}"])
    log = draft / WAL
    log.mkdir(parents=True, exist_ok=True)
    return draft / STAGING / "base", log


def read_manifest(repository: Repository, snapshot: Stored) -> Manifest:
    """What a backup says about itself. Raises Refusal when it is damaged or from the future."""
    try:
        found = manifests.read(repository.read(snapshot.id, f"/{STAGING}/manifest.json"))
    except msgspec.MsgspecError as exc:
        raise Refusal(f"The manifest of backup {snapshot.id} is damaged ({exc}).", exit_code=74) from exc
    if found.format > manifests.FORMAT or version_key(found.studio) > version_key(studio_version()):
        raise Refusal(
            f"Backup {snapshot.id} was made by Studio {found.studio}, and this is {studio_version()}. "
            "Restore it with that version or a newer one."
        )
    return found


def recover(
    restored: Scratch, log: Path, plan: Plan, manifest: Manifest, ask: Callable[[Connection], T]
) -> T:
    """Recover the copy to its moment, ask it, and stop it again. Raises Refusal."""
    target = scratch.until_position(manifest.counted.lsn) if plan.at is None else scratch.until_time(plan.at)
    try:
        with restored.recovered(log, target) as connection:
            return ask(connection)
    except EndsTooEarly:
        if plan.at is None:
            raise
        # A backup that was dropped took the log before it along, and recovery ends at such a gap.
        if not wal.leads_on(wal.kept(log), manifest.base.timeline, manifest.base.start_lsn):
            raise Refusal(_unreachable(plan, plan.at), exit_code=74) from None
    # The log reaches that far without a gap, so nothing was committed after the moment: all of it is wanted.
    with restored.recovered(log, scratch.until_the_end()) as connection:
        return ask(connection)


def _restore(
    settings: Settings, repository: Repository, kit: Kit, at: datetime | None, phase: Phase
) -> "_Draft":
    """Everything but the move into place."""
    draft = settings.workspace / DRAFT
    shutil.rmtree(draft, ignore_errors=True)
    phase("Reading the repository")
    plan = choose(repository.snapshots(), at)
    manifest = read_manifest(repository, plan.base)
    if manifest.box.box_id != kit.box_id:
        raise Refusal("This recovery kit is of another box than the backup.")
    try:
        opened = manifests.open_keys(manifest, kit.encryption_key)
    except StudioError as exc:
        raise Refusal(f"The encryption key of the kit does not open this backup. {exc.detail}") from exc
    _refuse_without_space(settings, manifest)
    draft.mkdir(mode=0o700)
    phase("Fetching the database")
    base, log = fetch(repository, plan, draft)
    phase("Recovering the database")
    restored = Scratch(settings, base, settings.run_dir / "restore")
    wanted, rows = recover(restored, log, plan, manifest, _take_stock)
    restored.flush()
    phase("Fetching the files")
    missing = _fetch_files(repository, plan, draft, wanted)
    return _Draft(
        plan=plan, manifest=manifest, keys=opened, base=base, rows=rows, files=wanted, missing=missing
    )


def _take_stock(connection: Connection) -> tuple[list[str], int]:
    """The files that the restored database names, and how many rows it has."""
    return blob_names(connection), sum(manifests.rows_in(connection).values())


def _fetch_files(repository: Repository, plan: Plan, draft: Path, wanted: Sequence[str]) -> list[str]:
    """Bring the files; those that the database names and no snapshot has are given back."""
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
    return [sha256 for sha256 in wanted if not blobs.has(sha256)]


def _settle(settings: Settings, found: _Draft, given: Mapping[str, str]) -> Path | None:
    """Move everything into place, `studio.json` last; gives where what was here before lies now."""
    workspace, backups = settings.workspace, Backups(settings.workspace)
    draft = workspace / DRAFT
    aside = _set_aside(workspace)
    storage.make_folders(settings)
    storage.make_run_dir(settings)
    _give_files(settings, draft / BLOBS)
    shutil.rmtree(workspace / BLOBS)
    (draft / BLOBS).rename(workspace / BLOBS)
    _place_database(settings, found.base, found.manifest)
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
    # Wherever the former box kept its database, this one has it on the volume.
    box = msgspec.structs.replace(
        found.manifest.box, storage=Mode.local, postgres_major=found.manifest.base.major
    )
    os.sync()  # the next file says that the volume is whole; a power cut must not leave it alone
    write_atomically(passport.path_of(settings), msgspec.json.format(msgspec.json.encode(box)))
    shutil.rmtree(draft)
    return aside


def _place_database(settings: Settings, base: Path, manifest: Manifest) -> None:
    postgres = settings.workspace / "postgres"
    make_folder(postgres, service_account(settings), 0o755)
    base.rename(postgres / str(manifest.base.major))
    sync_folder(postgres)


def _give_files(settings: Settings, blobs: Path) -> None:
    service = service_account(settings)
    shares = worker_account(settings).uid != service.uid
    for folder, _, names in os.walk(blobs):
        with contextlib.suppress(PermissionError):  # a volume without owners
            give(Path(folder), service, 0o775 if shares else 0o755)
            for name in names:
                give(Path(folder, name), service, 0o440)


def _refuse_without_home(settings: Settings) -> None:
    """A backup is brought back as a cluster on the volume, which has to be able to hold one."""
    if settings.storage_mode == Mode.hydrate or not holds_a_cluster(probe(settings)):
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


def _set_aside(workspace: Path, names: Sequence[str] = OWN) -> Path | None:
    """The safety copy: everything of a former box, moved and not copied. None when there was nothing."""
    aside = workspace / "backups" / f"before-restore-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    held = [name for name in names if _holds_something(workspace / name)]
    for name in held:
        (aside / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace / name).rename(aside / name)
    sync_folder(workspace)
    return aside if held else None


def _refuse_without_space(settings: Settings, manifest: Manifest) -> None:
    _refuse_room(settings.workspace, manifest.base.size_bytes + manifest.counted.blobs_bytes)


def _refuse_room(workspace: Path, need_bytes: int) -> None:
    free_bytes = shutil.disk_usage(workspace).free
    if free_bytes < need_bytes:
        raise Refusal(
            f"The volume has {free_bytes // 1024**2} MB free, and this backup needs "
            f"{need_bytes // 1024**2} MB. Use a larger volume.",
            exit_code=74,
        )


def _unreachable(plan: Plan, at: datetime) -> str:
    near = [one.moment for one in (plan.base, plan.following) if one is not None]
    named = " or ".join(f"--at {moment.astimezone(UTC).isoformat()}" for moment in near)
    return (
        f"{_said(at)} cannot be reached any more: a backup in between was dropped, and the log that led "
        f"there went with it. The nearest moments are those of the backups beside it: say {named}."
    )


def _said(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
