"""The life of a box in containers: claimed, used, stopped, thrown away, there again on the same volume."""

import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.image.conftest import Start
from tests.e2e.image.container import Container, Stop
from tests.e2e.person import OWNER, Json, Person

EMAIL, PASSWORD = OWNER["ADMIN_EMAIL"], OWNER["ADMIN_PASSWORD"]
SETUP_TOKEN = re.compile(r"/setup\S*?token=([\w-]+)")


@dataclass(frozen=True, slots=True)
class FirstLife:
    """What the first container did until it was stopped and deleted."""

    ready_after_s: float
    health: int
    photos: int
    instance: Json
    film: bytes
    stop: Stop


@pytest.fixture(scope="module")
def first_life(start: Start, volume: Path) -> FirstLife:
    """First boot, claim, the sample workflow, stop, delete."""
    container = start(volume=volume)
    ready_after_s = container.wait_until_ready()
    person = Person(container.url)
    person.claim(printed_token(container), EMAIL, PASSWORD)
    workflow = person.sample_workflow()
    photos = person.sample_photos()
    started = person.start(workflow["id"], {"photos": photos, "title": "By the sea"})
    instance = person.wait_for_end(started["id"])
    assert instance["status"] == "completed", json.dumps(instance, indent=1) + container.log()
    film = person.download(instance["outputs"]["film"]["asset"])
    person.close()
    health = container.health()
    stop = container.stop()
    container.remove()
    return FirstLife(ready_after_s, health, len(photos), instance, film, stop)


@pytest.fixture(scope="module")
def second_life(first_life: FirstLife, start: Start, volume: Path) -> Iterator[Container]:
    """A new container on the volume that the first one left."""
    container = start(volume=volume)
    container.wait_until_ready()
    yield container
    container.remove()


def printed_token(container: Container) -> str:
    found = SETUP_TOKEN.search(container.log())
    assert found, f"an unclaimed box prints no setup link:\n{container.log()}"
    return found.group(1)


def test_first_boot_becomes_ready_and_healthy(first_life: FirstLife) -> None:
    assert first_life.ready_after_s < 60
    assert first_life.health == 0


def test_sample_workflow_makes_a_film_that_plays(first_life: FirstLife, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(first_life.film)
    probe = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "format=duration:stream=codec_name", "-of", "json", film],
        capture_output=True,
        check=True,
    )
    facts = json.loads(probe.stdout)
    assert {stream["codec_name"] for stream in facts["streams"]} >= {"h264"}
    # The sample shows each photo for 2.5 s and fades in between without taking time away.
    assert float(facts["format"]["duration"]) == pytest.approx(2.5 * first_life.photos, abs=0.1)


def test_stop_is_clean_within_ten_seconds(first_life: FirstLife) -> None:
    stop = first_life.stop
    assert stop.took_s < 10, stop.log
    assert stop.exit_code == 0, stop.log
    assert "database system is shut down" in stop.log.lower()


def test_new_container_on_the_volume_recovers_nothing(second_life: Container) -> None:
    log = second_life.log().lower()
    assert "database system was shut down" in log
    assert "not properly shut down" not in log


def test_login_instance_and_film_outlive_the_container(first_life: FirstLife, second_life: Container) -> None:
    person = Person(second_life.url)
    assert person.is_claimed()
    person.log_in(EMAIL, PASSWORD)
    instance = person.get(f"/api/v1/instances/{first_life.instance['id']}")
    assert instance["status"] == "completed"
    film = person.download(instance["outputs"]["film"]["asset"])
    assert hashlib.sha256(film).digest() == hashlib.sha256(first_life.film).digest()
    person.close()


def test_volume_keeps_its_keys_private(second_life: Container) -> None:
    answer = second_life.run("stat", "-c", "%a", "/workspace/keys")
    assert answer.stdout.strip() == "700"
