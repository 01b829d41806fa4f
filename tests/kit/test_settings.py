"""Settings: every fault at once with its remedy; keys from environment, file or volume."""

from pathlib import Path

import pytest

from app.kit.settings import (
    EVERYWHERE,
    KEY_NAMES,
    ROLES,
    WORKER_KEYS,
    SettingsFaults,
    load_settings,
)


def faults_of(**env: str) -> dict[str, str]:
    with pytest.raises(SettingsFaults) as caught:
        load_settings(env)
    return {fault.name: fault.sentence() for fault in caught.value.faults}


def test_every_fault_is_reported_at_once_with_its_remedy() -> None:
    faults = faults_of(
        PORT="80a", LOG_FORMAT="xml", ADMIN_EMAIL="ada@example.org", DATABASE_URL="mysql://x/y"
    )
    assert set(faults) == {"PORT", "LOG_FORMAT", "ADMIN_PASSWORD", "DATABASE_URL"}
    assert faults["PORT"] == "PORT “80a” is no whole number. Use a number from 1 to 65535."
    assert "postgresql://user:password@host:5432/database" in faults["DATABASE_URL"]


def test_a_mistyped_studio_name_gets_a_suggestion() -> None:
    assert faults_of(STUDIO_ROLE="api")["STUDIO_ROLE"].endswith("Did you mean STUDIO_ROLES?")


def test_an_unknown_role_gets_a_suggestion() -> None:
    assert "Did you mean “worker-gpu”?" in faults_of(STUDIO_ROLES="api,worker_gpu")["STUDIO_ROLES"]


@pytest.mark.parametrize("secret", ["changeme", "short", "postgres"])
def test_production_refuses_weak_secrets(secret: str) -> None:
    assert "openssl rand" in faults_of(ENV="production", JWT_SECRET_KEY=secret)["JWT_SECRET_KEY"]


def test_production_refuses_every_origin() -> None:
    assert "CORS_ORIGINS" in faults_of(ENV="production", CORS_ORIGINS="*")


def test_defaults_embed_postgres_and_redis_on_sockets() -> None:
    settings = load_settings({})
    assert settings.database.embedded and settings.redis.embedded
    assert settings.redis.url.startswith("unix://")
    assert settings.roles == frozenset(ROLES)
    assert (settings.host, settings.port) == (EVERYWHERE, 8000)


def test_quotes_that_compose_files_pass_on_are_not_part_of_the_value() -> None:
    assert load_settings({"PORT": '"8100"'}).port == 8100
    assert load_settings({"DATABASE_URL": '""'}).database.embedded


def test_a_key_comes_from_its_file_and_the_environment_wins_over_the_volume(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "jwt_secret_key").write_text("from-the-volume\n")
    (tmp_path / "secret").write_text("from-a-mounted-file\n")
    on_volume = load_settings({"WORKSPACE_PATH": str(tmp_path)})
    assert on_volume.keys.jwt_secret_key == "from-the-volume"
    mounted = load_settings(
        {"WORKSPACE_PATH": str(tmp_path), "JWT_SECRET_KEY_FILE": str(tmp_path / "secret")}
    )
    assert mounted.keys.jwt_secret_key == "from-a-mounted-file"


def test_a_worker_loads_the_shared_secret_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    for name in KEY_NAMES:
        (tmp_path / "keys" / name).write_text(f"{name}-of-the-volume\n")
    env = {"WORKSPACE_PATH": str(tmp_path), "JWT_SECRET_KEY": "from-the-environment"}
    held = load_settings(env, keys=WORKER_KEYS).keys
    assert held.worker_shared_secret == "worker_shared_secret-of-the-volume"
    assert [name for name in KEY_NAMES if getattr(held, name) is not None] == ["worker_shared_secret"]


@pytest.mark.parametrize("name", ["GOOGLE_CLIENT_ID", "GITHUB_CLIENT_SECRET", "GITHUB_CLIENT_SECRET_FILE"])
def test_a_setting_that_this_version_does_not_use_is_told(name: str) -> None:
    (told,) = load_settings({name: "something-from-a-console"}).without_effect
    assert told.name == name.removesuffix("_FILE")
    assert "no sign-in with Google or GitHub" in told.sentence()
    assert "something" not in told.sentence()
    assert load_settings({}).without_effect == ()


def test_a_secret_given_twice_or_in_a_missing_file_is_a_fault(tmp_path: Path) -> None:
    assert "Keep one" in faults_of(JWT_SECRET_KEY="x" * 32, JWT_SECRET_KEY_FILE="/x")["JWT_SECRET_KEY"]
    assert "mounted" in faults_of(JWT_SECRET_KEY_FILE=str(tmp_path / "absent"))["JWT_SECRET_KEY_FILE"]


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    settings = load_settings({"JWT_SECRET_KEY": "very-secret-value", "POSTGRES_PASSWORD": "another-secret"})
    shown = repr(settings)
    assert "very-secret-value" not in shown and "another-secret" not in shown
