"""A rehearsed upgrade: the newest backup is restored beside the live box, and this version migrates the copy.

It answers what nobody knows before: whether the migrations work on these very rows, and how long they take.
Nothing of the live box is touched, and nothing is left behind.
"""

import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import msgspec

from app.kit.backups import KEPT_REHEARSALS, Backups, Rehearsal
from app.kit.settings import KEY_NAMES, Settings
from app.kit.version import studio_version
from appliance import keys, passport
from appliance.backup.dump import Dump
from appliance.backup.entry import Entry
from appliance.backup.make import SPARE_BYTES
from appliance.backup.plan import choose, read_manifest
from appliance.backup.questions import Connection, schema_in
from appliance.backup.restic import Repository
from appliance.backup.revive import Bench, bench_at, revive, server_needed
from appliance.backup.work import Watch, working
from appliance.crew import CODE, program_environment
from appliance.files import write_atomically
from appliance.postgres import DATABASE, OWNER, SUPERUSER
from appliance.refusal import Refusal
from appliance.users import as_account, myself


def rehearse(settings: Settings, watch: Watch | None = None) -> Rehearsal:
    """Restore, migrate, tell. Raises Refusal when it could not be tried."""
    box = passport.read(settings)
    if box is None:
        raise Refusal(f"There is no box at {settings.workspace} yet. Start it once with `studio boot`.")
    backups = Backups(settings.workspace)
    folder: Path | None = None
    with working(backups, "check", watch) as work:
        try:
            work.phase("Opening the repository")
            repository = Repository.of(settings, box.box_id)
            plan = choose(repository.snapshots(), None)
            manifest = read_manifest(repository, plan.base)
            copy = manifest.database
            server_needed(manifest)
            folder = bench_at(settings, "rehearsal")
            _refuse_without_space(
                folder.parent, copy.database_bytes if isinstance(copy, Dump) else copy.size_bytes
            )
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o755)
            began = time.monotonic()
            place = settings.run_dir / "rehearsal"

            def try_it(connection: Connection, _: Entry) -> Rehearsal:
                restored_s = time.monotonic()
                work.phase("Migrating the copy")
                complaint = _migrate(settings, place)
                took_s = time.monotonic() - restored_s
                before, after = manifest.counted.schema, schema_in(connection)
                how = f"from {before} to {after}" if before != after else f"already at {after}"
                return Rehearsal(
                    at=datetime.now(UTC),
                    is_right=complaint is None,
                    sentence=complaint or f"The copy was brought {how} in {took_s:.1f} s.",
                    studio=studio_version(),
                    snapshot=plan.base.id,
                    moment=manifest.counted.moment,
                    before=before,
                    after=after,
                    restore_s=round(restored_s - began, 2),
                    migrate_s=round(took_s, 2),
                )

            bench = Bench(
                settings=settings, repository=repository, draft=folder, place=place, phase=work.phase
            )
            found = revive(bench, plan, manifest, try_it)[1]
            kept = [found, *backups.rehearsals()][:KEPT_REHEARSALS]
            write_atomically(backups.rehearsed, msgspec.json.encode(kept), 0o644)
            return found
        finally:
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)


def _migrate(settings: Settings, place: Path) -> str | None:
    """Run the migrations as the owner of the tables; None when they worked, else why not."""
    role = quote(f"-c role={OWNER}", safe="")
    url = f"postgresql://{SUPERUSER}@/{DATABASE}?host={quote(str(place), safe='')}&options={role}"
    command = [sys.executable, "-m", "app.migrations", "upgrade"]
    done = subprocess.run(
        as_account(myself(), command, death_signal=signal.SIGTERM),
        env=keys.handed(program_environment(settings), settings, KEY_NAMES) | {"DATABASE_URL": url},
        cwd=CODE,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return None
    said = [line for line in done.stdout.splitlines() if line.strip()]
    errors = [line for line in said if "Error" in line or "ERROR" in line] or said[-1:]
    return (
        f"The migrations do not work on the copy: {errors[-1].strip() if errors else 'no reason was given'}"
    )


def _refuse_without_space(disk: Path, size_bytes: int) -> None:
    need_bytes = 2 * size_bytes + SPARE_BYTES
    free_bytes = shutil.disk_usage(disk).free
    if free_bytes < need_bytes:
        raise Refusal(
            f"A rehearsal needs {need_bytes // 1024**2} MB free on the volume, and "
            f"{free_bytes // 1024**2} MB are. Make room, or a larger volume.",
            exit_code=75,
        )
