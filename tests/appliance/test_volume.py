"""What a volume must be able to do, who may use it, and what it is allowed to hold."""

from pathlib import Path

import msgspec
import pytest

from app.kit.settings import Settings, load_settings
from app.kit.volume import Mode, Probe
from appliance import keys, passport, probing, storage
from appliance.files import FolderLock
from appliance.limits import cpu_count
from appliance.refusal import Refusal

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
