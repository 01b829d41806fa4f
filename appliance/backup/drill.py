"""A drill: the newest backup is restored beside the live box and questioned; an untried backup is a hope.

It ends as proved, failed or could not run, and what could not run is never taken for proved. Nothing of the
live box is touched: the copy lies in a folder `drill`, and its Postgres listens on a private socket alone.
"""

import hashlib
import random
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import psycopg

from app.kit.backups import KEPT_DRILLS, Backups, Drill, DrillAnswer, Outcome
from app.kit.errors import StudioError
from app.kit.sealing import Place, master_key, unseal
from app.kit.settings import Settings
from app.kit.version import studio_version
from appliance import passport
from appliance.backup import manifest as manifests
from appliance.backup import questions
from appliance.backup.complaints import Locked, NoRepository, WrongPassword
from appliance.backup.dump import Dump, NoTools
from appliance.backup.entry import Entry
from appliance.backup.make import BLOBS, SPARE_BYTES
from appliance.backup.manifest import Manifest
from appliance.backup.plan import Plan, choose, read_manifest
from appliance.backup.questions import Connection
from appliance.backup.restic import Repository
from appliance.backup.revive import Bench, bench_at, revive, server_needed
from appliance.backup.scratch import NoServer
from appliance.backup.work import Watch, Work, working
from appliance.refusal import Refusal

SAMPLE_FILES: Final = 50
SAMPLE_BYTES: Final = 1024**3
LOOSE_SHARE: Final = 0.01  # of a table, where no quiet moment came to count it exactly

_FOREIGN_KEYS: Final = """
    SELECT c.conname, c.conrelid::regclass::text, c.confrelid::regclass::text,
           (SELECT string_agg(format('child.%I = parent.%I', a.attname, b.attname), ' AND ')
              FROM unnest(c.conkey, c.confkey) AS k(mine, theirs)
              JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.mine
              JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = k.theirs),
           (SELECT string_agg(format('child.%I IS NOT NULL', a.attname), ' AND ')
              FROM unnest(c.conkey) AS k(mine)
              JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.mine)
      FROM pg_constraint c
     WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace AND c.conparentid = 0
     ORDER BY 1
"""


class CannotRun(Refusal):
    """Nothing was found out about the backup."""


def drill(settings: Settings, watch: Watch | None = None) -> Drill:
    """Rehearse a restore and note what came of it. Raises Refusal only when somebody else is at work."""
    backups = Backups(settings.workspace)
    with working(backups, "drill", watch) as work:
        rehearsal = _Rehearsal(settings, work)
        outcome, sentence = rehearsal.judge()
        now = datetime.now(UTC)
        found = Drill(
            at=now,
            outcome=outcome,
            sentence=sentence,
            studio=studio_version(),
            snapshot=rehearsal.snapshot,
            restore_s=rehearsal.restore_s,
            answers=rehearsal.answers,
        )
        work.note(drills=[found, *backups.status().drills][:KEPT_DRILLS])
        if outcome == "proved":
            work.note(last_proved_at=now)
        else:
            work.fault = sentence
    return found


class _Rehearsal:
    """One drill under way."""

    def __init__(self, settings: Settings, work: Work) -> None:
        self._settings = settings
        self._work = work
        self._folder: Path | None = None
        self.snapshot: str | None = None
        self.restore_s: float | None = None
        self.answers: list[DrillAnswer] = []

    def judge(self) -> tuple[Outcome, str]:
        """Do all of it; how it ended, in words."""
        try:
            self._rehearse()
        except (CannotRun, Locked, NoServer, NoTools) as exc:
            return "could_not_run", exc.sentence
        except Refusal as exc:
            return "failed", exc.sentence
        except psycopg.Error as exc:
            return "failed", f"The restored database does not answer as it should: {str(exc).strip()}."
        except OSError as exc:
            return "could_not_run", f"The drill could not use the volume: {exc.strerror or exc}."
        finally:
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
        wrong = [answer.sentence for answer in self.answers if not answer.is_right]
        if wrong:
            return "failed", " ".join(wrong)
        return "proved", f"The backup was restored in {self.restore_s:.1f} s, and every answer was right."

    def _rehearse(self) -> None:
        repository, plan = self._reach()
        self._work.phase("Checking the repository")
        repository.check(every_byte=False)
        manifest = read_manifest(repository, plan.base)
        server_needed(manifest)
        self._folder = folder = bench_at(self._settings, "drill")
        _refuse_without_space(folder, manifest)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o755)
        began = time.monotonic()

        def ask(connection: Connection, _: Entry) -> list[str]:
            self.restore_s = round(time.monotonic() - began, 2)
            self._work.phase("Questioning the database")
            self.answers += [
                _schema(connection, manifest),
                _rows(connection, manifest),
                _foreign_keys(connection),
                _secret(connection, manifest, self._settings),
            ]
            return questions.blob_names(connection)

        bench = Bench(
            settings=self._settings,
            repository=repository,
            draft=folder,
            place=self._settings.run_dir / "drill",
            phase=self._work.phase,
        )
        _, named = revive(bench, plan, manifest, ask)
        self._work.phase("Reading some files")
        self.answers.append(_files(repository, plan, folder, named))

    def _reach(self) -> tuple[Repository, Plan]:
        """The repository and the newest backup in it. Raises CannotRun when it is out of reach or empty."""
        box = passport.read(self._settings)
        if box is None:
            raise CannotRun("There is no box here yet.")
        repository = Repository.of(self._settings, box.box_id)
        self._work.phase("Opening the repository")
        try:
            stored = repository.snapshots()
        except (WrongPassword, NoRepository):
            raise  # that is an answer
        except Refusal as exc:
            raise CannotRun(exc.sentence) from exc
        if not any(one.is_whole for one in stored):
            raise CannotRun("There is no backup yet to be proved. Make one: studio backup.")
        plan = choose(stored, None)
        self.snapshot = plan.base.id
        return repository, plan


def _refuse_without_space(folder: Path, manifest: Manifest) -> None:
    need_bytes = _room_bytes(manifest) + min(SAMPLE_BYTES, manifest.counted.blobs_bytes) + SPARE_BYTES
    free_bytes = shutil.disk_usage(folder.parent).free
    if free_bytes < need_bytes:
        raise CannotRun(
            f"A drill needs {need_bytes // 1024**2} MB free on the volume, and "
            f"{free_bytes // 1024**2} MB are. Make room, or a larger volume."
        )


def _files(repository: Repository, plan: Plan, folder: Path, named: list[str]) -> DrillAnswer:
    """Whether every file that the database names is there, and some of them read and hashed."""
    question = "files"
    stored = {Path(path).name: size for path, size in repository.list(plan.base.id, f"/{BLOBS}").items()}
    missing = [name for name in named if name not in stored]
    if missing:
        sentence = f"{len(missing)} of {len(named)} files are not in the backup, such as {missing[0]}."
        return DrillAnswer(question=question, is_right=False, sentence=sentence)
    sample = list(_sample(named, stored))
    if not sample:
        return DrillAnswer(question=question, is_right=True, sentence="The database names no file.")
    repository.restore(plan.base.id, folder, [f"/{BLOBS}/{name[:2]}/{name}" for name in sample])
    for name in sample:
        path = folder / BLOBS / name[:2] / name
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != name:
            return DrillAnswer(
                question=question, is_right=False, sentence=f"The file {name} holds other bytes."
            )
    sentence = f"All {len(named)} files are there; {len(sample)} of them were read and are right."
    return DrillAnswer(question=question, is_right=True, sentence=sentence)


def _room_bytes(manifest: Manifest) -> int:
    """What the restored database takes; a dump lies beside it until it is read in."""
    copy = manifest.database
    return copy.size_bytes + (copy.database_bytes if isinstance(copy, Dump) else 0)


def _schema(connection: Connection, manifest: Manifest) -> DrillAnswer:
    found, wanted = questions.schema_in(connection), manifest.counted.schema
    if found == wanted:
        return DrillAnswer(question="schema", is_right=True, sentence=f"The schema is {found}.")
    return DrillAnswer(question="schema", is_right=False, sentence=f"The schema is {found} and was {wanted}.")


def _rows(connection: Connection, manifest: Manifest) -> DrillAnswer:
    """Every table as long as when it was counted; a little off only where it could not be counted exactly."""
    found, wanted = questions.rows_in(connection), manifest.counted.rows

    def is_off(table: str) -> bool:
        before, after = wanted.get(table, 0), found.get(table, 0)
        allowed = 0 if manifest.counted.is_exact else max(100, before * LOOSE_SHARE)
        return table not in found or abs(before - after) > allowed

    off = [table for table in {**wanted, **found} if is_off(table)]
    if off:
        table = off[0]
        sentence = f"{table} has {found.get(table, 0):,} rows and had {wanted.get(table, 0):,}."
        return DrillAnswer(question="rows", is_right=False, sentence=sentence)
    about = "" if manifest.counted.is_exact else ", give or take what was being written"
    sentence = f"{sum(found.values()):,} rows in {len(found)} tables, as counted{about}."
    return DrillAnswer(question="rows", is_right=True, sentence=sentence)


def _foreign_keys(connection: Connection) -> DrillAnswer:
    """Whether every row that is referred to is there."""
    keys = connection.execute(_FOREIGN_KEYS).fetchall()
    for name, child, parent, match, is_set in keys:
        (orphans,) = questions.one(
            connection,
            f"SELECT count(*) FROM {child} child WHERE {is_set} "  # noqa: S608  names quoted by Postgres
            f"AND NOT EXISTS (SELECT FROM {parent} parent WHERE {match})",
        )
        if orphans:
            sentence = f"{orphans:,} rows of {child} refer to rows of {parent} that are not there ({name})."
            return DrillAnswer(question="references", is_right=False, sentence=sentence)
    return DrillAnswer(
        question="references", is_right=True, sentence=f"All {len(keys)} kinds of references hold."
    )


def _secret(connection: Connection, manifest: Manifest, settings: Settings) -> DrillAnswer:
    """Whether what is sealed opens with the key of this box."""
    question, encryption_key = "secrets", settings.keys.require("encryption_key")
    try:
        kept = manifests.open_keys(manifest, encryption_key)
        row = _organization_key(connection)
        if row is not None:
            unseal(master_key(encryption_key), row[1], Place("organization_keys", "wrapped", row[0]))
    except StudioError as exc:
        sentence = f"What is sealed in the backup does not open. {exc.detail}"
        return DrillAnswer(question=question, is_right=False, sentence=sentence)
    what = "the box's keys" if row is None else "the box's keys and an organization's key"
    return DrillAnswer(question=question, is_right=len(kept) > 0, sentence=f"Opened: {what}.")


def _organization_key(connection: Connection) -> tuple[UUID, str] | None:
    if not questions.has(connection, "organization_keys"):
        return None
    row = connection.execute("SELECT id, wrapped FROM organization_keys ORDER BY random() LIMIT 1").fetchone()
    return None if row is None else (row[0], row[1])


def _sample(named: list[str], sizes: dict[str, int]) -> Iterator[str]:
    """Some files by chance, no more bytes than are quickly read."""
    left_bytes = SAMPLE_BYTES
    for name in random.sample(named, min(SAMPLE_FILES, len(named))):
        if sizes[name] <= left_bytes:
            left_bytes -= sizes[name]
            yield name
