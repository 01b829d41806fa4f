"""The log of a webhook: what came, without its secrets; sent again; tried out; forgotten in time."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.kit.blobs import BlobFolder
from app.kit.clock import now
from app.kit.ids import first_id_at, new_id
from app.kit.settings import Settings
from app.resources.accounts.roles import Role
from app.resources.periodic import Parts
from app.resources.webhooks import bodies, jobs
from app.store.bus import Bus
from tests.engine.world import World
from tests.people import People, problem
from tests.resources.webhooks.conftest import PAYLOAD, WORD, Hook, Owner


@pytest.fixture
def parts(theirs: World, settings: Settings, bus: Bus, tmp_path: Path) -> Parts:
    """What the daemon's job works with."""
    folder = BlobFolder(tmp_path, tmp_path)
    return Parts(settings=settings, database=theirs.database, engine=theirs.engine, blobs=folder, bus=bus)


async def replay(owner: Owner, hook: Hook, line: dict[str, Any]) -> dict[str, Any]:
    answer = await owner.client.post(f"/api/v1/webhooks/{hook.id}/deliveries/{line['id']}/replay")
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_line_keeps_what_came_and_none_of_its_secrets(
    owner: Owner, sender: httpx.AsyncClient
) -> None:
    hook = await owner.hook(auth={"kind": "header", "name": "X-Entry"}, secret="open sesame")
    headers = {
        "X-Entry": "open sesame",
        "Authorization": "Bearer xyzzy",
        "Cookie": "a=b",
        "X-Slack-Signature": "v0=xyzzy",
        "X-Api-Key": "xyzzy",
        "User-Agent": "a sender",
        "X-Long": "x" * 5_000,
    }
    answer = await sender.post(
        f"{hook.url}?access_token=xyzzy&page=2", json={"word": "kept"}, headers=headers
    )
    assert answer.status_code == 202
    (line,) = await owner.log(hook)
    whole = await owner.delivery(hook, line)
    assert whole["body"] == '{"word":"kept"}'
    assert (whole["size_bytes"], len(whole["sha256"])) == (15, 64)
    assert whole["query"] == {"access_token": "••••", "page": "2"}
    assert whole["headers"]["user-agent"] == "a sender"
    assert len(whole["headers"]["x-long"]) == 1_000
    for name in ("x-entry", "authorization", "cookie", "x-slack-signature", "x-api-key"):
        assert whole["headers"][name] == "••••", name
    kept = str(await owner.rows("SELECT * FROM webhook_deliveries"))
    assert "open sesame" not in kept
    assert "xyzzy" not in kept


async def test_a_body_too_long_to_keep_leaves_its_length_and_its_hash(
    owner: Owner, sender: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "KEPT_BYTES", 20)
    hook = await owner.hook(PAYLOAD)
    await sender.post(hook.url, json={"long": "x" * 20})
    (line,) = await owner.log(hook)
    assert (line["has_body"], line["size_bytes"]) == (False, 31)
    assert (await owner.delivery(hook, line))["body"] is None
    path = f"/api/v1/webhooks/{hook.id}/deliveries/{line['id']}/replay"
    problem(await owner.client.post(path), 409)


async def test_a_delivery_can_be_sent_again_by_hand(owner: Owner, sender: httpx.AsyncClient) -> None:
    hook = await owner.hook(auth={"kind": "header", "name": "X-Key"}, secret="a secret of it")
    headers = {"x-key": "a secret of it", "webhook-id": "1"}
    await sender.post(hook.url, json={"word": "again"}, headers=headers)
    (first,) = await owner.log(hook)
    made = await replay(owner, hook, first)
    assert (made["status"], made["origin"], made["replay_of"]) == ("accepted", "replay", first["id"])
    assert made["instance_id"] != first["instance_id"]
    instance = (await owner.client.get(f"/api/v1/instances/{made['instance_id']}")).json()
    assert (instance["source"], instance["outputs"]) == ("webhook", {"word": "again"})
    assert instance["created_by"] == str(owner.person.user_id)
    starter = {"kind": "webhook", "id": hook.id, "name": "Knock", "entry_id": made["id"]}
    assert instance["started_by"] == starter
    assert (await replay(owner, hook, made))["status"] == "accepted"


async def test_a_refused_delivery_can_be_sent_again_once_its_webhook_is_mended(
    owner: Owner, sender: httpx.AsyncClient
) -> None:
    hook = await owner.hook()
    problem(await sender.post(hook.url, json={"name": "Ada"}), 422)
    (line,) = await owner.log(hook)
    still = await replay(owner, hook, line)
    assert (still["status"], still["error"]["status"]) == ("refused", 422)
    await owner.change(hook, inputs={"word": "{{ body.name }}"})
    mended = await replay(owner, hook, line)
    assert (mended["status"], mended["error"]) == ("accepted", None)


async def test_a_delivery_of_another_kind_of_body_is_not_sent_again(
    owner: Owner, sender: httpx.AsyncClient
) -> None:
    hook = await owner.hook()
    await sender.post(hook.url, json={"word": "x"})
    (line,) = await owner.log(hook)
    await owner.change(hook, accepts="form")
    path = f"/api/v1/webhooks/{hook.id}/deliveries/{line['id']}/replay"
    problem(await owner.client.post(path), 415)


async def test_a_file_that_was_delivered_can_be_sent_again(owner: Owner, sender: httpx.AsyncClient) -> None:
    hook = await owner.hook(PAYLOAD, accepts="file")
    await sender.post(hook.url, files={"paper": ("a.txt", b"some text", "text/plain")}, data={"n": "1"})
    (line,) = await owner.log(hook)
    made = await replay(owner, hook, line)
    instance = (await owner.client.get(f"/api/v1/instances/{made['instance_id']}")).json()
    assert instance["inputs"]["payload"]["n"] == "1"
    assert instance["inputs"]["payload"]["paper"]["asset"] == line["asset_id"]


@pytest.mark.parametrize(
    ("accepts", "body", "kept"),
    [
        ("json", {"word": "hi"}, '{"word":"hi"}'),
        ("form", {"word": "hi there"}, "word=hi+there"),
        ("text", "hi", "hi"),
    ],
)
async def test_a_webhook_can_be_tried_out_without_a_sender(
    owner: Owner, accepts: str, body: Any, kept: str
) -> None:
    more = {"inputs": {"word": "{{ body }}"}} if accepts == "text" else {}
    hook = await owner.hook(accepts=accepts, auth={"kind": "github"}, **more)
    made = (await owner.client.post(f"/api/v1/webhooks/{hook.id}/test", json={"body": body})).json()
    assert (made["status"], made["origin"], made["instance_status"]) == ("accepted", "test", "completed")
    assert (await owner.delivery(hook, made))["body"] == kept
    assert (await replay(owner, hook, made))["status"] == "accepted"


async def test_a_trial_that_does_not_fit_says_so_in_its_line(owner: Owner) -> None:
    hook = await owner.hook()
    path = f"/api/v1/webhooks/{hook.id}/test"
    made = (await owner.client.post(path, json={"body": {"word": 5}})).json()
    assert (made["status"], made["error"]["complaints"][0]["field"]) == ("refused", "inputs.word")
    form = await owner.hook(accepts="form")
    problem(await owner.client.post(f"/api/v1/webhooks/{form.id}/test", json={"body": "text"}), 422)
    no_query: list[Any] = [{"a": {"b": 1}}, {"a": 1}, {"a": [{}]}]
    for query in no_query:
        found = problem(await owner.client.post(path, json={"query": query}), 422)
        assert found["complaints"][0]["field"].startswith("query")


async def test_nobody_else_reads_or_repeats_a_delivery(
    owner: Owner, sender: httpx.AsyncClient, people: People
) -> None:
    hook = await owner.hook()
    await sender.post(hook.url, json={"word": "private"})
    (line,) = await owner.log(hook)
    stranger = (await people.member(Role.owner)).client
    path = f"/api/v1/webhooks/{hook.id}/deliveries"
    for answer in (
        await stranger.get(path),
        await stranger.get(f"{path}/{line['id']}"),
        await stranger.post(f"{path}/{line['id']}/replay"),
        await owner.client.get(f"{path}/{new_id()}"),
        await owner.client.get(f"/api/v1/webhooks/{(await owner.hook()).id}/deliveries/{line['id']}"),
    ):
        problem(answer, 404)


async def test_the_log_pages_and_narrows(owner: Owner, sender: httpx.AsyncClient) -> None:
    hook = await owner.hook()
    for word in ("a", 1, "b", 2, "c"):
        await sender.post(hook.url, json={"word": word})
    path = f"/api/v1/webhooks/{hook.id}/deliveries"
    first = (await owner.client.get(path, params={"limit": 3})).json()
    rest = (await owner.client.get(path, params={"cursor": first["next_cursor"]})).json()
    assert [line["status"] for line in first["items"] + rest["items"]] == [
        *("accepted", "refused", "accepted", "refused", "accepted")
    ]
    assert len(await owner.log(hook, status="refused")) == 2
    problem(await owner.client.get(path, params={"status": "lost"}), 422)


async def test_old_lines_and_those_beyond_the_newest_are_forgotten(
    owner: Owner, sender: httpx.AsyncClient, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, quiet, old = await owner.hook(), await owner.hook(), await owner.hook()
    for hook, count in ((busy, 7), (quiet, 2), (old, 2)):
        for _ in range(count):
            await sender.post(hook.url, json={"word": "x"})
    month_old = first_id_at(now() - timedelta(days=31))
    first = (await owner.log(old))[0]
    started = f"/api/v1/instances/{first['instance_id']}"
    assert (await owner.client.get(started)).json()["started_by"]["entry_id"] == first["id"]
    await owner.execute(
        "UPDATE webhook_deliveries SET id = %(old)s WHERE id = %(id)s", old=month_old, id=first["id"]
    )
    monkeypatch.setattr(jobs, "KEEP_DELIVERIES", 3)
    monkeypatch.setattr(jobs, "BATCH", 2)
    newest = (await owner.log(busy))[-3:]
    assert await jobs.shorten_logs(parts) >= 5  # the logs of other tests are long, too
    assert await owner.log(busy) == newest
    assert len(await owner.log(quiet)) == 2
    assert len(await owner.log(old)) == 1
    assert await jobs.shorten_logs(parts) == 0
    assert (await owner.client.get(started)).json()["started_by"] is None, "nobody knows any more"


async def test_a_workflow_of_no_inputs_takes_any_delivery(owner: Owner, sender: httpx.AsyncClient) -> None:
    hook = await owner.hook(
        {**WORD, "inputs": {}, "nodes": [{"id": "word", "type": "core.set", "with": {"value": 1}}]}
    )
    assert (await sender.post(hook.url, json={"whatever": 1})).status_code == 202
