"""The image in other circumstances: a root that cannot be written, another port, settings that are wrong."""

from tests.e2e.image.conftest import Start, free_port
from tests.e2e.person import OWNER, Person


def test_starts_on_a_read_only_root(start: Start) -> None:
    """Only /run, /tmp and the volume are written; the owner comes from the environment."""
    container = start(
        environment=OWNER,
        options=("--read-only", "--tmpfs", "/run", "--tmpfs", "/tmp"),
    )
    container.wait_until_ready()
    person = Person(container.url)
    person.log_in(OWNER["ADMIN_EMAIL"], OWNER["ADMIN_PASSWORD"])
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


def test_embeds_texts_with_what_the_image_carries(start: Start) -> None:
    """torch, its libraries and the weights are in the image; neither a card nor the internet is needed."""
    container = start(environment=OWNER, options=("--dns", "127.0.0.1"))
    container.wait_until_ready()
    person = Person(container.url)
    person.log_in(OWNER["ADMIN_EMAIL"], OWNER["ADMIN_PASSWORD"])
    texts = ["A cat sleeps on the sofa.", "A kitten naps on the couch.", "The bill is due on Friday."]
    definition = {
        "schema": 1,
        "name": "Meanings",
        "inputs": {},
        "nodes": [{"id": "meanings", "type": "text.embed", "with": {"texts": texts}}],
        "outputs": {"vectors": "{{ steps.meanings.outputs.vectors }}"},
    }
    workflow = person.post("/api/v1/workflows", {"name": "Meanings", "definition": definition})
    instance = person.wait_for_end(person.start(workflow["id"], {})["id"])
    assert instance["status"] == "completed", instance
    cat, kitten, bill = instance["outputs"]["vectors"]
    assert dot(cat, kitten) > dot(cat, bill) + 0.2
    person.close()


def dot(left: list[float], right: list[float]) -> float:
    return sum(one * other for one, other in zip(left, right, strict=True))


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
