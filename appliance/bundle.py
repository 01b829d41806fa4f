"""The support bundle: what somebody who helps asks for first, in one file, without a secret in it.

Everything passes the same filter as the logs, by value and by name. Workflows, inputs and files of people are
not looked at; log lines may name them.
"""

import io
import os
import platform
import tarfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil

from app.kit.backups import Backups
from app.kit.memory import free_memory_bytes
from app.kit.redaction import keep_secret, redacted, redacted_value
from app.kit.ring import files_of, read
from app.kit.settings import Settings
from app.kit.version import studio_version
from appliance import handover, passport
from appliance.backup.remote import Remote
from appliance.doctor.examination import examine
from appliance.keyring import keys
from appliance.refusal import Refusal
from appliance.status import gather

MOST_LOG_BYTES: Final = 16 * 1024 * 1024
ASK_LIMIT_S: Final = 30.0
PRIVATE: Final = ("keys", "admin_email")  # settings that are nobody's business
# The beginnings of variables that are about the box; those of other programs are not told, and no value is.
OURS: Final = (
    *("STUDIO_", "LOG_", "DATABASE_", "REDIS_", "JWT_", "WORKER_", "POSTGRES_", "ENCRYPTION_", "ADMIN_"),
    *("RUNPOD_", "NVIDIA_", "CUDA_", "WORKSPACE_", "PUBLIC_", "CORS_", "CLOUDFLARE_", "PORT", "HOST", "ENV"),
)

Exhibit = Callable[[Settings], Any]


def pack(settings: Settings, out: Path | None) -> Path:
    """Write the bundle; where it lies. Raises Refusal when the file cannot be made."""
    keep_secret(*settings.secrets, *Remote(settings).secrets())
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    path = (out or Path(f"studio-support-{stamp}.tar.gz")).absolute()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Refusal(f"{path} is there already; name another file with --out.") from None
    except OSError as exc:
        raise Refusal(f"{path} cannot be written: {exc.strerror}.") from exc
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in _contents(settings):
            entry = tarfile.TarInfo(f"studio-support-{stamp}/{name}")
            entry.size, entry.mtime, entry.mode = len(content), int(time.time()), 0o600
            archive.addfile(entry, io.BytesIO(content))
    return path


def _contents(settings: Settings) -> Iterator[tuple[str, bytes]]:
    for name, exhibit in EXHIBITS.items():
        try:
            found = exhibit(settings)
        except Exception as exc:  # noqa: BLE001  the rest is packed all the same
            found = {"could not be had": f"{type(exc).__name__}: {exc}"}
        plain = redacted_value("", msgspec.to_builtins(found, enc_hook=str))
        yield f"{name}.json", msgspec.json.format(msgspec.json.encode(plain), indent=2)
    for name, lines in _logs(settings):
        yield f"logs/{name}", lines


def _logs(settings: Settings) -> Iterator[tuple[str, bytes]]:
    """The newest lines, oldest file first, filtered again: a secret may be known now that was not then."""
    left, chosen = MOST_LOG_BYTES, []
    for path in reversed(files_of(settings.logs_dir)):
        if left <= 0:
            break
        try:
            raw = read(path)[-left:]
        except OSError:
            continue  # it went while we looked
        left -= len(raw)
        chosen.append((path.name, redacted(raw.decode("utf-8", "replace")).encode()))
    yield from reversed(chosen)


def _about(settings: Settings) -> dict[str, Any]:
    return {
        "made_at": datetime.now(UTC),
        "studio": studio_version(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "passport": passport.read(settings),
    }


def _settings(settings: Settings) -> dict[str, Any]:
    values = {name: getattr(settings, name) for name in settings.__struct_fields__ if name not in PRIVATE}
    return {
        "values": values,
        "set_in_environment": sorted(name for name in os.environ if name.startswith(OURS)),
    }


def _machine(settings: Settings) -> dict[str, Any]:
    limits = {}
    for name in ("memory.max", "memory.current", "pids.max", "pids.current", "cpu.max"):
        path = Path("/sys/fs/cgroup") / name
        limits[name] = path.read_text().strip() if path.exists() else None
    disk = psutil.disk_usage(str(settings.workspace))
    return {
        "processors": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "free_memory_bytes": free_memory_bytes(),
        "load": os.getloadavg(),
        "up_since": datetime.fromtimestamp(psutil.boot_time(), UTC),
        "cgroup": limits,
        "volume": {"total_bytes": disk.total, "free_bytes": disk.free},
        "mounts": [f"{part.fstype} at {part.mountpoint}" for part in psutil.disk_partitions()],
    }


def _processes(settings: Settings) -> list[dict[str, Any]]:
    root = psutil.Process(int((settings.run_dir / "supervisord.pid").read_text()))
    found = []
    for process in [root, *root.children(recursive=True)]:
        try:
            with process.oneshot():
                times = process.cpu_times()
                found.append(
                    {
                        "pid": process.pid,
                        "command": " ".join(process.cmdline())[:200],
                        "memory_bytes": process.memory_info().rss,
                        "processor_s": round(times.user + times.system, 2),
                        "threads": process.num_threads(),
                    }
                )
        except psutil.Error:
            continue
    return found


def _health(settings: Settings) -> Any:
    """Every fact that needs the database, asked by the program that may."""
    done = handover.ask_admin(settings, "health", "--json", limit_s=ASK_LIMIT_S)
    if done.stdout:
        return msgspec.json.decode(done.stdout)
    return {"could not be had": done.stderr.decode("utf-8", "replace")[-2000:]}


EXHIBITS: Final[dict[str, Exhibit]] = {
    "about": _about,
    "status": gather,
    "doctor": examine,
    "health": _health,
    "settings": _settings,
    "keys": keys,
    "machine": _machine,
    "processes": _processes,
    "backups": lambda settings: Backups(settings.workspace).status(),
}
