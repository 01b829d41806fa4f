"""An empty folder where a box lived is refused, whatever of it is missing."""

import shutil
from pathlib import Path

import msgspec
import pytest

from app.kit.passport import Passport
from app.kit.settings import Settings, load_settings
from app.kit.volume import Mode, Probe
from appliance import passport, probing, sentinel, storage
from appliance.refusal import Refusal
from tests.appliance.mounts import fill, mount, needs_mounts, small, unmount
from tests.appliance.test_volume import GOOD, KEYS, LOOSE


def settings_in(folder: Path, **env: str) -> Settings:
    places = {"WORKSPACE_PATH": "ws", "STUDIO_RUN_DIR": "run", "STORAGE_LOCAL_DIR": "local"}
    return load_settings({**KEYS, **{name: str(folder / place) for name, place in places.items()}, **env})


def lived_in(settings: Settings, mode: Mode = Mode.local) -> Passport:
    """A volume as a box leaves it."""
    storage.prepare(settings)
    today, _ = passport.stamp(settings, None, mode)
    sentinel.remember(settings, today)
    cluster = settings.workspace / "postgres" / "15"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("15\n")
    return passport.note_cluster(settings, today, 15)


@needs_mounts
def test_a_volume_that_is_not_mounted_at_the_next_start_is_missed(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with small(tmp_path / "disk", "8m"):
        settings.workspace.mkdir()
        mount("--bind", str(tmp_path / "disk"), str(settings.workspace))
        box = lived_in(settings).box_id
        sentinel.expect(settings)

        unmount(settings.workspace)
        with pytest.raises(Refusal, match="is not mounted, or it is another one") as refused:
            sentinel.expect(settings)
        assert box in refused.value.sentence
        assert refused.value.exit_code == 75
        assert list(settings.workspace.iterdir()) == []

        mount("--bind", str(tmp_path / "disk"), str(settings.workspace))
        sentinel.expect(settings)
        unmount(settings.workspace)


def test_a_folder_that_is_no_mount_may_be_removed_and_begun_anew(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    lived_in(settings)
    shutil.rmtree(settings.workspace)
    sentinel.expect(settings)


def test_runpods_volume_has_to_be_mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_in(tmp_path, RUNPOD_VOLUME_ID="vol123")
    monkeypatch.setattr(sentinel, "mount_of", lambda _: ("/", "overlay"))
    with pytest.raises(Refusal, match="network volume vol123"):
        sentinel.expect(settings)
    monkeypatch.setattr(sentinel, "mount_of", lambda _: ("/workspace/", "fuse"))
    sentinel.expect(settings)


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("postgres", "its database, the folder postgres/, is not there"),
        ("blobs", "its folder blobs/, with every file, is not there"),
        ("studio.json", "holds a database but no studio.json"),
    ],
)
def test_a_volume_of_which_a_part_is_gone_is_not_completed(
    tmp_path: Path, missing: str, sentence: str
) -> None:
    settings = settings_in(tmp_path)
    lived_in(settings)
    sentinel.compare(settings, passport.read(settings), Mode.local)

    gone = settings.workspace / missing
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()

    with pytest.raises(Refusal, match=sentence):
        sentinel.compare(settings, passport.read(settings), Mode.local)


@needs_mounts
def test_a_read_only_volume_is_refused_and_what_is_full_is_not(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with small(settings.workspace, "8m"):
        storage.make_workspace(settings)
        mount("-o", "remount,ro", str(settings.workspace))
        with pytest.raises(Refusal, match="mounted read-only"):
            storage.make_workspace(settings)
        mount("-o", "remount,rw", str(settings.workspace))
        fill(settings.workspace / "film", 8 * 1024**2)
        with pytest.raises(Refusal, match="No space left"):
            probing.probe(settings)


def test_postgres_lives_where_it_did_else_as_told_else_as_the_volume_can(tmp_path: Path) -> None:
    def chosen(found: Probe, before: str | None = None, **env: str) -> str:
        return probing.choose(found, settings_in(tmp_path, **env), before)

    assert chosen(GOOD) == "local"
    assert chosen(LOOSE) == "hydrate"
    assert chosen(msgspec.structs.replace(GOOD, maps=False)) == "hydrate"
    assert chosen(GOOD, "hydrate") == "hydrate"
    assert chosen(GOOD, STORAGE_MODE="hydrate") == "hydrate"
    assert chosen(GOOD, "local", DATABASE_URL="postgresql://u:p@h/d") == "external"
    assert chosen(LOOSE, "external") == "hydrate"


def test_a_part_of_a_box_does_not_say_where_postgres_lives(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    lived_in(settings)
    passport.stamp(settings, passport.read(settings), Mode.external)
    kept = passport.read(settings)
    assert kept is not None and (kept.storage, kept.postgres_major) == ("local", 15)
