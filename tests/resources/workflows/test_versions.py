"""Draft and published: what runs, who decides it, and how to come back to what was."""

import asyncio
from typing import Any

import httpx
import pytest

from app.resources.accounts.roles import Role
from tests.people import People, Person, problem


def document(value: str) -> dict[str, Any]:
    node = {"id": "word", "type": "core.set", "with": {"value": value}}
    return {
        "schema": 1,
        "name": "Words",
        "nodes": [node],
        "outputs": {"word": "{{ steps.word.outputs.value }}"},
    }


class Workflow:
    """One workflow over HTTP, as an editor handles it."""

    def __init__(self, client: httpx.AsyncClient, workflow_id: str) -> None:
        self.client = client
        self.id = workflow_id
        self.path = f"/api/v1/workflows/{workflow_id}"

    async def save(self, value: str, **more: Any) -> dict[str, Any]:
        return _ok(
            await self.client.put(f"{self.path}/definition", json={"definition": document(value), **more})
        )

    async def call(self, number: int, verb: str, **body: Any) -> httpx.Response:
        return await self.client.post(f"{self.path}/versions/{number}/{verb}", json=body)

    async def view(self) -> dict[str, Any]:
        return _ok(await self.client.get(self.path))

    async def versions(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = _ok(await self.client.get(f"{self.path}/versions"))["items"]
        return items

    async def run(self, **more: Any) -> dict[str, Any]:
        answer = await self.client.post("/api/v1/instances", json={"workflow_id": self.id, **more})
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found


def _ok(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def now(view: dict[str, Any]) -> tuple[int, int | None, str]:
    """What runs, what is a draft, and the word that the running one sets."""
    return view["version"], view["draft_version"], view["definition"]["nodes"][0]["with"]["value"]


@pytest.fixture
async def editor(people: People) -> Person:
    return await people.member(Role.editor)


@pytest.fixture
async def workflow(editor: Person) -> Workflow:
    made = await editor.client.post("/api/v1/workflows", json={"definition": document("one")})
    assert made.status_code == 201
    assert now(made.json()) == (1, None, "one")
    return Workflow(editor.client, made.json()["id"])


async def test_a_draft_is_kept_but_does_not_run(workflow: Workflow) -> None:
    assert now(await workflow.save("two", publish=False)) == (1, 2, "one")
    assert now(await workflow.view()) == (1, 2, "one")
    assert (await workflow.run())["outputs"] == {"word": "one"}
    assert (await workflow.run(version=2))["outputs"] == {"word": "two"}
    listed = (await workflow.client.get("/api/v1/workflows")).json()["items"]
    assert [(one["version"], one["draft_version"]) for one in listed] == [(1, 2)]


async def test_saving_publishes_unless_it_is_told_not_to(workflow: Workflow) -> None:
    assert now(await workflow.save("two")) == (2, None, "two")
    assert (await workflow.run())["version"] == 2


async def test_publishing_a_draft_lets_it_run_and_keeps_the_words(workflow: Workflow, editor: Person) -> None:
    await workflow.save("two", publish=False, note="bolder")
    assert now(_ok(await workflow.call(2, "publish", note="for the fair"))) == (2, None, "two")
    newest, first = await workflow.versions()
    assert (newest["note"], newest["publication"]["note"]) == ("bolder", "for the fair")
    assert newest["publication"]["created_by"] == str(editor.user_id)
    assert first["publication"]["note"] == ""
    assert (await workflow.run())["outputs"] == {"word": "two"}


async def test_an_older_version_may_run_again_while_the_newest_becomes_a_draft(workflow: Workflow) -> None:
    await workflow.save("two")
    assert now(_ok(await workflow.call(1, "publish"))) == (1, 2, "one")
    assert (await workflow.run())["outputs"] == {"word": "one"}
    assert now(_ok(await workflow.call(2, "publish"))) == (2, None, "two")


async def test_a_version_that_never_ran_says_so(workflow: Workflow) -> None:
    await workflow.save("two", publish=False)
    await workflow.save("three")
    assert [one["publication"] is None for one in await workflow.versions()] == [False, True, False]


async def test_publishing_needs_no_body_and_publishing_what_runs_changes_nothing(workflow: Workflow) -> None:
    await workflow.save("two", publish=False)
    assert (await workflow.client.post(f"{workflow.path}/versions/2/publish")).status_code == 200
    before = await workflow.versions()
    _ok(await workflow.call(2, "publish", note="again"))
    assert await workflow.versions() == before


async def test_saving_a_draft_once_more_as_it_is_can_publish_it(workflow: Workflow) -> None:
    await workflow.save("two", publish=False)
    assert now(await workflow.save("two", publish=False)) == (1, 2, "one")
    assert now(await workflow.save("two")) == (2, None, "two")
    assert len(await workflow.versions()) == 2


async def test_an_edit_is_based_on_the_newest_version_not_on_the_one_that_runs(workflow: Workflow) -> None:
    await workflow.save("two", publish=False)
    late = await workflow.client.put(
        f"{workflow.path}/definition", json={"definition": document("three"), "base_version": 1}
    )
    assert problem(late, 409)["version"] == 2
    assert now(await workflow.save("three", base_version=2)) == (3, None, "three")


async def test_restoring_writes_an_old_document_as_a_new_draft(workflow: Workflow) -> None:
    await workflow.save("two")
    assert now(_ok(await workflow.call(1, "restore"))) == (2, 3, "two")
    newest = (await workflow.versions())[0]
    assert (newest["number"], newest["note"]) == (3, "As in version 1")
    _ok(await workflow.call(3, "publish"))
    assert (await workflow.run())["outputs"] == {"word": "one"}


async def test_restoring_may_publish_at_once_with_a_note_of_its_own(workflow: Workflow) -> None:
    await workflow.save("two")
    assert now(_ok(await workflow.call(1, "restore", publish=True, note="back"))) == (3, None, "one")
    assert (await workflow.versions())[0]["note"] == "back"


async def test_restoring_the_newest_makes_nothing(workflow: Workflow) -> None:
    assert now(_ok(await workflow.call(1, "restore"))) == (1, None, "one")
    assert len(await workflow.versions()) == 1


async def test_a_version_there_is_not_can_be_neither_published_nor_restored(workflow: Workflow) -> None:
    for verb in ("publish", "restore"):
        assert problem(await workflow.call(9, verb), 404)["type"].endswith("version-not-found")
    problem(await workflow.client.post(f"{workflow.path}/versions/1/publish", json={"nte": ""}), 422)


async def test_publishing_at_the_same_moment_leaves_one_of_them_running(workflow: Workflow) -> None:
    for value in ("two", "three", "four"):
        await workflow.save(value, publish=False)
    answers = await asyncio.gather(*(workflow.call(number, "publish") for number in (2, 3, 4)))
    assert {answer.status_code for answer in answers} == {200}
    version, draft, word = now(await workflow.view())
    assert (version, word) in [(2, "two"), (3, "three"), (4, "four")]
    assert draft == (None if version == 4 else 4)


async def test_two_versions_are_compared_field_by_field(workflow: Workflow) -> None:
    await workflow.save("two")
    found = _ok(await workflow.client.get(f"{workflow.path}/versions/1/diff/2"))
    assert found["nodes"] == [
        {
            "id": "word",
            "how": "changed",
            "changes": [{"field": "with.value", "before": "one", "after": "two"}],
        }
    ]
    back = _ok(await workflow.client.get(f"{workflow.path}/versions/2/diff/1"))
    assert back["nodes"][0]["changes"] == [{"field": "with.value", "before": "two", "after": "one"}]
    problem(await workflow.client.get(f"{workflow.path}/versions/1/diff/9"), 404)
