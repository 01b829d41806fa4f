"""restic: repositories that are encrypted before anything leaves the box, and hold the same bytes once.

Debian carries it (0.14 and 0.18). It is given its password in the environment, which no other user can read,
and dies with the program that called it.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Literal

import msgspec

from app.kit.backups import BackupSchedule
from app.kit.redaction import keep_secret
from app.kit.settings import Settings
from appliance.backup.complaints import FINAL, Locked, NoRepository, is_unclear, judged
from appliance.backup.remote import Remote
from appliance.process import minimal_environment
from appliance.refusal import Refusal
from appliance.users import as_account, myself

Kind = Literal["base", "dump", "log"]
Told = Callable[[float], None]

# Opening a repository takes seconds. Once something is amiss, 0.18 would try for a quarter of an hour.
PATIENCE_S = 180.0
PATIENCE_IN_TROUBLE_S = 30.0

_OWNER_REFUSED = re.compile(r"^ignoring error for .*: l?chown .*$", re.MULTILINE)


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """One snapshot in a repository."""

    id: str = msgspec.field(name="short_id")
    time: datetime  # in whole seconds
    tags: list[str] = []

    @property
    def moment(self) -> datetime:
        """Everything up to then is in it."""
        found = (tag.removeprefix("at-") for tag in self.tags if tag.startswith("at-"))
        return next((datetime.fromisoformat(moment) for moment in found), self.time)

    @property
    def kind(self) -> Kind:
        """A base backup with its log, a dump of a database elsewhere, or more of the log alone."""
        return "base" if "base" in self.tags else "dump" if "dump" in self.tags else "log"

    @property
    def is_whole(self) -> bool:
        """Whether a box can be restored from it alone."""
        return self.kind != "log"

    @property
    def line(self) -> str | None:
        """The life of the database it is of: a restore begins another one."""
        return next((tag for tag in self.tags if tag.startswith("line-")), None)


class Saved(msgspec.Struct, frozen=True):
    """What a save added."""

    id: str
    added_bytes: int


class _News(msgspec.Struct, frozen=True):
    message_type: str = ""
    percent_done: float = 0.0
    snapshot_id: str = ""
    data_added: int = 0


class Repository:
    """One repository, with what opens it."""

    def __init__(
        self,
        address: str,
        password: str,
        box_id: str,
        cache: Path | None = None,
        remote: Remote | None = None,
    ) -> None:
        self.address = address
        self._remote = remote
        self._host = f"--host={box_id}"  # two boxes may share one, and never touch each other's
        self._password = password
        # A folder is its own cache.
        self._cache = None if address.startswith("/") else cache
        keep_secret(password, *(remote.secrets() if remote else []))

    @classmethod
    def of(cls, settings: Settings, box_id: str) -> "Repository":
        """The one this box writes to."""
        cache = settings.workspace / "backups" / "cache"
        remote = Remote(settings)
        return cls(settings.backup_repository, settings.repository_password, box_id, cache, remote)

    @property
    def shown(self) -> str:
        """The address without a name and password in it."""
        return re.sub(r"//[^/@]*@", "//", self.address)

    def prepare(self) -> list[Stored]:
        """Make it where there is none; what is in it, newest first. Raises Refusal."""
        try:
            return self.snapshots()
        except NoRepository:
            if self.address.startswith("/"):
                Path(self.address).mkdir(parents=True, exist_ok=True, mode=0o700)
            self._run(["init"], is_brief=True)
            return []

    def snapshots(self) -> list[Stored]:
        """All that is in it, newest first. Raises Refusal."""
        found = msgspec.json.decode(
            self._run(["snapshots", "--json", "--no-lock", self._host], is_brief=True), type=list[Stored]
        )
        return sorted(found, key=lambda stored: stored.moment, reverse=True)

    def save(
        self,
        folder: Path,
        paths: Sequence[str],
        *,
        moment: datetime,
        tags: Sequence[str],
        parent: str | None,
        told: Told,
    ) -> Saved:
        """Put `paths` below `folder` into it, as of `moment`. Raises Refusal if any file cannot be read."""
        # Names with a dot are drafts, which come and go; the path of the folder itself may have some.
        top = re.sub(r"([\\*?\[])", r"\\\1", str(folder.resolve()))
        command = [
            "backup",
            "--json",
            f"--exclude={top}/**/.*",
            self._host,
            f"--time={moment.astimezone():%Y-%m-%d %H:%M:%S}",
        ]
        command += [f"--tag={tag}" for tag in (*tags, f"at-{moment.isoformat()}")]
        command += [f"--parent={parent}"] if parent else []
        last = _News()

        def hear(line: bytes) -> None:
            nonlocal last
            news = msgspec.json.decode(line, type=_News)
            if news.message_type == "status":
                told(news.percent_done)
            elif news.message_type == "summary":
                last = news

        try:
            self._run([*command, *paths], folder, hear)
        except Refusal:
            if last.snapshot_id:  # all but the files that could not be read: no backup
                self.remove([last.snapshot_id])
            raise
        return Saved(last.snapshot_id[:8], last.data_added)

    def read(self, snapshot: str, path: str) -> bytes:
        """One file of a snapshot. Raises Refusal."""
        return self._run(["dump", "--no-lock", snapshot, path])

    def restore(self, snapshot: str, target: Path, paths: Sequence[str]) -> None:
        """Put these folders or files of a snapshot below `target`. Raises Refusal if anything is damaged.

        Whose they are is for the caller to say; a volume without owners refuses restic's own try.
        """
        command = ["restore", snapshot, f"--target={target}", *(f"--include={path}" for path in paths)]
        self._run(command, spares=_OWNER_REFUSED)

    def list(self, snapshot: str, path: str) -> dict[str, int]:
        """The files below a folder of a snapshot, with their sizes. Raises Refusal."""
        found = {}
        for line in self._run(["ls", "--json", "--no-lock", "--recursive", snapshot, path]).splitlines():
            entry = msgspec.json.decode(line)
            if entry.get("type") == "file":
                found[entry["path"]] = entry.get("size", 0)
        return found

    def forget(self, schedule: BackupSchedule) -> None:
        """Drop what the schedule no longer keeps, and the space nobody else needs. Raises Refusal."""
        keep = [f"--keep-within={schedule.days}d", f"--keep-daily={schedule.days}"]
        keep += [f"--keep-weekly={schedule.weeks}", f"--keep-monthly={schedule.months}"]
        self._run(["forget", self._host, "--tag=base", "--tag=dump", "--group-by=host", *keep, "--prune"])

    def forget_log(self) -> None:
        """More log replaces less; the one before stays for whoever restores it now. Raises Refusal."""
        self._run(["forget", self._host, "--tag=log", "--group-by=host", "--keep-last=2"])

    def remove(self, snapshots: Sequence[str]) -> None:
        """Drop these snapshots."""
        self._run(["forget", *snapshots])

    def check(self, *, every_byte: bool) -> None:
        """Whether all is there and as long as it should be, or every byte of it right. Raises Refusal."""
        self._run(["check", *(["--read-data"] if every_byte else [])])

    def size_bytes(self) -> int:
        """What it takes, encrypted. Raises Refusal."""
        if self.address.startswith("/"):
            return sum(path.stat().st_size for path in Path(self.address).rglob("*") if path.is_file())
        said = msgspec.json.decode(self._run(["stats", "--json", "--no-lock", "--mode=raw-data"]))
        return int(said["total_size"])

    def _run(
        self,
        command: Sequence[str],
        folder: Path = Path("/"),
        hear: Callable[[bytes], None] | None = None,
        spares: re.Pattern[str] | None = None,
        *,
        is_brief: bool = False,
    ) -> bytes:
        """What it prints; line by line to `hear` if there is one. `is_brief` has an end.

        Raises Refusal, but not for errors that `spares` fits.
        """
        try:
            return self._run_once(command, folder, hear, spares, is_brief=is_brief)
        except Locked:
            # Whoever held it was killed: there is one of us at a time, and this takes away dead ones' only.
            self._run_once(["unlock"], folder, is_brief=True)
            return self._run_once(command, folder, hear, spares, is_brief=is_brief)

    def _run_once(
        self,
        command: Sequence[str],
        folder: Path,
        hear: Callable[[bytes], None] | None = None,
        spares: re.Pattern[str] | None = None,
        *,
        is_brief: bool = False,
    ) -> bytes:
        said = b""
        with TemporaryFile() as complaints, self._started(command, folder, complaints) as child:
            watch = _Patience(child, complaints) if is_brief else contextlib.nullcontext()
            try:
                with watch:
                    for line in child.stdout or ():
                        if hear is None:
                            said += line
                        else:
                            hear(line)
                    code = child.wait()
            except BaseException:
                child.kill()
                raise
            complaint = _said(complaints)
        # 0.14 may end with 0 after a file could not be brought back whole; it says so, though.
        if (code != 0 or "ignoring error" in complaint) and not _is_spared(complaint, spares):
            if self._remote is not None and is_unclear(complaint):
                complaint = self._remote.reason(self.address) + complaint
            raise judged(complaint, self.address, self.shown)
        return said

    def _started(
        self, command: Sequence[str], folder: Path, complaints: IO[bytes]
    ) -> "subprocess.Popen[bytes]":
        program = shutil.which("restic")
        if program is None:
            raise Refusal(
                "Backups need restic, which is not installed here. Install Debian's package “restic”."
            )
        cache = ["--no-cache"] if self._cache is None else [f"--cache-dir={self._cache}"]
        options = self._remote.options(self.address) if self._remote else []
        environment = minimal_environment(myself().home)
        environment |= self._remote.environment() if self._remote else {}
        environment |= {"RESTIC_REPOSITORY": self.address, "RESTIC_PASSWORD": self._password}
        return subprocess.Popen(
            # SIGINT: it takes its own lock away before it goes.
            as_account(myself(), [program, *cache, *options, *command], death_signal=signal.SIGINT),
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            start_new_session=True,  # a Ctrl-C is for who called it
        )


class _Patience:
    """Ends a brief command that gets nowhere, and adds why to what it complained about."""

    def __init__(self, child: "subprocess.Popen[bytes]", complaints: IO[bytes]) -> None:
        self._child = child
        self._complaints = complaints
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        began = time.monotonic()
        troubled: float | None = None
        while not self._is_over.wait(0.1):
            now, complaint = time.monotonic(), _said(self._complaints)
            if "retrying" in complaint:
                troubled = troubled or now
            is_long = now - began > PATIENCE_S or (troubled and now - troubled > PATIENCE_IN_TROUBLE_S)
            if is_long or FINAL.search(complaint):
                # ssh and rclone with it: they would keep its output open.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._child.pid, signal.SIGKILL)
                if not troubled:
                    os.pwrite(
                        self._complaints.fileno(), b"\nError: it did not answer", len(complaint.encode())
                    )
                return


def _is_spared(complaint: str, spares: re.Pattern[str] | None) -> bool:
    """Whether there were no errors but those."""
    spared = 0 if spares is None else len(spares.findall(complaint))
    return spared > 0 and re.findall(r"There were (\d+) errors", complaint) == [str(spared)]


def _said(complaints: IO[bytes]) -> str:
    """All of it so far, wherever whoever writes it is."""
    size_bytes = os.fstat(complaints.fileno()).st_size
    return os.pread(complaints.fileno(), size_bytes, 0).decode(errors="replace")
