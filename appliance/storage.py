"""The volume: Studio's own folders on it, and what its file system can do."""

import contextlib
import fcntl
import mmap
import os
import stat
import time
from pathlib import Path

import msgspec

from app.kit.settings import KEY_NAMES, Settings
from appliance.refusal import Refusal
from appliance.users import Account, give, myself, postgres_account, service_account, worker_account


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """What the volume's file system was seen to do, each tried on a file of our own."""

    file_system: str
    keeps_modes: bool  # a file made 0600 is 0600 afterwards
    keeps_owners: bool  # chown works; always true where nothing needs to be given away
    locks: bool  # a second flock on a locked file is refused
    renames: bool  # rename replaces an existing file
    maps: bool  # a file can be mapped into memory
    fsync_s: float | None  # None: fsync failed

    def sentence(self) -> str:
        """What was found, for the log."""
        able = {
            "private files": self.keeps_modes,
            "owners": self.keeps_owners,
            "locks": self.locks,
            "rename": self.renames,
            "mmap": self.maps,
            "fsync": self.fsync_s is not None,
        }
        missing = [name for name, works in able.items() if not works]
        speed = "" if self.fsync_s is None else f", fsync in {self.fsync_s * 1000:.1f} ms"
        return f"{self.file_system}: " + (
            f"no {', '.join(missing)}" if missing else f"everything works{speed}"
        )


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
    if not os.access(workspace, os.W_OK | os.X_OK):
        raise Refusal(
            f"The workspace {workspace} cannot be written by this user. "
            "Change its owner, or set WORKSPACE_PATH to another folder."
        )


def make_folders(settings: Settings) -> None:
    """Studio's own folders on the volume, with their owners. Nothing else on the volume is touched."""
    service, worker = service_account(settings), worker_account(settings)
    shares = worker.uid != service.uid
    for folder, owner, mode in (
        (settings.blobs_dir, service, 0o775 if shares else 0o755),
        (settings.models_dir, service, 0o775 if shares else 0o755),
        (settings.tmp_dir, service, 0o770 if shares else 0o700),
        (settings.tmp_dir / "workers", worker, 0o700),
        (settings.keys_dir, myself(), 0o700),
        (settings.logs_dir, service, 0o700),
    ):
        make_folder(folder, owner, mode)
    if shares:
        _share(settings.blobs_dir)
    if not service.can_traverse(settings.workspace):
        _let_through(settings.workspace, service)


def make_folder(folder: Path, owner: Account, mode: int) -> None:
    """One folder of ours; its owner and mode are put right where the file system keeps such things."""
    folder.mkdir(exist_ok=True)
    try:
        give(folder, owner, mode)
    except PermissionError:
        return  # the probe has said already that this volume refuses owners or modes


def _share(blobs: Path) -> None:
    """Let the group write into folders of blobs that were made before the workers had a user of their own."""
    for folder in blobs.iterdir():
        mode = stat.S_IMODE(folder.stat().st_mode)
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
            settings.database.socket_dir, postgres_account(settings) if _embeds(settings) else service, 0o755
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


def _embeds(settings: Settings) -> bool:
    return settings.database.embedded and "postgres" in settings.roles


def probe(settings: Settings) -> Probe:
    """Try on the volume what Studio needs of it. A few milliseconds; leaves nothing behind."""
    workspace = settings.workspace
    stranger = postgres_account(settings) if _embeds(settings) else service_account(settings)
    sample, second = (workspace / f".studio-probe-{os.getpid()}-{part}" for part in ("a", "b"))
    try:
        with os.fdopen(os.open(sample, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "r+b") as file:
            file.write(b"studio\n" * 512)
            file.flush()
            fsync_s = _fsync(file.fileno())
            sample.chmod(0o600)
            keeps_modes = stat.S_IMODE(sample.stat().st_mode) == 0o600
            keeps_owners = _keeps_owner(sample, stranger)
            locks = _locks(sample)
            maps = _maps(file.fileno())
        second.write_bytes(b"")
        renames = _renames(sample, second)
    except OSError as exc:
        raise Refusal(
            f"The workspace {workspace} cannot be written ({exc.strerror}). "
            "Check that the volume is mounted writable and has free space."
        ) from exc
    finally:
        sample.unlink(missing_ok=True)
        second.unlink(missing_ok=True)
    return Probe(
        file_system=file_system_of(workspace),
        keeps_modes=keeps_modes,
        keeps_owners=keeps_owners,
        locks=locks,
        renames=renames,
        maps=maps,
        fsync_s=fsync_s,
    )


def judge(found: Probe, settings: Settings) -> None:
    """Refuse a volume Studio would lose or leak things on. Raises Refusal with every reason and remedy."""
    reasons: list[str] = []
    if found.fsync_s is None or not found.renames:
        reasons.append(
            f"The volume at {settings.workspace} ({found.file_system}) cannot write safely "
            "(fsync or rename fails). Mount another one."
        )
    if _embeds(settings) and not (found.keeps_modes and found.keeps_owners):
        reasons.append(
            f"Postgres cannot live on the volume at {settings.workspace} ({found.file_system}), because it "
            "does not keep a folder private to its owner; RunPod's network volumes are like this. "
            "Use a volume on a local disk, or set DATABASE_URL to a Postgres elsewhere."
        )
    missing = [name.upper() for name in KEY_NAMES if getattr(settings.keys, name) is None]
    if missing and not found.keeps_modes:
        reasons.append(
            f"The volume at {settings.workspace} cannot keep a file private, so Studio makes no keys on it. "
            f"Set {', '.join(missing)} in the environment (each one for example from `openssl rand -hex 32`)."
        )
    if reasons:
        raise Refusal(" ".join(reasons))


def file_system_of(path: Path) -> str:
    """The type of the file system that holds `path` (ext4, overlay, fuse.mfs …)."""
    best, kind = "", "unknown"
    resolved = f"{path.resolve()}/"
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        left, _, right = line.partition(" - ")
        mount = left.split()[4].replace("\\040", " ").rstrip("/") + "/"
        if resolved.startswith(mount) and len(mount) >= len(best):
            best, kind = mount, right.split()[0]
    return kind


def _fsync(descriptor: int) -> float | None:
    started = time.monotonic()
    try:
        os.fsync(descriptor)
    except OSError:
        return None
    return time.monotonic() - started


def _keeps_owner(sample: Path, stranger: Account) -> bool:
    if stranger.uid == os.geteuid():
        return True
    try:
        os.chown(sample, stranger.uid, stranger.gid)
        kept = sample.stat().st_uid == stranger.uid
        os.chown(sample, os.geteuid(), os.getegid())
    except OSError:
        return False
    return kept


def _locks(sample: Path) -> bool:
    first, second = os.open(sample, os.O_RDWR), os.open(sample, os.O_RDWR)
    try:
        fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(first)
        os.close(second)
    return False


def _maps(descriptor: int) -> bool:
    try:
        mmap.mmap(descriptor, 512).close()
    except (OSError, ValueError):
        return False
    return True


def _renames(source: Path, target: Path) -> bool:
    try:
        source.rename(target)
    except OSError:
        return False
    return not source.exists() and target.exists()
