"""What a volume must be able to do, who may use it, and what it is allowed to hold."""

import os
import resource
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from app.kit.settings import Settings, load_settings
from app.kit.volume import Mode, Probe
from app.resources.infrastructure import survey
from appliance import keys, passport, probing, storage
from appliance.files import FolderLock
from appliance.limits import FEWEST_OPEN_FILES, cpu_count, raise_open_files, refuse_few_tasks
from appliance.refusal import Refusal
from appliance.users import give, myself, service_account

GOOD = Probe(
    file_system="ext4",
    keeps_modes=True,
    keeps_owners=True,
    locks=True,
    renames=True,
    maps=True,
    fsync_s=0.001,
)
# RunPod's network volume: chmod says yes and does nothing, chown is refused.
LOOSE = msgspec.structs.replace(GOOD, file_system="fuse", keeps_modes=False, keeps_owners=False)
KEYS = {
    "JWT_SECRET_KEY": "k" * 32,
    "WORKER_SHARED_SECRET": "k" * 32,
    "POSTGRES_PASSWORD": "k" * 32,
    "ENCRYPTION_KEY": "k" * 32,
}


def settings_in(folder: Path, **env: str) -> Settings:
    return load_settings({"WORKSPACE_PATH": str(folder / "ws"), "STUDIO_RUN_DIR": str(folder / "run"), **env})


def test_an_ordinary_folder_can_do_everything_and_is_left_as_it_was(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    storage.make_workspace(settings)
    (settings.workspace / "mine.txt").write_text("a person's file")

    found = probing.probe(settings)

    assert found.sentence().endswith("ms")
    assert (found.keeps_modes, found.locks, found.renames, found.maps) == (True, True, True, True)
    probing.judge(found, settings, Mode.local)
    assert [path.name for path in settings.workspace.iterdir()] == ["mine.txt"]


def test_a_volume_without_private_files_wants_keys_and_database_from_outside(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refused:
        probing.judge(LOOSE, settings_in(tmp_path), Mode.local)
    assert "set DATABASE_URL" in refused.value.sentence
    assert (
        "Set JWT_SECRET_KEY, WORKER_SHARED_SECRET, POSTGRES_PASSWORD, ENCRYPTION_KEY"
        in refused.value.sentence
    )

    probing.judge(LOOSE, settings_in(tmp_path, DATABASE_URL="postgresql://u:p@h/d", **KEYS), Mode.external)


def test_a_volume_that_cannot_flush_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="cannot write safely"):
        probing.judge(msgspec.structs.replace(GOOD, fsync_s=None), settings_in(tmp_path), Mode.local)


def test_a_locked_folder_names_its_holder_until_it_lets_go(tmp_path: Path) -> None:
    first, second = FolderLock(tmp_path), FolderLock(tmp_path)
    first.take()
    with pytest.raises(Refusal, match=r"process .* already uses"):
        second.take()
    first.release()
    second.take()
    second.release()


def test_a_run_dir_too_long_for_a_socket_is_told(tmp_path: Path) -> None:
    long = tmp_path / ("d" * 120)
    with pytest.raises(Refusal, match="too long for a Unix socket"):
        storage.make_run_dir(settings_in(tmp_path, STUDIO_RUN_DIR=str(long)))


def test_the_passport_keeps_its_box_through_versions(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, **KEYS)
    storage.prepare(settings)
    assert passport.read(settings) is None
    first, _ = passport.stamp(settings, None)
    newer = msgspec.structs.replace(first, version="99.0.0")
    passport.path_of(settings).write_bytes(msgspec.json.encode(newer))

    again, warning = passport.stamp(settings, passport.read(settings))

    assert again.box_id == first.box_id
    assert warning is not None
    assert "99.0.0, newer than this" in warning


def test_a_damaged_passport_is_refused_and_not_replaced(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, **KEYS)
    storage.prepare(settings)
    passport.path_of(settings).write_text("{")
    with pytest.raises(Refusal, match="damaged"):
        passport.read(settings)


def test_keys_are_made_only_where_they_are_missing(tmp_path: Path) -> None:
    assert keys.missing(settings_in(tmp_path, ENCRYPTION_KEY="k" * 32)) == [
        "jwt_secret_key",
        "worker_shared_secret",
        "postgres_password",
    ]


@pytest.mark.parametrize(
    ("content", "expected"), [("50000 100000", 1), ("100000 100000", 1), ("max 100000", None)]
)
def test_threads_follow_the_cgroup_quota(tmp_path: Path, content: str, expected: int | None) -> None:
    (tmp_path / "cpu.max").write_text(f"{content}\n")
    assert cpu_count(tmp_path) == (expected or cpu_count(tmp_path / "none"))


def test_too_few_open_files_are_refused_with_what_raises_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, FEWEST_OPEN_FILES - 1))
    with pytest.raises(Refusal, match="--ulimit nofile="):
        raise_open_files()


@pytest.mark.parametrize("place", [".", "pids"])  # of the second and the first version of cgroups
def test_too_few_processes_are_refused_with_what_raises_them(tmp_path: Path, place: str) -> None:
    refuse_few_tasks(tmp_path / "none")
    folder = tmp_path / place
    folder.mkdir(exist_ok=True)
    (folder / "pids.max").write_text("max\n")
    refuse_few_tasks(tmp_path)
    (folder / "pids.max").write_text("100\n")
    (folder / "pids.current").write_text("80\n")
    with pytest.raises(Refusal, match=r"room for 20 more processes .*--pids-limit"):
        refuse_few_tasks(tmp_path)


def test_owner_and_mode_are_never_changed_through_a_link(tmp_path: Path) -> None:
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.touch(0o600)
    folder.mkdir(0o700)
    for target in (file, folder):
        link = tmp_path / f"{target.name}-link"
        link.symlink_to(target)
        before = target.stat().st_mode
        with pytest.raises(Refusal, match="is a link"):
            give(link, myself(), 0o755)
        assert target.stat().st_mode == before
        give(target, myself(), 0o750)
        assert stat.S_IMODE(target.stat().st_mode) == 0o750


def test_a_lock_is_not_taken_through_a_link(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a key")
    (tmp_path / "studio.lock").symlink_to(secret)
    with pytest.raises(OSError, match="symbolic"):
        FolderLock(tmp_path).take()
    assert secret.read_text() == "a key"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may pass through, which those of pytest are not."""
    with tempfile.TemporaryDirectory(prefix="studio-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_models_behind_a_link_are_read_and_otherwise_left_alone(open_folder: Path) -> None:
    settings = settings_in(open_folder, STUDIO_SERVICE_USER="nobody")
    disk = open_folder / "disk"
    weights = disk / "weights"
    weights.mkdir(parents=True)
    settings.workspace.mkdir()
    settings.models_dir.symlink_to(weights)
    os.chown(weights, 12345, 12345)
    weights.chmod(0o705)

    storage.make_folders(settings)

    found = weights.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (12345, 12345, 0o705)
    assert settings.models_dir.readlink() == weights
    (weights / "large.safetensors").write_bytes(b"x" * 100)
    assert survey.size_of(settings.models_dir) == 0, "it takes no room of the volume"
    for closed in (weights, disk):
        before = closed.stat().st_mode
        closed.chmod(0o700)
        with pytest.raises(Refusal, match=r"the user “nobody” cannot read.*chmod -R o\+rX"):
            storage.make_folders(settings)
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        closed.chmod(before)
    disk.rename(open_folder / "gone")
    with pytest.raises(Refusal, match="where no folder is"):
        storage.make_folders(settings)


def test_what_a_step_links_to_from_the_blobs_is_opened_to_nobody(tmp_path: Path) -> None:
    closed, blobs = tmp_path / "closed", tmp_path / "blobs"
    closed.mkdir(mode=0o750)
    (blobs / "ab").mkdir(mode=0o755, parents=True)
    (blobs / "zz").symlink_to(closed)

    storage._share(blobs)

    assert stat.S_IMODE(closed.stat().st_mode) == 0o750
    assert stat.S_IMODE((blobs / "ab").stat().st_mode) == 0o775


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_lines_that_belonged_to_the_service_user_are_taken_over(open_folder: Path) -> None:
    settings = settings_in(open_folder, STUDIO_SERVICE_USER="nobody")
    nobody = service_account(settings)
    logs = settings.logs_dir
    logs.mkdir(parents=True, mode=0o700)
    key = open_folder / "key"
    key.touch(0o600)
    (logs / "00000001.jsonl").write_text("{}\n")
    (logs / "studio.lock").write_text("a box")
    for path in (logs, *logs.iterdir()):
        os.chown(path, nobody.uid, nobody.gid)
    (logs / "00000002.jsonl").symlink_to(key)
    (logs / "00000003.jsonl").hardlink_to(key)

    storage.make_folders(settings)

    found = logs.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (0, nobody.gid, 0o750)
    assert {path.name for path in logs.iterdir()} == {"00000001.jsonl", "studio.lock"}
    assert (logs / "studio.lock").stat().st_uid == 0
    assert (logs / "00000001.jsonl").stat().st_uid == nobody.uid, "the API reads it; a step does not"
    assert (key.stat().st_uid, stat.S_IMODE(key.stat().st_mode)) == (0, 0o600)
