"""What the programs of the box say, page by page and by filter, for whoever runs it and nobody else."""

import json
from collections.abc import Iterator

import pytest

from app.kit.ids import new_id
from app.kit.ring import Ring, files_of
from app.kit.settings import LogSettings, Settings
from app.kit.voice import Voice
from app.resources.accounts.roles import Role
from tests.people import People, problem

ADDRESS = "/api/v1/infrastructure/logs"
INSTANCE = str(new_id())


@pytest.fixture(autouse=True)
def some_lines(settings: Settings) -> Iterator[None]:
    """What a box has said, on the session's volume."""
    api = Voice("studio-api", LogSettings(format="json"))
    postgres = Voice("studio-postgres", LogSettings(format="json"))
    ring = Ring(settings.logs_dir, 1_000_000)
    for number in range(250):
        ring.write(api.line("info", f"Line {number}").encode() + b"\n")
    about = {"action": "job_failed", "instance": INSTANCE, "password": "hunter2hunter2"}
    ring.write(api.line("warning", "Job failed", about).encode() + b"\n")
    ring.write(postgres.line("error", "Disk is full").encode() + b"\n")
    ring.close()
    yield
    for path in files_of(settings.logs_dir):
        path.unlink()


async def test_the_newest_lines_come_first_and_pages_go_on_without_a_gap(people: People) -> None:
    chief = await people.member(Role.viewer, is_super_admin=True)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": "100"} | ({"cursor": cursor} if cursor else {})
        found = (await chief.client.get(ADDRESS, params=query)).json()
        seen += [one["message"] for one in found["items"]]
        cursor = found["next_cursor"]
        if cursor is None:
            break
    assert seen == ["Disk is full", "Job failed", *(f"Line {n}" for n in reversed(range(250)))]


async def test_filters_and_no_secret(people: People) -> None:
    chief = await people.member(Role.viewer, is_super_admin=True)

    async def asked(**query: str) -> list[str]:
        answer = await chief.client.get(ADDRESS, params=query)
        assert answer.status_code == 200, answer.text
        return [one["message"] for one in answer.json()["items"]]

    assert await asked(program="postgres") == ["Disk is full"]
    assert await asked(level="WARNING") == ["Disk is full", "Job failed"]
    assert await asked(grep="LINE 24") == [*(f"Line {n}" for n in reversed(range(240, 250))), "Line 24"]
    assert await asked(since="2999-01-01T00:00:00Z") == []
    answer = await chief.client.get(ADDRESS, params={"instance": INSTANCE})
    (line,) = answer.json()["items"]
    assert line["fields"] == {"action": "job_failed", "instance": INSTANCE, "password": "****"}
    assert "hunter2" not in json.dumps(answer.json())


async def test_what_is_no_filter_is_refused_in_words(people: People) -> None:
    chief = await people.member(Role.viewer, is_super_admin=True)
    problem(await chief.client.get(ADDRESS, params={"cursor": "7.x"}), 400)
    problem(await chief.client.get(ADDRESS, params={"level": "LOUD"}), 422)
    problem(await chief.client.get(ADDRESS, params={"since": "yesterday"}), 422)
    problem(await (await people.member(Role.owner)).client.get(ADDRESS), 403)
