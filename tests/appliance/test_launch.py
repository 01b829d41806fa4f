"""A program sees what it needs and nothing that opens somebody else's door."""

from pathlib import Path

import pytest

from app.kit.settings import KEY_NAMES, load_settings
from appliance.launch import environment_of
from appliance.programs import BY_NAME, PROGRAMS, is_wanted

SECRETS = {
    "DATABASE_URL": "postgresql://u:secret@db/studio",
    "POSTGRES_PASSWORD": "secret-postgres",
    "JWT_SECRET_KEY": "secret-jwt",
    "ENCRYPTION_KEY": "secret-encryption",
    "ADMIN_EMAIL": "secret@example.org",
    "ADMIN_PASSWORD": "secret-admin",
    "GOOGLE_CLIENT_SECRET": "secret-google",
}
ALL = {**SECRETS, "WORKER_SHARED_SECRET": "shared", "SUPERVISOR_SERVER_URL": "unix:///x", "LOG_LEVEL": "INFO"}


def seen_by(name: str, env: dict[str, str]) -> dict[str, str]:
    return environment_of(BY_NAME[name], load_settings(env), env)


@pytest.mark.parametrize("name", ["worker-cpu", "worker-gpu"])
def test_a_worker_sees_no_secret_but_its_own(name: str) -> None:
    seen = seen_by(name, ALL)
    assert not [value for value in seen.values() if "secret" in value]
    assert seen["WORKER_SHARED_SECRET"] == "shared"
    assert int(seen["OMP_NUM_THREADS"]) >= 1


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_postgres_and_redis_see_none_at_all(name: str) -> None:
    seen = seen_by(name, {"WORKER_SHARED_SECRET": "secret-shared", "POSTGRES_PASSWORD": "secret-postgres"})
    assert sorted(seen) == ["HOME", "LANG", "LC_ALL", "PATH"]


def test_the_api_sees_the_keys_but_not_the_first_password() -> None:
    seen = seen_by("api", ALL)
    assert seen["JWT_SECRET_KEY"] == "secret-jwt"
    assert "ADMIN_PASSWORD" not in seen
    assert "SUPERVISOR_SERVER_URL" not in seen


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("api", {"jwt_secret_key", "worker_shared_secret", "postgres_password", "encryption_key"}),
        ("worker-cpu", {"worker_shared_secret"}),
        ("worker-gpu", {"worker_shared_secret"}),
        ("watchdog", set()),
        ("redis", set()),
        ("tunnel", set()),
    ],
)
def test_each_program_is_handed_its_own_keys_of_the_volume(tmp_path: Path, name: str, held: set[str]) -> None:
    (tmp_path / "keys").mkdir()
    for key in KEY_NAMES:
        (tmp_path / "keys" / key).write_text(f"kept-{key}\n")
    seen = seen_by(name, {"WORKSPACE_PATH": str(tmp_path), "ENCRYPTION_KEY": "kept-encryption_key"})
    assert {value for value in seen.values() if value.startswith("kept-")} == {f"kept-{key}" for key in held}


def test_the_api_knows_of_the_tunnel_but_not_its_token() -> None:
    env = {"CLOUDFLARE_TUNNEL_TOKEN": "secret-token"}
    seen = seen_by("api", env)
    assert "secret-token" not in seen.values()
    assert load_settings(seen).behind_cloudflare
    assert not load_settings(seen_by("api", {})).behind_cloudflare


def test_a_mounted_secret_is_handed_over_because_the_program_may_not_read_it(tmp_path: Path) -> None:
    (tmp_path / "jwt").write_text("mounted\n")
    env = {"WORKSPACE_PATH": str(tmp_path), "JWT_SECRET_KEY_FILE": str(tmp_path / "jwt")}
    seen = seen_by("api", env)
    assert seen["JWT_SECRET_KEY"] == "mounted"
    assert "JWT_SECRET_KEY_FILE" not in seen
    assert "mounted" not in seen_by("worker-cpu", env).values()


def test_roles_and_outside_services_decide_what_runs() -> None:
    def wanted(**env: str) -> list[str]:
        settings = load_settings(env)
        return [program.name for program in PROGRAMS if is_wanted(program, settings)]

    served = ["api", "daemon", "worker-cpu", "worker-gpu"]
    assert wanted() == ["watchdog", "postgres", "redis", *served, "backups"]
    assert wanted(STUDIO_ROLES="worker-gpu") == ["watchdog", "worker-gpu"]
    outside = wanted(DATABASE_URL="postgresql://u:p@db/studio", REDIS_URL="redis://redis:6379")
    assert outside == ["watchdog", *served, "backups"]
    away = wanted(DATABASE_URL="postgresql://u:p@db/studio", STUDIO_ROLES="api")
    assert away == ["watchdog", "api"], "backups are made where the daemon is"
