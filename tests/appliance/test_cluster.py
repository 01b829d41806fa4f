"""The embedded Postgres and Redis are made right, survive a kill, and refuse what they must."""

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from app.kit.settings import Settings, load_settings
from appliance import keys, postgres, storage
from appliance.postgres import Cluster
from appliance.process import processes_in
from appliance.redis import Server
from appliance.refusal import Refusal
from appliance.users import postgres_account

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    # pytest's own folders are 0700 of root, where Debian's postgres user cannot pass: as in /root.
    folder = tmp_path_factory.mktemp("box")
    env = {"WORKSPACE_PATH": str(folder / "ws"), "STUDIO_RUN_DIR": str(folder / "run")}
    storage.prepare(load_settings(env))
    return keys.ensure(load_settings(env), env)


@pytest.fixture(scope="module")
def cluster(settings: Settings) -> Iterator[Cluster]:
    cluster = Cluster(settings)
    assert cluster.prepare() is True
    cluster.start()
    yield cluster
    assert cluster.stop() == 0


def test_cluster_sorts_by_code_point_and_checks_its_pages(cluster: Cluster) -> None:
    assert cluster.run_sql("SELECT datcollate FROM pg_database WHERE datname = 'studio'") == "C.UTF-8"
    assert cluster.run_sql("SHOW server_encoding") == "UTF8"
    assert cluster.run_sql("SHOW data_checksums") == "on"


def test_nobody_enters_on_trust_and_nothing_listens_on_the_network(cluster: Cluster) -> None:
    methods = cluster.run_sql("SELECT DISTINCT auth_method FROM pg_hba_file_rules ORDER BY 1").split()
    assert methods == ["peer", "reject", "scram-sha-256"]
    assert cluster.run_sql("SHOW listen_addresses") == ""
    # The files initdb leaves in the cluster are what a server started by hand would use.
    own = (cluster.data / "pg_hba.conf").read_text()
    assert not [line for line in own.splitlines() if not line.startswith("#") and "trust" in line]


def test_the_application_role_owns_nothing_and_cannot_bypass_row_level_security(cluster: Cluster) -> None:
    rights = cluster.run_sql(
        "SELECT rolname, rolcanlogin, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication"
        " FROM pg_roles WHERE rolname LIKE 'studio%' ORDER BY 1"
    )
    assert rights.splitlines() == ["studio|t|f|f|f|f|f", "studio_app|t|f|f|f|f|f"]
    owners = cluster.run_sql("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'studio'")
    assert owners == "studio"


def test_each_role_enters_with_its_own_password_only(settings: Settings, cluster: Cluster) -> None:
    for url, role in ((settings.database.owner_url, "studio"), (settings.database.app_url, "studio_app")):
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT current_user, current_database()").fetchone() == (
                role,
                "studio",
            )
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(settings.database.owner_url.replace("//studio:", "//studio_app:"))


def test_a_new_password_in_the_environment_is_taken_over(settings: Settings, cluster: Cluster) -> None:
    changed = load_settings(
        {
            "WORKSPACE_PATH": str(settings.workspace),
            "STUDIO_RUN_DIR": str(settings.run_dir),
            "POSTGRES_PASSWORD": "it's a 'quoted' \\ pass:word",
        }
    )
    Cluster(changed).ensure_roles()
    with psycopg.connect(changed.database.app_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)

    cluster.ensure_roles()

    psycopg.connect(settings.database.app_url).close()


def test_postgres_starts_again_after_a_kill(tmp_path: Path) -> None:
    env = {"WORKSPACE_PATH": str(tmp_path / "ws"), "STUDIO_RUN_DIR": str(tmp_path / "run")}
    storage.prepare(load_settings(env))
    settings = keys.ensure(load_settings(env), env)
    first = Cluster(settings)
    first.prepare()
    first.start()
    for process in processes_in(first.data, "postgres", postgres_account(settings).uid):
        with contextlib.suppress(
            ProcessLookupError
        ):  # one whose postmaster was killed before it is gone by now
            os.kill(process, signal.SIGKILL)
    first.stop()
    assert (first.data / "postmaster.pid").exists()
    # A reused process id is what stops Postgres in a container: name one that lives and is not Postgres.
    lines = (first.data / "postmaster.pid").read_text().splitlines()
    (first.data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")

    second = Cluster(settings)
    assert second.prepare() is False
    second.start()

    assert second.run_sql("SELECT 1") == "1"
    assert second.stop() == 0


def test_a_volume_of_another_major_version_is_refused(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "ws" / "postgres" / "9").mkdir(parents=True)
    (tmp_path / "ws" / "postgres" / "9" / "PG_VERSION").write_text("9\n")

    with pytest.raises(Refusal, match="holds a database of Postgres 9"):
        Cluster(
            load_settings({"WORKSPACE_PATH": str(tmp_path / "ws"), "STUDIO_RUN_DIR": str(tmp_path / "run")})
        )


def test_a_box_never_goes_back_to_the_cluster_that_it_has_moved_from(
    settings: Settings, tmp_path: Path
) -> None:
    root = tmp_path / "ws" / "postgres"
    here = max(postgres.installed())
    for major in (here, 99):
        (root / str(major)).mkdir(parents=True)
        (root / str(major) / "PG_VERSION").write_text(f"{major}\n")
    there = load_settings({"WORKSPACE_PATH": str(tmp_path / "ws"), "STUDIO_RUN_DIR": str(tmp_path / "run")})

    with pytest.raises(Refusal, match="install postgresql-99"):
        Cluster(there)

    (root / "99.moving").touch()  # it was never filled to its end, so the former one is the database
    assert Cluster(there).major == here


def test_a_hydrating_box_is_never_given_to_a_newer_postgres(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing moves it in this mode: the newer one would begin an empty database."""
    there = load_settings({"WORKSPACE_PATH": str(tmp_path / "ws"), "STUDIO_RUN_DIR": str(tmp_path / "run")})
    home = tmp_path / "ws" / "hydrate" / "9"
    home.mkdir(parents=True)
    (home / "PG_VERSION").write_text("9\n")
    monkeypatch.setattr(postgres, "is_hydrating", lambda _: True)
    monkeypatch.setattr(postgres, "dumped_state", lambda *_: True)

    with pytest.raises(Refusal, match="nothing moves it to a newer one"):
        Cluster(there)


def test_redis_answers_on_its_socket_only_and_starts_over_a_damaged_file(settings: Settings) -> None:
    server = Server(settings)
    server.prepare()
    server.start()
    assert server.ready()
    assert server.stop() == 0
    assert "port 0\n" in (settings.run_dir / "redis.conf").read_text()
    log = next((server.data / "appendonlydir").glob("*.base.rdb"))
    log.write_bytes(b"REDIS9999" + log.read_bytes()[9:])

    server.prepare()
    server.start()

    assert server.ready()
    assert (server.data / "broken").is_dir()
    assert server.stop() == 0
    shutil.rmtree(server.data)
