"""Webhooks as people keep them: checked when saved, secrets shown once, addresses that can be changed."""

from typing import Any

import httpx
import pytest

from app.kit.ids import new_id
from app.resources.accounts.roles import Role
from tests.people import People, problem
from tests.resources.webhooks.conftest import WORD, Owner

SHARED = {"kind": "header", "name": "X-Key"}


async def test_a_webhook_shows_its_address_and_its_secret_once(owner: Owner) -> None:
    hook = await owner.hook(auth=SHARED)
    assert hook.url.startswith("http://studio.test/hooks/wh_")
    assert hook.secret is not None
    assert len(hook.secret) > 30
    token = hook.url.rsplit("/", 1)[-1]
    assert hook.shown["token_prefix"] == token[:9]
    read = (await owner.client.get(f"/api/v1/webhooks/{hook.id}")).json()
    listed = (await owner.client.get("/api/v1/webhooks")).json()["items"]
    assert listed == [read]
    assert read == {key: value for key, value in hook.shown.items() if key not in {"url", "secret"}}
    assert (read["has_secret"], read["auth"]) == (True, SHARED)
    assert token not in str(read)
    assert hook.secret not in str(read)


async def test_neither_token_nor_secret_lies_readable_in_the_database(owner: Owner) -> None:
    hook = await owner.hook(auth=SHARED, secret="a secret of the sender")
    (row,) = await owner.rows("SELECT * FROM webhooks WHERE id = %(id)s", id=hook.id)
    assert hook.url.rsplit("/", 1)[-1] not in str(row)
    assert "a secret of the sender" not in str(row)
    assert row["secret"].startswith("v1:")
    assert hook.secret is None, "what the person gave is not shown back"


async def test_a_repeated_call_makes_one_webhook_and_keeps_no_secret(owner: Owner) -> None:
    body = {"workflow_id": await owner.workflow(WORD), "name": "Once", "auth": SHARED}
    key = {"idempotency-key": "made twice"}
    first, again = [
        (await owner.client.post("/api/v1/webhooks", json=body, headers=key)).json() for _ in range(2)
    ]
    assert first["id"] == again["id"]
    assert (again["url"], again["secret"]) == (None, None)
    kept = str(await owner.rows("SELECT answer FROM idempotency_keys"))
    assert first["secret"] not in kept
    assert first["url"].rsplit("/", 1)[-1] not in kept


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"auth": {"kind": "trust"}}, "auth.kind"),
        ({"auth": {"kind": "header", "name": "no spaces"}}, "auth.name"),
        ({"auth": {"kind": "basic", "username": "a:b"}}, "auth.username"),
        ({"auth": {"kind": "jwt", "algorithm": "none"}}, "auth.algorithm"),
        ({"auth": {"kind": "jwt", "algorithm": "RS256"}}, "auth.public_key"),
        ({"auth": {"kind": "hmac"}}, "auth.header"),
        ({"auth": {"kind": "stripe", "tolerance_s": 100_000}}, "auth.tolerance_s"),
        ({"auth": {"kind": "jwt", "algorithm": "HS256"}, "secret": "too short"}, "secret"),
        ({"auth": {"kind": "none"}, "secret": "nobody asks for it"}, "secret"),
        ({"methods": []}, "methods"),
        ({"methods": ["BREW"]}, "methods[0]"),
        ({"accepts": "anything"}, "accepts"),
        ({"wait_s": 61}, "wait_s"),
        ({"max_per_minute": 0}, "max_per_minute"),
        ({"inputs": {"word": "{{ bdy.word }}"}}, "inputs.word"),
        ({"inputs": {"word": 5}}, "inputs.word"),
        ({"inputs": {"word": "{{ body.w }}", "wrod": "x"}}, "inputs.wrod"),
        ({"inputs": {}}, "inputs.word"),
        ({"name": ""}, "name"),
    ],
)
async def test_what_could_not_work_is_not_saved(owner: Owner, change: dict[str, Any], field: str) -> None:
    body = {"workflow_id": await owner.workflow(WORD), "name": "Bad", "auth": {"kind": "none"}, **change}
    found = problem(await owner.client.post("/api/v1/webhooks", json=body), 422)
    assert field in {one.get("field") for one in found["complaints"]}, found
    assert (await owner.client.get("/api/v1/webhooks")).json()["items"] == []


async def test_a_missing_workflow_is_said_so(owner: Owner) -> None:
    body = {"workflow_id": str(new_id()), "name": "Bad", "auth": {"kind": "none"}}
    problem(await owner.client.post("/api/v1/webhooks", json=body), 404)


async def test_a_change_counts_for_the_next_delivery(owner: Owner, sender: httpx.AsyncClient) -> None:
    hook = await owner.hook()
    assert (await sender.post(hook.url, json={"word": "one"})).status_code == 202
    changed = await owner.change(hook, methods=["PUT", "PUT"], name="Renamed", max_per_minute=5)
    assert (changed["methods"], changed["name"], changed["url"]) == (["PUT"], "Renamed", None)
    refused = await sender.post(hook.url, json={"word": "two"})
    assert (refused.status_code, refused.headers["allow"]) == (405, "PUT")
    assert (await sender.put(hook.url, json={"word": "two"})).status_code == 202
    await owner.change(hook, is_enabled=False)
    assert "switched off" in problem(await sender.put(hook.url, json={"word": "x"}), 409)["detail"]
    await owner.change(hook, is_enabled=True)
    assert (await sender.put(hook.url, json={"word": "three"})).status_code == 202


async def test_another_way_of_proving_brings_another_secret(owner: Owner, sender: httpx.AsyncClient) -> None:
    hook = await owner.hook(auth=SHARED, secret="the first secret")
    good = {"x-key": "the first secret"}
    assert (await sender.post(hook.url, json={"word": "a"}, headers=good)).status_code == 202
    renamed = await owner.change(hook, auth={"kind": "header", "name": "X-Other"})
    assert (renamed["secret"], renamed["has_secret"]) == (None, True)
    moved = {"x-other": "the first secret"}
    assert (await sender.post(hook.url, json={"word": "a"}, headers=moved)).status_code == 202
    changed = await owner.change(hook, auth={"kind": "basic", "username": "ada"})
    assert changed["secret"] is not None
    assert (await sender.post(hook.url, json={"word": "a"}, headers=moved)).status_code == 401
    password = httpx.BasicAuth("ada", changed["secret"])
    assert (await sender.post(hook.url, json={"word": "a"}, auth=password)).status_code == 202
    given = await owner.change(hook, secret="chosen by a person")
    assert given["secret"] is None
    chosen = httpx.BasicAuth("ada", "chosen by a person")
    assert (await sender.post(hook.url, json={"word": "a"}, auth=chosen)).status_code == 202
    opened = await owner.change(hook, auth={"kind": "none"})
    assert opened["has_secret"] is False
    assert (await owner.rows("SELECT secret FROM webhooks")) == [{"secret": None}]


async def test_a_rotated_address_replaces_the_old_one(owner: Owner, sender: httpx.AsyncClient) -> None:
    hook = await owner.hook(auth=SHARED)
    key = {"x-key": hook.secret or ""}
    assert (await sender.post(hook.url, json={"word": "a"}, headers=key)).status_code == 202
    rotated = (await owner.client.post(f"/api/v1/webhooks/{hook.id}/rotate")).json()
    assert rotated["url"] != hook.url
    problem(await sender.post(hook.url, json={"word": "a"}, headers=key), 404)
    assert (await sender.post(rotated["url"], json={"word": "a"}, headers=key)).status_code == 202


async def test_a_deleted_webhook_is_gone_and_what_it_started_stays(
    owner: Owner, sender: httpx.AsyncClient
) -> None:
    hook = await owner.hook()
    started = await sender.post(hook.url, json={"word": "stays"})
    path = f"/api/v1/webhooks/{hook.id}"
    assert (await owner.client.delete(path)).status_code == 204
    for answer in (
        await owner.client.get(path),
        await owner.client.delete(path),
        await owner.client.patch(path, json={"name": "x"}),
        await owner.client.post(f"{path}/rotate"),
        await owner.client.post(f"{path}/test", json={}),
        await owner.client.get(f"{path}/deliveries"),
        await sender.post(hook.url, json={"word": "late"}),
    ):
        problem(answer, 404)
    assert (await owner.instance(started))["outputs"] == {"word": "stays"}


async def test_lists_narrow_to_a_workflow_and_page(owner: Owner) -> None:
    hooks = [await owner.hook() for _ in range(3)]
    one = (await owner.client.get(f"/api/v1/webhooks?workflow_id={hooks[1].workflow_id}")).json()
    assert [item["id"] for item in one["items"]] == [hooks[1].id]
    first = (await owner.client.get("/api/v1/webhooks?limit=2")).json()
    rest = (await owner.client.get(f"/api/v1/webhooks?cursor={first['next_cursor']}")).json()
    assert [item["id"] for item in first["items"] + rest["items"]] == [hook.id for hook in hooks[::-1]]


async def test_roles_look_try_and_change(owner: Owner, people: People) -> None:
    hook = await owner.hook()
    path = f"/api/v1/webhooks/{hook.id}"
    viewer = (await people.member(Role.viewer, owner.person.organization_id)).client
    operator = (await people.member(Role.operator, owner.person.organization_id)).client
    assert (await viewer.get(f"{path}/deliveries")).status_code == 200
    problem(await viewer.post(f"{path}/test", json={}), 403)
    assert (await operator.post(f"{path}/test", json={"body": {"word": "hi"}})).status_code == 201
    problem(await operator.patch(path, json={"name": "x"}), 403)
    problem(await operator.post(f"{path}/rotate"), 403)
