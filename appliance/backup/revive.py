"""The database of a backup, alive again for a while: beside the box to be questioned, or to stay."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from app.kit.backups import Backups
from app.kit.settings import Settings
from app.kit.volume import Mode
from appliance.backup import base, scratch, wal
from appliance.backup.entry import Entry
from appliance.backup.load import load
from appliance.backup.make import DUMP, STAGING, WAL
from appliance.backup.manifest import Manifest
from appliance.backup.plan import Plan, unreachable
from appliance.backup.questions import Connection
from appliance.backup.restic import Repository
from appliance.backup.scratch import EndsTooEarly, Scratch
from appliance.probing import holds_a_cluster, probe
from appliance.refusal import Refusal
from appliance.users import postgres_account

T = TypeVar("T")
Phase = Callable[[str], None]


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """Where backups are brought to life."""

    settings: Settings
    repository: Repository
    draft: Path  # what is fetched lies below
    place: Path  # a short path for a socket
    phase: Phase = lambda _: None
    mode: Mode = Mode.local  # where what stays is to live


def bench_at(settings: Settings, name: str) -> Path:
    """A folder where a cluster can live for a while: beside the backups, or on the machine's own disk where
    the volume lets nobody else own anything.
    """
    if holds_a_cluster(probe(settings, postgres_account(settings))):
        return Backups(settings.workspace).folder / name
    settings.storage_local.mkdir(mode=0o755, parents=True, exist_ok=True)
    return settings.storage_local / name


def server_needed(manifest: Manifest) -> int:
    """The major version of Postgres that this machine revives it with. Raises NoServer."""
    dump = manifest.dump
    return scratch.server_of(manifest.database.major) if dump is None else scratch.server_for(dump.major)


def revive(
    bench: Bench,
    plan: Plan,
    manifest: Manifest,
    ask: Callable[[Connection, Entry], T],
    copy_to: Path | None = None,
) -> tuple[Scratch, T]:
    """Bring the database of a backup to life, ask it, and stop it again. Raises Refusal.

    `copy_to`: there it leaves a base backup of what came to life.
    """

    def ask_and_copy(connection: Connection) -> T:
        found = ask(connection, restored.entry)
        if copy_to is not None:
            bench.phase("Copying it to the volume")
            base.take(restored, copy_to)
        return found

    data, dump = bench.draft / "base", manifest.dump
    restored = Scratch(bench.settings, data, bench.place, server_needed(manifest))
    if dump is not None:
        bench.phase("Fetching the database")
        file = fetch_dump(bench, plan)
        bench.phase("Reading the database in")
        with restored.filled(lambda entry: load(entry, file, dump)) as connection:
            found = ask_and_copy(connection)
        file.unlink()
        return restored, found
    bench.phase("Fetching the database")
    log = _fetch(bench, plan)
    bench.phase("Recovering the database")
    return restored, _recover(restored, log, plan, manifest, ask_and_copy)


def fetch_dump(bench: Bench, plan: Plan) -> Path:
    """Bring the dump. Raises Refusal."""
    bench.repository.restore(plan.base.id, bench.draft, [f"/{STAGING}/{DUMP}"])
    return bench.draft / STAGING / DUMP


def _fetch(bench: Bench, plan: Plan) -> Path:
    """Bring the files of the database and its log; gives the folder of the log."""
    bench.repository.restore(plan.base.id, bench.draft, [f"/{STAGING}/base", f"/{WAL}"])
    if plan.further is not None:
        bench.repository.restore(plan.further.id, bench.draft, [f"/{WAL}"])
    (bench.draft / WAL).mkdir(parents=True, exist_ok=True)
    # Out of the folders between, which are closed as they were: the user of Postgres has to pass.
    (bench.draft / STAGING / "base").rename(bench.draft / "base")
    return (bench.draft / WAL).rename(bench.draft / "wal")


def _recover(
    restored: Scratch, log: Path, plan: Plan, manifest: Manifest, ask: Callable[[Connection], T]
) -> T:
    """Recover the copy to its moment, ask it, and stop it again. Raises Refusal."""
    copy, lsn = manifest.base, manifest.counted.lsn
    if copy is None or lsn is None:
        raise Refusal(f"The manifest of backup {plan.base.id} is damaged.", exit_code=74)
    target = scratch.until_position(lsn) if plan.at is None else scratch.until_time(plan.at)
    try:
        with restored.recovered(log, target) as connection:
            return ask(connection)
    except EndsTooEarly:
        if plan.at is None:
            raise
        # A backup that was dropped took the log before it along, and recovery ends at such a gap.
        if not wal.leads_on(wal.kept(log), copy.timeline, copy.start_lsn):
            raise Refusal(unreachable(plan, plan.at), exit_code=74) from None
    # The log reaches that far without a gap, so nothing was committed after the moment: all of it is wanted.
    with restored.recovered(log, scratch.until_the_end()) as connection:
        return ask(connection)
