"""The image in other circumstances: a root that cannot be written, another port, settings that are wrong."""

import pytest

from app.kit.settings import EVERYWHERE
from tests.e2e.image.conftest import Start, free_port
from tests.e2e.image.container import Container, Runtime, layers
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


# The end of each program's command line, and who it runs as. Postgres' helpers rename themselves.
USERS = {
    "-m app.server": "studio",
    "-m app.daemon": "studio",
    "-m workers cpu": "studio-worker",
    "-m workers gpu": "studio-worker",
    "redis-server": "studio",
    "postgres": "postgres",
}
OF_ROOT = ("tini", "studio boot", "supervisor.supervisord", "appliance.watchdog", "-m appliance.backup")
PROCESSES = """
import json, os, psutil
print(json.dumps([
    {"pid": one.pid, "user": one.username(), "name": one.name(), "command": " ".join(one.cmdline())}
    for one in psutil.process_iter() if one.pid != os.getpid()
]))
"""
# Everything that takes connections, and everything bound for datagrams.
LISTENERS = """
import json, psutil
print(json.dumps([
    [one.laddr.ip, one.laddr.port] for one in psutil.net_connections("inet")
    if one.status == "LISTEN" or one.type.name == "SOCK_DGRAM"
]))
"""


@pytest.fixture(scope="module")
def whole(start: Start) -> Container:
    """A box with every program at work."""
    container = start(environment=OWNER)
    container.wait_until_ready()
    for sentence in ("Worker ready lane=cpu", "Worker ready lane=gpu", "Daemon at work"):
        container.wait_for_line(sentence)
    return container


def test_programs_are_not_root(whole: Container) -> None:
    """Only boot and what guards it are; each program runs as its own user."""
    processes = whole.ask(PROCESSES)
    for end, user in USERS.items():
        found = [one for one in processes if end in one["command"] or one["name"] == end]
        assert found, f"{end} does not run: {processes}"
        assert {one["user"] for one in found} == {user}, found
    strangers = [
        one
        for one in processes
        if one["user"] == "root" and not any(name in one["command"] for name in OF_ROOT)
    ]
    assert not strangers


def test_a_step_cannot_read_the_secrets_of_the_box(whole: Container) -> None:
    api = next(one["pid"] for one in whole.ask(PROCESSES) if one["command"].endswith("-m app.server"))
    for user in ("studio-worker", "studio"):
        assert whole.run("ls", "/workspace/keys", user=user).returncode != 0
        assert whole.run("cat", "/workspace/keys/jwt_secret_key", user=user).returncode != 0
    assert whole.run("cat", f"/proc/{api}/environ", user="studio-worker").returncode != 0
    assert whole.run("cat", "/workspace/keys/jwt_secret_key").stdout.strip()


def test_nothing_listens_on_the_network_but_the_one_port(whole: Container) -> None:
    assert whole.ask(LISTENERS) == [[EVERYWHERE, 8000]]


def test_a_change_of_the_app_moves_tens_of_megabytes_at_most(runtime: Runtime, image: str) -> None:
    """The app is the last layers, above the dependencies, and torch lies in one of its own below those."""
    all_layers = layers(runtime, image)
    made_by = [layer.made_by for layer in all_layers]
    dependencies = next(place for place, words in enumerate(made_by) if "uv venv" in words)
    torch = next(place for place, words in enumerate(made_by) if "--target /opt/torch" in words)
    app = sum(layer.size_bytes for layer in all_layers[:dependencies])
    assert 1_000_000 < app < 50_000_000
    assert torch > dependencies, "torch changes less often than the dependencies, so it lies deeper"
    assert sum(layer.size_bytes for layer in all_layers[:torch]) < 1_500_000_000
