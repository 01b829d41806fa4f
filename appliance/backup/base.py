"""A base backup: the files of the running cluster and the log that makes them one consistent moment."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from appliance.files import sync_folder
from appliance.postgres import SUPERUSER
from appliance.process import complaint_in, minimal_environment
from appliance.refusal import Refusal
from appliance.users import as_account, myself

Told = Callable[[float], None]  # how much is done, from 0 to 1

_PROGRESS = re.compile(rb"\((\d+)%\)")


class Server(Protocol):
    """A running Postgres, or its programs alone."""

    socket_dir: Path

    def binary(self, name: str) -> Path:
        """Where one of its programs is."""
        ...


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """A base backup as it lies in a folder; the log from `start_lsn` to `end_lsn` is in its `pg_wal`."""

    major: int
    timeline: int
    start_lsn: str
    end_lsn: str  # the first moment it can be recovered to
    size_bytes: int


class _Range(msgspec.Struct, frozen=True):
    timeline: int = msgspec.field(name="Timeline")
    start: str = msgspec.field(name="Start-LSN")
    end: str = msgspec.field(name="End-LSN")


class _File(msgspec.Struct, frozen=True):
    size: int = msgspec.field(name="Size")


class _Manifest(msgspec.Struct, frozen=True):
    ranges: list[_Range] = msgspec.field(name="WAL-Ranges")
    files: list[_File] = msgspec.field(name="Files")


def take(cluster: Server, target: Path, told: Told = lambda _: None, *, is_durable: bool = True) -> Base:
    """Copy the running cluster into the new folder `target`, with its log, and check every file of it.

    Nothing is stopped or locked. The cluster may be anywhere; `target` needs neither owners nor modes, and
    belongs to whoever calls. What stands at `target` is removed first. Raises Refusal: then nothing is there.
    `is_durable=False` saves a flush a file, for a copy that a power cut may take.
    """
    shutil.rmtree(target, ignore_errors=True)
    try:
        _copy(cluster, target, told, is_durable)
        return check(cluster, target)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


def check(cluster: Server, folder: Path) -> Base:
    """Every file against the manifest, and the log for being whole. Raises Refusal when the copy is no good.

    `cluster` says only whose programs to use.
    """
    done = subprocess.run(
        [str(cluster.binary("pg_verifybackup")), "--exit-on-error", "--quiet", str(folder)],
        capture_output=True,
        text=True,
        env=minimal_environment(myself().home),
        cwd="/",
        check=False,
    )
    if done.returncode != 0:
        raise Refusal(f"The copy of the database is damaged: {complaint_in(done.stderr)}.", exit_code=74)
    return describe(folder)


def describe(folder: Path) -> Base:
    """What a base backup says about itself, without looking at its files."""
    manifest = msgspec.json.decode((folder / "backup_manifest").read_bytes(), type=_Manifest)
    first, last = manifest.ranges[0], manifest.ranges[-1]
    return Base(
        major=int((folder / "PG_VERSION").read_text()),
        timeline=last.timeline,
        start_lsn=first.start,
        end_lsn=last.end,
        size_bytes=sum(file.size for file in manifest.files),
    )


def _copy(cluster: Server, target: Path, told: Told, is_durable: bool) -> None:
    command = [
        str(cluster.binary("pg_basebackup")),
        *("--no-password", f"--host={cluster.socket_dir}", f"--username={SUPERUSER}"),
        *(f"--pgdata={target}", "--format=plain", "--checkpoint=fast", "--progress"),
        # By a slot of its own, so that no segment the copy needs is recycled while it is made.
        "--wal-method=stream",
        *([] if is_durable else ["--no-sync"]),
    ]
    child = subprocess.Popen(
        as_account(myself(), command, death_signal=signal.SIGTERM),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=minimal_environment(myself().home),
        cwd="/",
    )
    said = b""
    try:
        while child.stderr and (chunk := os.read(child.stderr.fileno(), 4096)):
            said = (said + chunk)[-8192:]
            if found := _PROGRESS.findall(chunk):
                told(min(1.0, int(found[-1]) / 100))
        child.wait()
    except BaseException:
        child.kill()
        child.wait()
        raise
    if child.returncode != 0:
        raise Refusal(
            f"The database could not be copied: {complaint_in(said.decode(errors='replace'))}.", exit_code=74
        )
    if is_durable:
        sync_folder(target.parent)
    told(1.0)
