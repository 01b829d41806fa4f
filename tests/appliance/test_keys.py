"""Keys are made once, kept private, and never replaced."""

import os
import pwd
from pathlib import Path

import pytest

from app.kit.settings import KEY_NAMES, load_settings
from appliance import keys, storage
from appliance.refusal import Refusal


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    return {"WORKSPACE_PATH": str(tmp_path / "ws"), "STUDIO_RUN_DIR": str(tmp_path / "run"), **more}


def test_first_boot_makes_four_private_keys(tmp_path: Path) -> None:
    env = environment(tmp_path)
    storage.make_workspace(load_settings(env))

    settings = keys.ensure(load_settings(env), env)

    assert keys.missing(settings) == []
    assert len({getattr(settings.keys, name) for name in KEY_NAMES}) == 4
    assert settings.keys_dir.stat().st_mode & 0o777 == 0o700
    for name in KEY_NAMES:
        path = settings.keys_dir / name
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.read_text().strip() == getattr(settings.keys, name)
    assert sorted(path.name for path in settings.keys_dir.iterdir()) == sorted(KEY_NAMES)


def test_a_second_boot_keeps_the_keys(tmp_path: Path) -> None:
    env = environment(tmp_path)
    storage.make_workspace(load_settings(env))

    first = keys.ensure(load_settings(env), env)

    assert keys.ensure(load_settings(env), env).keys == first.keys


def test_the_environment_goes_before_the_volume_and_is_not_written_there(tmp_path: Path) -> None:
    secret = tmp_path / "jwt"
    secret.write_text("from-a-mounted-file-0123456789\n")
    env = environment(
        tmp_path, ENCRYPTION_KEY="from-the-environment-0123456789", JWT_SECRET_KEY_FILE=str(secret)
    )
    storage.make_workspace(load_settings(env))

    settings = keys.ensure(load_settings(env), env)

    assert settings.keys.encryption_key == "from-the-environment-0123456789"
    assert settings.keys.jwt_secret_key == "from-a-mounted-file-0123456789"
    assert sorted(path.name for path in settings.keys_dir.iterdir()) == [
        "postgres_password",
        "worker_shared_secret",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away and take it back")
def test_keys_of_an_older_volume_that_belong_to_the_service_user_are_taken_back(tmp_path: Path) -> None:
    env = environment(tmp_path, STUDIO_SERVICE_USER="nobody")
    storage.make_workspace(load_settings(env))
    folder = keys.ensure(load_settings(env), env).keys_dir
    nobody = pwd.getpwnam("nobody")
    for path in (folder, *folder.iterdir()):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
        path.chmod(path.stat().st_mode | 0o040)

    keys.ensure(load_settings(env), env)

    for path in (folder, *folder.iterdir()):
        found = path.stat()
        assert (found.st_uid, found.st_gid, found.st_mode & 0o077) == (0, 0, 0), path


def test_an_empty_key_file_is_never_replaced(tmp_path: Path) -> None:
    env = environment(tmp_path)
    storage.prepare(load_settings(env))
    damaged = tmp_path / "ws" / "keys" / "encryption_key"
    damaged.write_text("")

    with pytest.raises(Refusal, match="encryption_key is there but empty"):
        keys.ensure(load_settings(env), env)

    assert damaged.read_text() == ""
