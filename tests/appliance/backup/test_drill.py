"""A drill proves, fails or could not run, and each says what it means; nothing else passes for a proof."""

from pathlib import Path

import msgspec
import pytest

from app.kit.backups import Backups, Drill, Snapshot
from app.kit.settings import Settings
from appliance.backup import drill as drilling
from appliance.backup import manifest
from appliance.backup.drill import drill
from appliance.backup.make import make
from appliance.postgres import DATABASE, Cluster
from tests.appliance.backup.things import add, settings_in

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def made(box: Settings, cluster: Cluster) -> Snapshot:
    """A backup that somebody made."""
    return make(box)


def wrong_answers(found: Drill) -> list[str]:
    return [answer.question for answer in found.answers if not answer.is_right]


def test_a_good_backup_is_proved_beside_the_running_box(
    box: Settings, cluster: Cluster, made: Snapshot
) -> None:
    add(box, cluster, "after the backup")

    found = drill(box)

    assert (found.outcome, found.snapshot, wrong_answers(found)) == ("proved", made.id, [])
    questions = {"schema", "rows", "references", "secrets", "files"}
    assert {answer.question for answer in found.answers} == questions
    assert found.restore_s is not None and found.restore_s > 0
    status = Backups(box.workspace).status()
    assert status.last_proved_at == found.at
    assert status.drills[0] == found
    assert status.failure is None
    assert not (Backups(box.workspace).folder / "drill").exists()
    assert cluster.ready()


def test_rows_references_and_files_that_are_not_right_fail_it(
    box: Settings, cluster: Cluster, made: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    proved_at = Backups(box.workspace).status().last_proved_at
    name = add(box, cluster, "lost")
    # What a damaged table would look like.
    cluster.run_sql(
        "SET session_replication_role = replica; INSERT INTO things (name, sha256) VALUES ('orphan', 'none')",
        DATABASE,
    )
    file = box.blobs_dir / name[:2] / name
    whole = file.read_bytes()
    file.unlink()
    count = manifest.count

    def miscount(of: Cluster) -> manifest.Counted:
        counted = count(of)
        return msgspec.structs.replace(counted, rows={**counted.rows, "things": counted.rows["things"] + 1})

    monkeypatch.setattr(manifest, "count", miscount)
    make(box)
    file.write_bytes(whole)

    found = drill(box)

    assert found.outcome == "failed"
    assert wrong_answers(found) == ["rows", "references", "files"]
    assert name in found.sentence
    status = Backups(box.workspace).status()
    assert status.last_proved_at == proved_at
    assert status.failure is not None and status.failure.what == "drill"


def test_a_truncated_pack_or_another_password_fails_it(box: Settings, made: Snapshot, tmp_path: Path) -> None:
    packs = [path for path in (Path(box.backup_repository) / "data").rglob("*") if path.is_file()]
    pack = max(packs, key=lambda path: path.stat().st_size)
    whole = pack.read_bytes()
    pack.chmod(0o600)
    pack.write_bytes(whole[: len(whole) // 2])
    found = drill(box)
    pack.write_bytes(whole)
    assert (found.outcome, found.restore_s) == ("failed", None)

    found = drill(msgspec.structs.replace(box, backup_password="another one"))
    assert found.outcome == "failed"
    assert "its password is another one" in found.sentence


def test_what_could_not_run_is_no_proof(
    box: Settings, made: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = settings_in(tmp_path, STUDIO_BACKUP_REPOSITORY="rest:http://127.0.0.1:1/")
    found = drill(fresh)
    assert (found.outcome, found.answers) == ("could_not_run", [])
    assert Backups(fresh.workspace).status().last_proved_at is None
    assert Backups(fresh.workspace).status().failure is not None

    monkeypatch.setattr(drilling, "SPARE_BYTES", 1 << 60)
    found = drill(box)
    assert found.outcome == "could_not_run"
    assert "MB free on the volume" in found.sentence
    monkeypatch.setenv("PATH", str(tmp_path))
    found = drill(box)
    assert found.outcome == "could_not_run"
    assert "restic, which is not installed" in found.sentence
