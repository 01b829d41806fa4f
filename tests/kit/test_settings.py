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


def test_a_weak_secret_is_told_where_it_is_not_refused() -> None:
    (told,) = load_settings({"ENCRYPTION_KEY": "abc"}).remarks
    assert told.sentence().startswith("ENCRYPTION_KEY is too weak for production")
    assert "abc" not in told.sentence()


@pytest.mark.parametrize("password", ["short", "password1", "ada@example.org"])
def test_production_refuses_an_owner_whose_password_is_easy_to_guess(password: str) -> None:
    owner = {"ADMIN_EMAIL": "ada@example.org", "ADMIN_PASSWORD": password}
    assert "password manager" in faults_of(ENV="production", **owner)["ADMIN_PASSWORD"]
    (told,) = load_settings(owner).remarks
    assert told.name == "ADMIN_PASSWORD" and password not in told.sentence()


def test_production_refuses_every_origin() -> None:
    assert "CORS_ORIGINS" in faults_of(ENV="production", CORS_ORIGINS="*")
    assert [told.name for told in load_settings({"CORS_ORIGINS": "*"}).remarks] == ["CORS_ORIGINS"]


@pytest.mark.parametrize(
    "wrong", ["foo", "https://", "https://a b", "https://studio.example.org/app", "https://x@y.org", "ftp://y.org",
              "https://y.org:port", "https://300.1.2.3"]
)  # fmt: skip
def test_what_no_browser_sends_is_no_origin(wrong: str) -> None:
    assert f"“{wrong}” is no origin" in faults_of(CORS_ORIGINS=f"https://good.org,{wrong}")["CORS_ORIGINS"]


def test_origins_are_scheme_host_and_port() -> None:
    origins = ("https://studio.example.org", "http://localhost:5173", "http://[::1]:80", "https://10.0.0.1")
    assert load_settings({"CORS_ORIGINS": ", ".join((*origins, "https://y.org/"))}).cors_origins == (
        *origins,
        "https://y.org",
    )


@pytest.mark.parametrize(
    "wrong", ["10.0.0.0/99", "http://foo bar", "foo bar", "300.1.2.3", "-nas", "a..b", "*.", "*", "nas:80"]
)
def test_a_mistyped_place_is_a_fault_and_not_a_host(wrong: str) -> None:
    faults = faults_of(STUDIO_OUTGOING_ALLOW=f"nas.local,{wrong}")
    assert f"“{wrong}” is neither a host nor a range" in faults["STUDIO_OUTGOING_ALLOW"]


def test_places_are_hosts_their_subdomains_and_ranges_of_addresses() -> None:
    places = ("nas", "nas.local", "*.corp.example.org", "10.0.0.0/8", "192.168.1.20", "fd00::/8", "my_host")
    assert load_settings({"STUDIO_OUTGOING_ALLOW": ",".join(places)}).outgoing_allow == places


def test_defaults_embed_postgres_and_redis_on_sockets() -> None:
    settings = load_settings({})
    assert settings.database.embedded and settings.redis.embedded
    assert settings.redis.url.startswith("unix://")
    assert settings.roles == frozenset(ROLES)
    assert (settings.host, settings.port) == (EVERYWHERE, 8000)


def test_the_boxs_own_ports_are_all_its_doors_named_or_not() -> None:
    assert load_settings({"PORT": "8001"}).own_ports == {8001}
    outside = {
        "STUDIO_API_URL": "https://studio.example.org",
        "REDIS_URL": "redis://cache",
        "DATABASE_URL": "postgresql://u:p@db:6543/studio",
    }
    assert load_settings({"PORT": "8001", **outside}).own_ports == {8001, 443, 6379, 6543}


def test_quotes_that_compose_files_pass_on_are_not_part_of_the_value() -> None:
    assert load_settings({"PORT": '"8100"'}).port == 8100
    assert load_settings({"DATABASE_URL": '""'}).database.embedded


@pytest.mark.parametrize(
    "rest",
    ["u:p@[::1/d", "u:p@h:abc/d", "u:p@h:99999/d", "u:p#word@h/d", "u:p/word@h/d", "u:p%word@h/d"],
)
@pytest.mark.parametrize(("name", "scheme"), [("DATABASE_URL", "postgresql"), ("REDIS_URL", "redis")])
def test_an_address_that_cannot_be_read_is_a_fault_without_its_password(
    name: str, scheme: str, rest: str
) -> None:
    told = faults_of(**{name: f"{scheme}://{rest}"})[name]
    assert "cannot be read as an address" in told and "%40" in told
    assert "word" not in told.replace("password", "")


@pytest.mark.parametrize("wrong", ["redis://host/none", "redis:6379", "http://host", "host:6379"])
def test_a_redis_that_is_none_is_a_fault(wrong: str) -> None:
    assert set(faults_of(REDIS_URL=wrong)) == {"REDIS_URL"}


def test_addresses_with_what_they_may_have_are_taken() -> None:
    found = load_settings(
        {
            "DATABASE_URL": "postgres+psycopg://u:p%40ss@[::1]:5433/db?sslmode=require",
            "REDIS_URL": "unix:///r.sock",
        }
    )
    assert found.database.app_url == "postgresql://u:p%40ss@[::1]:5433/db?sslmode=require"
    assert found.redis.url == "unix:///r.sock"


@pytest.mark.parametrize("name", ["JWT_SECRET_KEY", "WORKER_SHARED_SECRET", "ENCRYPTION_KEY", "DATABASE_URL"])
def test_a_secret_that_is_quotes_alone_counts_as_unset_and_is_told(name: str) -> None:
    (told,) = load_settings({"ENV": "production", name: '""'}).remarks
    assert told.name == name and "counts as unset" in told.sentence()
    assert load_settings({"ENV": "production", name: ""}).remarks == (), "as Compose passes what is not set"


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
    (told,) = load_settings({name: "something-from-a-console"}).remarks
    assert told.name == name.removesuffix("_FILE")
    assert "no sign-in with Google or GitHub" in told.sentence()
    assert "something" not in told.sentence()
    assert load_settings({}).remarks == ()


def test_a_secret_given_twice_or_in_a_missing_file_is_a_fault(tmp_path: Path) -> None:
    assert "Keep one" in faults_of(JWT_SECRET_KEY="x" * 32, JWT_SECRET_KEY_FILE="/x")["JWT_SECRET_KEY"]
    assert "mounted" in faults_of(JWT_SECRET_KEY_FILE=str(tmp_path / "absent"))["JWT_SECRET_KEY_FILE"]
    (tmp_path / "empty").write_text(" \n")
    assert "empty file" in faults_of(JWT_SECRET_KEY_FILE=str(tmp_path / "empty"))["JWT_SECRET_KEY_FILE"]


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    settings = load_settings({"JWT_SECRET_KEY": "very-secret-value", "POSTGRES_PASSWORD": "another-secret"})
    shown = repr(settings)
    assert "very-secret-value" not in shown and "another-secret" not in shown
