"""The image in other circumstances: a root that cannot be written, another port, settings that are wrong."""

from tests.e2e.image.conftest import Start, free_port
from tests.e2e.person import Person


def test_starts_on_a_read_only_root(start: Start) -> None:
    """Only /run, /tmp and the volume are written; the owner comes from the environment."""
    container = start(
        environment={"ADMIN_EMAIL": "ada@example.org", "ADMIN_PASSWORD": "a long walk by the sea"},
        options=("--read-only", "--tmpfs", "/run", "--tmpfs", "/tmp"),
    )
    container.wait_until_ready()
    person = Person(container.url)
    person.log_in("ada@example.org", "a long walk by the sea")
    workflow = person.sample_workflow()
    started = person.start(workflow["id"], {"photos": person.sample_photos()[:2], "title": ""})
    assert person.wait_for_end(started["id"])["status"] == "completed"
    person.close()
    assert container.stop().exit_code == 0


def test_listens_on_the_port_it_is_given(start: Start) -> None:
    container = start(environment={"PORT": str(free_port())})
    container.wait_until_ready()
    assert container.run("ready").returncode == 0


def test_wrong_database_address_ends_in_a_sentence(start: Start) -> None:
    """Nobody listens on port 1 of loopback."""
    container = start(environment={"DATABASE_URL": "postgresql://studio:nothing@127.0.0.1:1/studio"})
    end = container.wait_until_ended()
    assert end.exit_code != 0
    assert "Traceback" not in end.log
    assert "DATABASE_URL" in end.log


def test_every_fault_of_the_settings_is_named_at_once(start: Start) -> None:
    container = start(environment={"CREATE_TABLES": "perhaps", "STUDIO_ROLSE": "all", "LOG_FORMAT": "poem"})
    end = container.wait_until_ended()
    assert end.exit_code != 0
    assert "Traceback" not in end.log
    for name in ("CREATE_TABLES", "STUDIO_ROLSE", "LOG_FORMAT"):
        assert name in end.log


def test_programs_are_not_root(start: Start) -> None:
    """Boot is root; Postgres runs as its own user and everything else as studio."""
    container = start()
    container.wait_until_ready()
    script = "import psutil; print(sorted({(p.username(), p.name()) for p in psutil.process_iter()}))"
    answer = container.run("/opt/studio/.venv/bin/python", "-c", script)
    assert "('postgres', 'postgres')" in answer.stdout, answer.stdout + answer.stderr
    assert "('studio', 'redis-server')" in answer.stdout
    assert "('root', 'postgres')" not in answer.stdout
    assert "('root', 'redis-server')" not in answer.stdout
