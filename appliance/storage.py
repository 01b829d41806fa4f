"""The volume: Studio's own folders on it."""

import contextlib
import errno
import os
import stat
from pathlib import Path

import msgspec

from app.kit.backups import Backups
from app.kit.settings import Settings
from appliance.files import is_read_only
from appliance.refusal import Refusal
from appliance.users import (
    Account,
    give,
    myself,
    postgres_account,
    service_account,
    take_over,
    worker_account,
)

# What a chown is refused with: by the file system, or because it knows no such user (an id-mapped mount).
REFUSES_OWNERS = (errno.EPERM, errno.EACCES, errno.EINVAL, errno.EOVERFLOW, errno.ENOTSUP, errno.ENOSYS)


def prepare(settings: Settings) -> None:
    """Every folder Studio needs before its keys, its Postgres and its Redis can be made."""
    make_workspace(settings)
    make_folders(settings)
    make_run_dir(settings)


def make_workspace(settings: Settings) -> None:
    """The workspace folder itself. Raises Refusal when it cannot be made or written."""
    workspace = settings.workspace
    try:
        workspace.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise Refusal(
            f"The workspace {workspace} cannot be made ({exc.strerror}). "
            "Set WORKSPACE_PATH to a folder this user may write."
        ) from exc
    if is_read_only(workspace):
        raise Refusal(
            f"The volume at {workspace} is mounted read-only, so nothing could be kept. Mount it writable; "
            "a disk that met an error becomes read-only by itself, and the kernel's log says so.",
            exit_code=75,
        )
    if not os.access(workspace, os.W_OK | os.X_OK):
        raise Refusal(
            f"The workspace {workspace} cannot be written by this user. "
            "Change its owner, or set WORKSPACE_PATH to another folder."
        )


def make_folders(settings: Settings) -> None:
    """Studio's own folders on the volume, with their owners. Nothing else on the volume is touched."""
    service, worker = service_account(settings), worker_account(settings)
    backups = Backups(settings.workspace)
    shares = worker.uid != service.uid
    open_to_both = 0o775 if shares else 0o755
    for folder, owner, mode in (
        (settings.blobs_dir, service, open_to_both),
        *([] if settings.models_dir.is_symlink() else [(settings.models_dir, service, open_to_both)]),
        (settings.tmp_dir, service, 0o770 if shares else 0o700),
        (settings.tmp_dir / "workers", worker, 0o700),
        (settings.keys_dir, myself(), 0o700),
        # The service user passes through to what is its own; steps, which are of its group, read nothing.
        (settings.logs_dir, msgspec.structs.replace(myself(), gid=service.gid), 0o750),
        (backups.folder, myself(), 0o755),
        (backups.remote, myself(), 0o700),
        (backups.wishes, service, 0o700),
    ):
        make_folder(folder, owner, mode)
    if settings.models_dir.is_symlink():
        _refuse_closed(settings.models_dir, service, worker)
    _take_over_logs(settings.logs_dir, service)
    if shares:
        _share(settings.blobs_dir)
    if not service.can_traverse(settings.workspace):
        _let_through(settings.workspace, service)


def make_folder(folder: Path, owner: Account, mode: int) -> None:
    """One folder of ours; its owner and mode are put right where the file system keeps such things."""
    folder.mkdir(exist_ok=True)
    try:
        take_over(folder, owner)
        give(folder, owner, mode)
    except OSError as exc:
        if exc.errno not in REFUSES_OWNERS:
            raise
        # The probe has said already that this volume refuses owners or modes. Who cannot own the folder still
        # has to write here, and there is nobody else in the box.
        if owner.uid != os.geteuid():
            with contextlib.suppress(OSError):
                folder.chmod(mode | 0o007)


def _refuse_closed(models: Path, *readers: Account) -> None:
    """Weights often lie on a disk of their own, behind a link. Root changes nothing there: what a link leads
    to is its owner's. It is enough that the box can read it. Raises Refusal when it cannot.
    """
    target = models.resolve()
    if not target.is_dir():
        raise Refusal(
            f"{models} leads to {target}, where no folder is. Mount the disk it is on, in the container too, "
            "or remove the link."
        )
    for reader in readers:
        if not reader.can_read(target):
            raise Refusal(
                f"{models} leads to {target}, which the user “{reader.name}” cannot read, and Studio changes "
                f"no owner or mode behind a link. Open it: chmod -R o+rX {target}, and chmod o+x for each "
                "folder above it."
            )


def _take_over_logs(logs: Path, service: Account) -> None:
    """`logs/` was the service user's once; what it could have put in the place of a file of ours goes."""
    for path in logs.iterdir():
        found = path.lstat()
        if stat.S_ISDIR(found.st_mode):
            continue
        is_foreign = found.st_nlink > 1 and found.st_uid != service.uid
        if not stat.S_ISREG(found.st_mode) or is_foreign:
            path.unlink()
            continue
        is_ring = path.suffix == ".jsonl"
        try:
            give(path, service if is_ring else myself(), 0o600 if is_ring else 0o644)
        except OSError as exc:
            if exc.errno not in REFUSES_OWNERS:
                raise


def _share(blobs: Path) -> None:
    """Let the group write into folders of blobs that were made before the workers had a user of their own."""
    for folder in blobs.iterdir():
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode):
            continue  # a step may have put a link there, which leads to what is not theirs
        mode = stat.S_IMODE(found.st_mode)
        if not mode & stat.S_IWGRP:
            with contextlib.suppress(PermissionError):  # a volume without modes: everybody may write there
                folder.chmod(mode | stat.S_IWGRP)


def _let_through(workspace: Path, service: Account) -> None:
    """A bind-mounted folder is often 0700 of a user of the host: open the way, not the listing."""
    if stat.S_IMODE(workspace.stat().st_mode) & stat.S_IXOTH == 0:
        workspace.chmod(stat.S_IMODE(workspace.stat().st_mode) | stat.S_IXOTH)
    if not service.can_traverse(workspace):
        raise Refusal(
            f"The user “{service.name}” cannot reach {workspace}, because a folder above it is closed. "
            "Open it with chmod o+x, or set WORKSPACE_PATH to a folder that user can reach."
        )


def embeds_postgres(settings: Settings) -> bool:
    """Whether this box runs its own Postgres."""
    return settings.database.embedded and "postgres" in settings.roles


def make_run_dir(settings: Settings) -> None:
    """The folder of sockets and run-time state: a fresh, short path that only its users can write."""
    run_dir, service = settings.run_dir, service_account(settings)
    # Under root two more users must pass through; alone, nobody else has any business in it.
    mode = 0o755 if os.geteuid() == 0 else 0o700
    try:
        run_dir.mkdir(mode=mode, parents=True, exist_ok=True)
        found = run_dir.lstat()
        # In a shared /tmp anyone could have made the folder first and watch what happens in it.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise Refusal(f"{run_dir} belongs to somebody else. Set STUDIO_RUN_DIR to a folder of this user.")
        run_dir.chmod(mode)
        make_folder(
            settings.database.socket_dir,
            postgres_account(settings) if embeds_postgres(settings) else service,
            0o755,
        )
        make_folder(settings.redis.socket.parent, service, 0o750)
    except OSError as exc:
        raise Refusal(
            f"The run-time folder {run_dir} cannot be made ({exc.strerror}). "
            "Set STUDIO_RUN_DIR to a writable folder; in a read-only container mount a tmpfs at /run."
        ) from exc
    longest = len(str(settings.database.socket_dir / ".s.PGSQL.5432"))
    if longest > 107:
        raise Refusal(
            f"The path of the run-time folder is too long for a Unix socket ({longest} of 107 bytes). "
            "Set STUDIO_RUN_DIR to a shorter folder."
        )
