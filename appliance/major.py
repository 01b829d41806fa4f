"""A database that moves to a newer major version of Postgres: written down by the old one, read by the new.

A boot that finds a cluster of an older version whose server stands here for that (the image has Debian 12's)
starts it once more and writes the database down, makes a new cluster and reads it in. Where that server is
not, `studio dump` writes it on a machine that has it, with the box stopped, and the next boot finds the dump.
The old cluster stays until a backup made after the move has been proved. A dump says of which state it is:
once the old cluster has run again it is out of date, and refused.
"""

import os
import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from app.kit.backups import Backups
from app.kit.log import get_logger
from app.kit.settings import Settings
from appliance.backup.line import begin_line
from appliance.files import FolderLock, sync_folder, write_atomically
from appliance.postgres import (
    DATABASE,
    Cluster,
    control_hash,
    dump_path,
    dumped_state,
    installed,
    moving_mark,
)
from appliance.process import complaint_in
from appliance.refusal import Refusal
from appliance.storage import make_folder, prepare
from appliance.users import myself

log = get_logger(__name__)

RECOVERY_PATIENCE_S = 3600.0  # the old server may have been killed and have a day's log to replay


class Dumped(msgspec.Struct, frozen=True, kw_only=True):
    """What `studio dump` says."""

    file: str
    major: int
    size_bytes: int
    took_s: float


def dump(settings: Settings) -> Dumped:
    """Write the database of a stopped box to `backups/`. Raises Refusal: then no dump is there."""
    began = time.monotonic()
    if not settings.database.embedded:
        raise Refusal(
            "The database is elsewhere (DATABASE_URL), and its provider brings it to a newer Postgres. "
            "A backup has it as a dump: studio backup."
        )
    lock = FolderLock(settings.workspace)
    lock.take()
    try:
        prepare(settings)
        cluster = Cluster(settings)
        if not (cluster.data / "PG_VERSION").exists():
            raise Refusal(f"There is no database in {settings.workspace}; set WORKSPACE_PATH to the box's.")
        path = _write_down(settings, cluster)
        return Dumped(
            file=str(path),
            major=cluster.major,
            size_bytes=path.stat().st_size,
            took_s=round(time.monotonic() - began, 1),
        )
    finally:
        lock.release()


def _write_down(settings: Settings, cluster: Cluster) -> Path:
    """Start this cluster once more and write its database to `backups/`; where. Raises Refusal."""
    path = dump_path(settings, cluster.major)
    make_folder(Backups(settings.workspace).folder, myself(), 0o755)
    for old in (path, path.with_suffix(".state")):
        old.unlink(missing_ok=True)
    cluster.prepare()
    try:
        cluster.start_server(RECOVERY_PATIENCE_S)
        draft = path.with_name(f".{path.name}")
        _run(cluster, "pg_dump", ["--format=custom", f"--dbname={DATABASE}"], into=draft)
    finally:
        cluster.stop()
    draft.replace(path)
    sync_folder(path.parent)
    write_atomically(path.with_suffix(".state"), control_hash(cluster.data).encode())
    return path


class Move:
    """The move of one volume to the major version of this machine."""

    def __init__(self, settings: Settings, cluster: Cluster, former: Path) -> None:
        self._settings = settings
        self._cluster = cluster
        self._former = former
        self._mark = moving_mark(cluster.data)

    @classmethod
    def due(cls, settings: Settings, cluster: Cluster) -> "Move | None":
        """The move to make before this cluster serves; None when it is made, or there is nothing to move."""
        former = _former(cluster)
        if former is None or (
            (cluster.data / "PG_VERSION").exists() and not moving_mark(cluster.data).exists()
        ):
            return None
        if not dumped_state(settings, former) and int(former.name) not in installed():
            raise Refusal(_stale(former))
        return cls(settings, cluster, former)

    def begin(self) -> None:
        """Before the new cluster is made; one that was not filled to its end is begun again."""
        self._cluster.make_root()
        shutil.rmtree(self._cluster.data, ignore_errors=True)
        if not dumped_state(self._settings, self._former):
            self._refuse_without_space()
            log.info(
                "writing down the database of an older Postgres", action="major_dump", old=self._former.name
            )
            _write_down(self._settings, Cluster(self._settings, former=int(self._former.name)))
        write_atomically(self._mark, b"")
        # Segments of the new cluster have the same names, and none that is there is ever replaced.
        backups = Backups(self._settings.workspace)
        shutil.rmtree(backups.wal, ignore_errors=True)
        begin_line(backups)

    def finish(self) -> str:
        """When it serves and has its roles: read everything in, whole or not at all."""
        path = dump_path(self._settings, int(self._former.name))
        arguments = ["--single-transaction", "--exit-on-error", f"--dbname={DATABASE}"]
        with path.open("rb") as file:
            _run(self._cluster, "pg_restore", arguments, source=file.fileno())
        # Plans want to know the data; pg_restore brings no statistics.
        self._cluster.run_sql("ANALYZE", DATABASE)
        moved_at = datetime.now(UTC).isoformat()
        write_atomically(self._former.with_name(f"{self._former.name}.moved"), moved_at.encode())
        self._mark.unlink()
        Backups(self._settings.workspace).wish(
            "backup"
        )  # no moment after those of the old one can be reached
        log.info("the database has moved to a newer Postgres", action="major_moved", old=self._former.name)
        return f"moved from Postgres {self._former.name}"

    def _refuse_without_space(self) -> None:
        """The new cluster stands beside the old one for some days, and the dump beside both."""
        size_bytes = sum(path.stat().st_size for path in self._former.rglob("*") if path.is_file())
        need_bytes = size_bytes * 3 // 2
        free_bytes = shutil.disk_usage(self._settings.workspace).free
        if free_bytes < need_bytes:
            raise Refusal(
                f"The database of Postgres {self._former.name} moves to {self._cluster.major}, which takes "
                f"{need_bytes // 1024**2} MB of room; {free_bytes // 1024**2} MB are free. Make room and "
                "start again; nothing was changed.",
                exit_code=74,
            )


def forget_former(settings: Settings, cluster: Cluster) -> bool:
    """Remove the old cluster and its dump once a backup made after the move has been proved."""
    former = _former(cluster)
    note = former.with_name(f"{former.name}.moved") if former else None
    if former is None or note is None or not note.exists():
        return False
    moved_at = datetime.fromisoformat(note.read_text().strip())
    status = Backups(settings.workspace).status()
    if status.last_proved_at is None or not any(
        moved_at < snapshot.made_at <= status.last_proved_at for snapshot in status.snapshots
    ):
        return False
    if not dumped_state(settings, former):
        log.warning(
            "the database of the former Postgres is kept: it is not as it was when it was written down",
            action="former_kept",
            old=former.name,
        )
        return False
    shutil.rmtree(former)
    path = dump_path(settings, int(former.name))
    for left in (path, path.with_suffix(".state"), note):
        left.unlink(missing_ok=True)
    log.info("the database of the former Postgres is removed", action="former_removed", old=former.name)
    return True


def _former(cluster: Cluster) -> Path | None:
    """The cluster of the newest older version beside this one."""
    older = [
        path.parent
        for path in cluster.data.parent.glob("*/PG_VERSION")
        if path.parent.name.isdigit() and int(path.parent.name) < cluster.major
    ]
    return max(older, key=lambda path: int(path.name), default=None)


def _stale(former: Path) -> str:
    return (
        f"The dump of the database of Postgres {former.name} is missing or older than the database. On a "
        f"machine with postgresql-{former.name}, stop the box and run `studio dump` again."
    )


def _run(
    cluster: Cluster,
    name: str,
    arguments: list[str],
    *,
    into: Path | None = None,
    source: int = subprocess.DEVNULL,
) -> None:
    """A program of Postgres as its superuser, its output into a file. Raises Refusal with its last words."""
    path, flags = Path("/dev/null"), os.O_WRONLY
    if into is not None:  # the whole database: for nobody else, and not through a link
        into.unlink(missing_ok=True)
        path, flags = into, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags | os.O_CLOEXEC, 0o600), "wb") as output:
        done = subprocess.run(
            cluster.tool(name, *arguments),
            stdin=source,
            stdout=output,
            stderr=subprocess.PIPE,
            env=cluster.environment(),
            cwd="/",
            check=False,
        )
        if into is not None:
            os.fsync(output.fileno())  # its state is told to be whole by another file
    if done.returncode != 0:
        if into is not None:
            into.unlink(missing_ok=True)
        said = complaint_in(done.stderr.decode(errors="replace"))
        raise Refusal(f"{name} could not do its work: {said}.", exit_code=74)
