"""DATABASE_URL: a login that cannot do the work is told before anything starts, with what mends it."""

from collections.abc import Iterator

import psycopg
import pytest

from app.kit.settings import Settings, load_settings
from appliance import external
from appliance.postgres import Cluster
from appliance.refusal import Refusal


@pytest.fixture
def cluster(settings: Settings) -> Cluster:
    return Cluster(settings)  # the session's server is running; this is only a way to ask it things


@pytest.fixture
def login(cluster: Cluster) -> Iterator[str]:
    """A login without any rights, and its address."""
    cluster.run_sql("CREATE ROLE visitor LOGIN PASSWORD 'visitor'")
    yield f"postgresql://visitor:visitor@/postgres?host={cluster.socket_dir}"
    cluster.run_sql("DROP ROLE visitor")


def check(url: str) -> str:
    return external.check_database(load_settings({"DATABASE_URL": url}), lambda _: None)


def test_a_login_that_may_act_as_the_application_role_is_taken(cluster: Cluster, login: str) -> None:
    cluster.run_sql("GRANT studio_app TO visitor")
    assert check(login).startswith("external Postgres ")
    with psycopg.connect(login, options="-c role=studio_app") as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("studio_app",)


def test_a_login_that_may_not_is_refused_with_the_grant_that_mends_it(login: str) -> None:
    with pytest.raises(Refusal, match='GRANT studio_app TO "visitor"'):
        check(login)


def test_an_application_role_that_bypasses_row_level_security_is_refused(
    cluster: Cluster, login: str
) -> None:
    cluster.run_sql("GRANT studio_app TO visitor; ALTER ROLE studio_app BYPASSRLS")
    try:
        with pytest.raises(Refusal, match="can bypass row-level security"):
            check(login)
    finally:
        cluster.run_sql("ALTER ROLE studio_app NOBYPASSRLS")


def test_a_wrong_password_is_final_and_stays_out_of_the_sentence(login: str) -> None:
    with pytest.raises(Refusal) as refused:
        check(login.replace("visitor:visitor", "visitor:a-wrong-word"))
    assert "password authentication failed" in refused.value.sentence
    assert "a-wrong-word" not in refused.value.sentence
    assert "\n" not in refused.value.sentence


def test_an_unknown_database_is_final(login: str) -> None:
    with pytest.raises(Refusal, match='database "nowhere" does not exist'):
        check(login.replace("/postgres?", "/nowhere?"))


def test_a_redis_that_does_not_answer_is_a_warning() -> None:
    warning = external.check_redis(load_settings({"REDIS_URL": "redis://127.0.0.1:1/0"}))
    assert warning is not None
    assert "REDIS_URL" in warning
