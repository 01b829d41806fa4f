"""Accidents in a running box cost time and nothing else."""

import time
from pathlib import Path

from tests.e2e.image.conftest import Start
from tests.e2e.image.container import Container
from tests.e2e.person import OWNER, Json, Person

# The worker's own process and what it started, as `kill -9` would find them.
KILL_WORKER = """
import psutil
for process in psutil.process_iter(["cmdline"]):
    if (process.info["cmdline"] or [])[1:] == ["-m", "workers", "cpu"]:
        for one in [process, *process.children(recursive=True)]:
            one.kill()
        print("killed", process.pid)
"""


def running_step(person: Person, instance_id: str, within_s: float = 60.0) -> Json:
    """The first step that a worker has begun."""
    began = time.monotonic()
    while time.monotonic() - began < within_s:
        steps: list[Json] = person.get(f"/api/v1/instances/{instance_id}/steps", limit=200)["items"]
        for step in steps:
            if step["status"] == "running" and step["lane"] == "cpu":
                return step
        time.sleep(0.05)
    raise AssertionError("no step was begun")


def kill_worker(container: Container) -> None:
    answer = container.run("/opt/studio/.venv/bin/python", "-c", KILL_WORKER)
    assert "killed" in answer.stdout, answer.stdout + answer.stderr


def test_killed_worker_costs_time_and_no_film(start: Start) -> None:
    """kill -9 in the middle of the sample: its lease runs out, another attempt finishes it."""
    container = start(environment=OWNER)
    container.wait_until_ready()
    person = Person(container.url)
    person.log_in(OWNER["ADMIN_EMAIL"], OWNER["ADMIN_PASSWORD"])
    workflow = person.sample_workflow()
    started = person.start(workflow["id"], {"photos": person.sample_photos(), "title": "Again"})
    running_step(person, started["id"])
    kill_worker(container)
    instance = person.wait_for_end(started["id"])
    assert instance["status"] == "completed", instance
    assert person.download(instance["outputs"]["film"]["asset"])[4:8] == b"ftyp"
    person.close()


def test_stop_in_the_middle_of_work_is_clean_and_the_work_goes_on(start: Start, volume: Path) -> None:
    """A bare stop under load: in ten seconds, no crash recovery, and the instance completes later."""
    first = start(volume=volume, environment=OWNER)
    first.wait_until_ready()
    person = Person(first.url)
    person.log_in(OWNER["ADMIN_EMAIL"], OWNER["ADMIN_PASSWORD"])
    workflow = person.sample_workflow()
    started = person.start(workflow["id"], {"photos": person.sample_photos(), "title": "Later"})
    running_step(person, started["id"])
    person.close()
    stop = first.stop()
    assert stop.took_s < 10, stop.log
    assert stop.exit_code == 0, stop.log
    first.remove()
    second = start(volume=volume, environment=OWNER)
    second.wait_until_ready()
    assert "not properly shut down" not in second.log().lower()
    person = Person(second.url)
    person.log_in(OWNER["ADMIN_EMAIL"], OWNER["ADMIN_PASSWORD"])
    assert person.wait_for_end(started["id"])["status"] == "completed"
    person.close()
