"""What the volume's file system can do, tried rather than believed, and where Postgres may live then."""

import fcntl
import mmap
import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path

from app.kit.settings import KEY_NAMES, Settings
from app.kit.volume import Mode, Probe
from appliance.refusal import Refusal
from appliance.storage import embeds_postgres
from appliance.users import Account, postgres_account, service_account


def probe(settings: Settings, stranger: Account | None = None) -> Probe:
    """Try on the volume what Studio needs of it. A few milliseconds; leaves nothing behind.

    `stranger`: who else should be able to own things there; by default who does on this box.
    """
    workspace = settings.workspace
    if stranger is None:
        stranger = postgres_account(settings) if embeds_postgres(settings) else service_account(settings)
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
            space = os.statvfs(workspace)
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
        free_bytes=space.f_bavail * space.f_frsize,
        total_bytes=(space.f_blocks - space.f_bfree + space.f_bavail) * space.f_frsize,
    )


def choose(found: Probe, settings: Settings, remembered: str | None) -> Mode:
    """Where Postgres lives: where it did, else by what the operator says, else by what the volume can."""
    if not embeds_postgres(settings):
        return Mode.external
    if settings.storage_mode != "auto":
        return Mode(settings.storage_mode)
    if remembered in (Mode.local, Mode.hydrate):
        return Mode(remembered)
    return Mode.local if holds_a_cluster(found) else Mode.hydrate


def holds_a_cluster(found: Probe) -> bool:
    """Whether Postgres can live here: it wants a folder that is its own, private, and mapped into memory."""
    return found.keeps_modes and found.keeps_owners and found.maps


def judge(found: Probe, settings: Settings, mode: Mode) -> None:
    """Refuse a volume Studio would lose or leak things on. Raises Refusal with every reason and remedy."""
    reasons: list[str] = []
    where = f"The volume at {settings.workspace} ({found.file_system})"
    if found.fsync_s is None or not found.renames:
        reasons.append(f"{where} cannot write safely (fsync or rename fails). Mount another one.")
    if mode is Mode.local and not holds_a_cluster(found):
        reasons.append(
            f"{where} cannot hold Postgres, because it does not keep a folder private to its owner; RunPod's "
            "network volumes are like this. Use a volume on a local disk, let Postgres live on the disk of "
            "this machine (STORAGE_MODE=hydrate), or set DATABASE_URL to a Postgres elsewhere."
        )
    missing = [name.upper() for name in KEY_NAMES if getattr(settings.keys, name) is None]
    if missing and not found.keeps_modes:
        reasons.append(
            f"The volume at {settings.workspace} cannot keep a file private, so Studio makes no keys on it. "
            f"Set {', '.join(missing)} in the environment (each one for example from `openssl rand -hex 32`)."
        )
    if reasons:
        raise Refusal(" ".join(reasons))


PROMISES: Mapping[Mode, str] = {
    Mode.local: "Postgres lives on the volume; what it has confirmed is there.",
    Mode.hydrate: (
        "Postgres lives on this machine's disk, and the volume has every transaction before it is confirmed; "
        "each start rebuilds it from there."
    ),
    Mode.external: "Postgres is elsewhere; the volume holds the files.",
}
AVAILABLE_RISK = (
    " While the volume does not confirm (STORAGE_STALL=available), transactions are on this disk alone."
)


def promise_of(mode: Mode, settings: Settings) -> str:
    """What this mode keeps and what it does not, in words."""
    risky = mode is Mode.hydrate and settings.storage_stall == "available"
    return PROMISES[mode] + (AVAILABLE_RISK if risky else "")


def file_system_of(path: Path) -> str:
    """The type of the file system that holds `path` (ext4, overlay, fuse.mfs …)."""
    return mount_of(path)[1]


def is_mount(path: Path) -> bool:
    """Whether something is mounted at exactly this folder, be it another folder of the same disk."""
    return mount_of(path)[0] == f"{path.resolve()}/"


def mount_of(path: Path) -> tuple[str, str]:
    """The mount point that holds `path`, ending in a slash, and the type of its file system."""
    best, kind = "", "unknown"
    resolved = f"{path.resolve()}/"
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        left, _, right = line.partition(" - ")
        mount = left.split()[4].replace("\\040", " ").rstrip("/") + "/"
        if resolved.startswith(mount) and len(mount) >= len(best):
            best, kind = mount, right.split()[0]
    return best, kind


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
