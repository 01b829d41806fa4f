"""DATABASE_URL: a login that cannot do the work is told before anything starts, with what mends it."""

import socketserver
import threading
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


def test_an_address_with_an_unknown_word_is_final(login: str) -> None:
    with pytest.raises(Refusal, match="nosuch"):
        check(f"{login}&nosuch=1")


class Answering(socketserver.StreamRequestHandler):
    """Says the same to whoever sends anything."""

    def handle(self) -> None:
        assert isinstance(self.server, Server)
        while self.request.recv(1024):
            self.wfile.write(self.server.answer)


class Server(socketserver.ThreadingTCPServer):
    """Something on this machine that answers every message with these bytes."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        super().__init__(("127.0.0.1", 0), Answering)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


def test_a_database_without_tls_that_is_asked_for_it_is_final() -> None:
    with Server(b"N") as plain, pytest.raises(Refusal, match=r"does not support SSL.*sslmode"):
        check(f"postgresql://u:p@127.0.0.1:{plain.port}/db?sslmode=require")


def warning_of(url: str) -> str:
    told = external.check_redis(load_settings({"REDIS_URL": url}))
    assert told is not None and "check host, port, password and database of REDIS_URL" in told
    return told


def test_a_redis_that_does_not_answer_is_a_warning() -> None:
    assert "refused" in warning_of("redis://127.0.0.1:1/0")


def test_a_redis_that_answers_is_none(settings: Settings) -> None:
    assert external.check_redis(load_settings({"REDIS_URL": settings.redis.url})) is None


def test_a_redis_without_that_database_is_a_warning(settings: Settings) -> None:
    assert "out of range" in warning_of(f"{settings.redis.url}?db=99")


@pytest.mark.parametrize(
    ("scheme", "answer", "words"),
    [
        ("redis", b"-WRONGPASS invalid username-password pair or user is disabled.\r\n", "invalid username"),
        ("redis", b"-NOAUTH Authentication required.\r\n", "Authentication required"),
        ("rediss", b"-ERR unknown command\r\n", "SSL"),
    ],
)
def test_a_redis_that_wants_another_password_or_no_tls_is_a_warning(
    scheme: str, answer: bytes, words: str
) -> None:
    with Server(answer) as server:
        told = warning_of(f"{scheme}://:a-wrong-word@127.0.0.1:{server.port}/0")
    assert words in told and "a-wrong-word" not in told
