"""What senders meet: who may call, with what, and that a 2xx means that it is kept."""

import asyncio
import hashlib
import hmac
import io
import json
import time
from typing import Any

import httpx
import pytest
from PIL import Image
from structlog.testing import capture_logs

from app.flow.messages import wake_channel
from app.kit.settings import Settings
from app.resources.webhooks import bodies, known, model, waiting
from app.server.edge import Edge
from app.store.bus import Bus
from tests.engine.world import World, document, node
from tests.patience import PATIENCE_S
from tests.people import problem
from tests.resources.webhooks.conftest import PAYLOAD, WORD, WORK, Owner

FILE = document(
    node("keep", "core.set", with_={"value": "{{ inputs.file }}"}),
    inputs={"file": {"type": "file"}, "title": {"type": "text", "default": "none"}},
    outputs={"file": "{{ steps.keep.outputs.value }}", "title": "{{ inputs.title }}"},
)


async def test_a_delivery_starts_an_instance_that_is_there_when_the_answer_comes(
    owner: Owner, sender: httpx.AsyncClient
) -> None:
    hook = await owner.hook()
    answer = await sender.post(hook.url, json={"word": "hello", "more": "than asked for"})
    assert answer.status_code == 202
    told = answer.json()
    assert set(told) == {"delivery_id", "instance_id", "status_url"}
    assert answer.headers["location"] == told["status_url"]
    instance = await owner.instance(answer)
    assert (instance["source"], instance["created_by"]) == ("webhook", None)
    assert instance["outputs"] == {"word": "hello"}
    (line,) = await owner.log(hook)
    assert (line["id"], line["status"], line["instance_id"]) == (
        *(told["delivery_id"], "accepted", told["instance_id"]),
    )
    shown = (await owner.client.get(f"/api/v1/webhooks/{hook.id}")).json()["last_delivery"]
    assert (shown["id"], shown["instance_status"]) == (line["id"], "completed")


async def test_a_page_of_another_site_may_call(owner: Owner, sender: httpx.AsyncClient) -> None:
    hook = await owner.hook()
    answer = await sender.post(hook.url, json={"word": "x"}, headers={"origin": "https://elsewhere.example"})
    assert answer.status_code == 202


@pytest.mark.parametrize("token", ["wh_unknown", "x" * 5_000, "%00", "wh_" + "é" * 10])
async def test_an_address_nobody_gave_out_is_nothing(sender: httpx.AsyncClient, token: str) -> None:
    problem(await sender.post(f"/hooks/{token}", json={}), 404)


async def test_methods_are_the_webhooks_own(owner: Owner, sender: httpx.AsyncClient) -> None:
    hook = await owner.hook(methods=["GET", "DELETE"])
    for method in ("POST", "PUT", "PATCH", "HEAD"):
        answer = await sender.request(method, hook.url, json={"word": "x"})
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, DELETE"), method
    answer = await sender.get(hook.url, params={"word": "from the query"})
    assert (await owner.instance(answer))["outputs"] == {"word": "from the query"}
    assert (await sender.delete(hook.url, params={"word": "x"})).status_code == 202
    assert [line["error"]["status"] for line in await owner.log(hook, status="refused")] == [405] * 4


async def test_who_proves_nothing_starts_nothing_and_stands_in_the_log_without_a_body(
    owner: Owner, sender: httpx.AsyncClient
) -> None:
    hook = await owner.hook(auth={"kind": "header", "name": "X-Key"})
    found = problem(await sender.post(hook.url, json={"word": "x"}, headers={"x-key": "guess"}), 401)
    assert "X-Key" in found["detail"]
    (line,) = await owner.log(hook)
    assert (line["status"], line["error"]["status"], line["has_body"]) == ("refused", 401, False)
    assert line["instance_id"] is None
    assert await owner.rows("SELECT id FROM instances") == []


async def test_a_signature_is_over_the_bytes_as_they_came(owner: Owner, sender: httpx.AsyncClient) -> None:
    hook = await owner.hook(auth={"kind": "github"}, secret="shared with github")
    body = b'{ "word" :\t"sp\\u0061ced" }'  # any re-writing of this would change it
    mac = hmac.new(b"shared with github", body, hashlib.sha256).hexdigest()
    headers = {"content-type": "application/json", "x-hub-signature-256": f"sha256={mac}"}
    answer = await sender.post(hook.url, content=body, headers=headers)
    assert (await owner.instance(answer))["outputs"] == {"word": "spaced"}
    rewritten = json.dumps(json.loads(body)).encode()
    problem(await sender.post(hook.url, content=rewritten, headers=headers), 401)
    line = (await owner.log(hook))[0]
    assert (await owner.delivery(hook, line))["headers"]["x-hub-signature-256"] == "••••"


async def test_a_secret_that_does_not_open_keeps_everybody_out(
    owner: Owner, sender: httpx.AsyncClient
) -> None:
    hook = await owner.hook(auth={"kind": "header", "name": "X-Key"}, secret="a good secret")
    await owner.execute("UPDATE webhooks SET secret = 'v1:' || gen_random_uuid() || ':AAAA:AAAA'")
    headers = {"x-key": "a good secret"}
    answer = await sender.post(hook.url, json={"word": "x"}, headers=headers)
    assert answer.status_code == 503
    (line,) = await owner.log(hook)
    assert (line["status"], line["error"]["status"]) == ("refused", 503)


async def test_an_instance_without_its_line_in_the_log_never_is(
    owner: Owner, sender: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = await owner.hook(WORK)

    async def break_off(*_: Any) -> bool:
        raise ConnectionError("the power went out here")

    with monkeypatch.context() as patched:
        patched.setattr(model, "add_delivery", break_off)
        assert (await sender.post(hook.url, json={})).status_code == 500
    assert await owner.rows("SELECT id FROM instances") == []
    assert (await sender.post(hook.url, json={})).status_code == 202


# Doing it once ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["Webhook-Id", "X-GitHub-Delivery", "Idempotency-Key"])
async def test_a_repeat_gets_the_first_answer_and_starts_nothing(
    owner: Owner, sender: httpx.AsyncClient, header: str
) -> None:
    hook = await owner.hook()
    answers = [
        await sender.post(hook.url, json={"word": "once"}, headers={header: "number 1"}) for _ in range(3)
    ]
    assert len({answer.text for answer in answers}) == 1
    assert {answer.status_code for answer in answers} == {202}
    assert len(await owner.rows("SELECT id FROM instances")) == 1
    assert [line["delivery_key"] for line in await owner.log(hook)] == ["number 1"]
    other = await sender.post(hook.url, json={"word": "once"}, headers={header: "number 2"})
    assert other.text != answers[0].text


async def test_repeats_at_the_same_moment_are_one_delivery(owner: Owner, sender: httpx.AsyncClient) -> None:
    hook = await owner.hook(WORK)
    answers = await asyncio.gather(
        *(sender.post(hook.url, json={}, headers={"webhook-id": "same"}) for _ in range(8))
    )
    assert {answer.status_code for answer in answers} == {202}, [answer.text for answer in answers]
    assert len({answer.text for answer in answers}) == 1
    assert len(await owner.rows("SELECT id FROM instances")) == 1


async def test_the_same_number_at_two_webhooks_is_two_deliveries(
    owner: Owner, sender: httpx.AsyncClient
) -> None:
    one, two = await owner.hook(), await owner.hook()
    for hook in (one, two):
        headers = {"webhook-id": "1"}
        assert (await sender.post(hook.url, json={"word": "x"}, headers=headers)).status_code == 202
    assert len(await owner.rows("SELECT id FROM instances")) == 2


async def test_a_refused_delivery_may_come_again_mended(owner: Owner, sender: httpx.AsyncClient) -> None:
    hook = await owner.hook()
    headers = {"webhook-id": "1"}
    problem(await sender.post(hook.url, json={"word": 5}, headers=headers), 422)
    assert (await sender.post(hook.url, json={"word": "five"}, headers=headers)).status_code == 202
    assert [line["status"] for line in await owner.log(hook)] == ["refused", "accepted"]


async def test_a_repeat_is_answered_although_it_would_no_longer_fit(
    owner: Owner, sender: httpx.AsyncClient
) -> None:
    hook = await owner.hook()
    headers = {"webhook-id": "1"}
    first = await sender.post(hook.url, json={"word": "long enough"}, headers=headers)
    await owner.client.delete(f"/api/v1/workflows/{hook.workflow_id}")
    again = await sender.post(hook.url, json={"word": "long enough"}, headers=headers)
    assert (again.status_code, again.text) == (202, first.text)
    assert [line["status"] for line in await owner.log(hook)] == ["accepted"]


async def test_a_webhook_may_name_the_header_its_senders_number_with(
    owner: Owner, sender: httpx.AsyncClient
) -> None:
    hook = await owner.hook(delivery_header="X-Event-Id")
    for headers in ({"x-event-id": "1"}, {"x-event-id": "1"}, {"webhook-id": "1"}, {"webhook-id": "1"}):
        assert (await sender.post(hook.url, json={"word": "x"}, headers=headers)).status_code == 202
    assert [line["delivery_key"] for line in await owner.log(hook)] == ["1", None, None]
    too_long = {"x-event-id": "1" * 201}
    problem(await sender.post(hook.url, json={"word": "x"}, headers=too_long), 422)


async def test_stripe_numbers_its_events_in_the_body(owner: Owner, sender: httpx.AsyncClient) -> None:
    hook = await owner.hook(PAYLOAD, auth={"kind": "stripe"}, secret="whsec_of_stripe")
    answers = []
    for offset in (0, 1):  # a retry is signed anew
        stamp = int(time.time()) - offset
        body = json.dumps({"id": "evt_1", "type": "payment"}).encode()
        mac = hmac.new(b"whsec_of_stripe", f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"content-type": "application/json", "stripe-signature": f"t={stamp},v1={mac}"}
        answers.append(await sender.post(hook.url, content=body, headers=headers))
    assert answers[0].status_code == 202
    assert answers[0].text == answers[1].text


# What it carries -------------------------------------------------------------------------------------------


async def test_a_mapping_makes_the_inputs(owner: Owner, sender: httpx.AsyncClient) -> None:
    mapping = {"word": "{{ method }} {{ headers['x-event'] }} {{ body.user.name }} {{ query.page }}"}
    hook = await owner.hook(inputs=mapping)
    answer = await sender.post(
        f"{hook.url}?page=2", json={"user": {"name": "Ada"}}, headers={"X-Event": "push"}
    )
    assert (await owner.instance(answer))["outputs"] == {"word": "POST push Ada 2"}
    found = problem(await sender.post(hook.url, json={"user": {}}, headers={"X-Event": "push"}), 422)
    assert found["complaints"][0]["field"] == "inputs.word"
    line = (await owner.log(hook))[-1]
    assert (line["status"], line["has_body"]) == ("refused", True)
    assert line["error"]["complaints"] == found["complaints"]


@pytest.mark.parametrize(
    ("accepts", "sent", "body"),
    [
        ("json", {"json": {"a": [1, None]}}, {"a": [1, None]}),
        ("json", {"content": b"", "headers": {"content-type": "application/json"}}, None),
        ("json", {"content": b"[1]", "headers": {"content-type": "application/vnd.x+json"}}, [1]),
        ("json", {"content": b"7", "headers": {"content-type": "application/json; charset=UTF-8"}}, 7),
        ("form", {"data": {"a": "1", "b": ["2", "3"], "c": ""}}, {"a": "1", "b": ["2", "3"], "c": ""}),
        ("text", {"content": "grüß", "headers": {"content-type": "text/plain; charset=utf-8"}}, "grüß"),
        ("text", {"content": b"<a/>", "headers": {"content-type": "application/xml"}}, "<a/>"),
    ],
)
async def test_bodies_are_read_as_what_the_webhook_takes(
    owner: Owner, sender: httpx.AsyncClient, accepts: str, sent: dict[str, Any], body: Any
) -> None:
    hook = await owner.hook(
        document(
            node("keep", "core.set", with_={"value": "{{ inputs.payload }}"}),
            inputs={"payload": {"type": "json", "default": None}},
            outputs={"all": "{{ steps.keep.outputs.value }}"},
        ),
        accepts=accepts,
    )
    answer = await sender.post(hook.url, **sent)
    assert (await owner.instance(answer))["outputs"] == {"all": body}


@pytest.mark.parametrize(
    ("accepts", "content_type", "content", "status", "words"),
    [
        ("json", "application/json", b"{no", 400, "not valid JSON"),
        ("json", "application/json", b"\xff\xfe", 400, "not valid JSON"),
        ("json", "application/json", b"[" * 100_000, 400, ""),
        ("json", "application/json; charset=latin-1", b"{}", 415, "UTF-8, not latin-1"),
        ("json", "text/html", b"{}", 415, "takes JSON"),
        ("json", "multipart/form-data; boundary=x", b"--x--", 415, "takes JSON"),
        ("json", "", b"{no", 400, "not valid JSON"),
        ("form", "application/json", b"{}", 415, "takes forms"),
        ("form", "application/x-www-form-urlencoded", b"a=%FF", 400, "not valid UTF-8"),
        ("form", "application/x-www-form-urlencoded", b"&".join([b"a=1"] * 1001), 400, "1,000 fields"),
        ("text", "image/png", b"x", 415, "takes text"),
        ("text", "text/plain", b"\xff", 400, "not valid UTF-8"),
        ("file", "image/png", b"no picture at all", 415, "its content is text/plain"),
        ("file", "multipart/form-data; boundary=x", b"no multipart", 400, ""),
        ("file", "multipart/form-data; boundary=x", b"--x\r\nA: b\r\n\r\n1\r\n--x--\r\n", 422, "no file"),
        ("file", "application/octet-stream", b"", 400, "takes a file"),
    ],
)
async def test_a_body_that_is_not_what_it_says_is_refused_in_words(  # noqa: PLR0917  pytest fills them in
    owner: Owner,
    sender: httpx.AsyncClient,
    accepts: str,
    content_type: str,
    content: bytes,
    status: int,
    words: str,
) -> None:
    hook = await owner.hook(FILE if accepts == "file" else PAYLOAD, accepts=accepts)
    headers = {"content-type": content_type} if content_type else {}
    found = problem(await sender.post(hook.url, content=content, headers=headers), status)
    assert words in found["detail"]
    assert await owner.rows("SELECT id FROM instances") == []
    (line,) = await owner.log(hook)
    assert line["error"]["status"] == status


async def test_a_body_has_a_bound_whether_it_is_announced_or_not(
    owner: Owner, sender: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "MAX_BODY_BYTES", 1_000)
    hook = await owner.hook(PAYLOAD)
    read = 0

    async def endless() -> Any:
        nonlocal read
        while True:
            read += 100
            yield b"x" * 100

    headers = {"content-type": "application/json"}
    found = problem(await sender.post(hook.url, content=endless(), headers=headers), 413)
    assert "1000 bytes" in found["detail"]
    assert read < 5_000
    problem(await sender.post(hook.url, content=b"x" * 1_001, headers=headers), 413)
    packed = {**headers, "content-encoding": "gzip"}
    problem(await sender.post(hook.url, content=b"x", headers=packed), 415)


@pytest.mark.parametrize("is_form", [True, False])
async def test_a_file_becomes_an_asset(owner: Owner, sender: httpx.AsyncClient, is_form: bool) -> None:
    hook = await owner.hook(FILE, accepts="file")
    content = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(content, "PNG")
    if is_form:
        files = {"file": ("red.png", content.getvalue(), "image/png")}
        answer = await sender.post(hook.url, files=files, data={"title": "Red"})
    else:
        headers = {"content-type": "image/png", "content-disposition": 'attachment; filename="red.png"'}
        answer = await sender.post(hook.url, content=content.getvalue(), headers=headers)
    outputs = (await owner.instance(answer))["outputs"]
    assert outputs["title"] == ("Red" if is_form else "none")
    assert (outputs["file"]["name"], outputs["file"]["mime"]) == ("red.png", "image/png")
    asset = f"/api/v1/assets/{outputs['file']['asset']}"
    assert (await owner.client.get(f"{asset}/content")).content == content.getvalue()
    (line,) = await owner.log(hook)
    assert (line["asset_id"], line["has_body"]) == (outputs["file"]["asset"], True)


async def test_a_file_whose_signature_does_not_match_leaves_nothing_on_the_volume(
    owner: Owner, sender: httpx.AsyncClient, settings: Settings
) -> None:
    hook = await owner.hook(FILE, accepts="file", auth={"kind": "github"})
    content = b"bytes that nobody signed " + hook.id.encode()
    headers = {"content-type": "application/octet-stream", "x-hub-signature-256": "sha256=00"}
    problem(await sender.post(hook.url, content=content, headers=headers), 401)
    form = {"file": ("a.txt", content, "text/plain")}
    problem(await sender.post(hook.url, files=form, headers={"x-hub-signature-256": "sha256=00"}), 401)
    sha256 = hashlib.sha256(content).hexdigest()
    assert not (settings.blobs_dir / sha256[:2] / sha256).exists()
    assert list(settings.tmp_dir.glob("blob-*")) == []
    mac = hmac.new((hook.secret or "").encode(), content, hashlib.sha256).hexdigest()
    signed = {**headers, "x-hub-signature-256": f"sha256={mac}"}
    assert (await sender.post(hook.url, content=content, headers=signed)).status_code == 202


async def test_inputs_that_do_not_fit_are_told_to_the_sender(owner: Owner, sender: httpx.AsyncClient) -> None:
    hook = await owner.hook()
    found = problem(await sender.post(hook.url, json={"word": "x" * 101}), 422)
    assert found["complaints"][0]["field"] == "inputs.word"
    assert problem(await sender.post(hook.url, json=[1, 2]), 422)["complaints"]


async def test_a_deleted_workflow_is_told_as_gone(owner: Owner, sender: httpx.AsyncClient) -> None:
    hook = await owner.hook()
    await owner.client.delete(f"/api/v1/workflows/{hook.workflow_id}")
    problem(await sender.post(hook.url, json={"word": "x"}), 410)
    assert [line["error"]["status"] for line in await owner.log(hook)] == [410]


async def test_it_runs_the_version_that_is_published(owner: Owner, sender: httpx.AsyncClient) -> None:
    hook = await owner.hook()
    path = f"/api/v1/workflows/{hook.workflow_id}"
    newer = {**WORD, "outputs": {"word": "newer {{ steps.word.outputs.value }}"}}
    await owner.client.put(f"{path}/definition", json={"definition": newer})
    await owner.client.post(f"{path}/versions/2/publish")
    answer = await sender.post(hook.url, json={"word": "x"})
    assert (await owner.instance(answer))["outputs"] == {"word": "newer x"}


# How often, how long ---------------------------------------------------------------------------------------


async def test_a_webhook_takes_so_many_calls_a_minute(
    owner: Owner, sender: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 1000.0
    monkeypatch.setattr(known, "monotonic", lambda: clock)
    hook, other = await owner.hook(max_per_minute=12), await owner.hook()
    statuses = [(await sender.post(hook.url, json={"word": "x"})).status_code for _ in range(12)]
    assert statuses == [202] * known.SMALLEST_BURST + [429] * 2
    refused = await sender.post(hook.url, json={"word": "x"})
    assert refused.headers["retry-after"] == "5"
    problem(refused, 429)
    assert (await sender.post(other.url, json={"word": "x"})).status_code == 202
    clock += 5
    assert (await sender.post(hook.url, json={"word": "x"})).status_code == 202
    assert (await sender.post(hook.url, json={"word": "x"})).status_code == 429
    assert len(await owner.log(hook)) == known.SMALLEST_BURST + 1, "a flood does not fill the log"


async def test_waiting_gives_the_result(
    owner: Owner, sender: httpx.AsyncClient, theirs: World, bus: Bus
) -> None:
    work = document(node("work", with_={"value": 7}), outputs={"n": "{{ steps.work.outputs.value }}"})
    hook = await owner.hook(work, answer="when_done")
    async with bus.listen(wake_channel("cpu")) as bells:
        sending = asyncio.create_task(sender.post(hook.url, json={}))
        await anext(bells.listen())
    assert await theirs.drain() == 1
    answer = await sending
    assert answer.status_code == 200
    told = answer.json()
    assert (told["status"], told["outputs"], told["error"]) == ("completed", {"n": 7}, None)


async def test_a_repeat_waits_for_the_same_result(
    owner: Owner, sender: httpx.AsyncClient, theirs: World, bus: Bus
) -> None:
    hook = await owner.hook(WORK, answer="when_done")
    async with bus.listen(wake_channel("cpu")) as bells:
        sending = [
            asyncio.create_task(sender.post(hook.url, json={}, headers={"webhook-id": "1"})) for _ in range(3)
        ]
        await anext(bells.listen())
    assert await theirs.drain() == 1
    answers = await asyncio.gather(*sending)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1


async def test_a_failed_instance_is_a_result_too(owner: Owner, sender: httpx.AsyncClient) -> None:
    broken = document(
        node("word", "core.set", with_={"value": "{{ inputs.payload.missing }}"}),
        inputs={"payload": {"type": "json"}},
    )
    hook = await owner.hook(broken, answer="when_done")
    answer = await sender.post(hook.url, json={})
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["error"]["class"]) == ("failed", "bad_input")


async def test_who_has_waited_long_enough_is_told_where_to_look(
    owner: Owner, sender: httpx.AsyncClient
) -> None:
    hook = await owner.hook(WORK, answer="when_done", wait_s=1)
    answer = await sender.post(hook.url, json={})
    assert answer.status_code == 202
    assert (await owner.instance(answer))["status"] in {"pending", "running", "waiting"}


async def test_waiting_holds_no_connection_and_has_room_for_so_many(
    owner: Owner, sender: httpx.AsyncClient, theirs: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MOST_WAITING", 25)  # more than the pool of the application has
    hook = await owner.hook(WORK, answer="when_done", max_per_minute=6_000)
    sending = [asyncio.create_task(sender.post(hook.url, json={})) for _ in range(30)]
    done, waiting_still = await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
    while len(done) < 5:
        more, waiting_still = await asyncio.wait(waiting_still, return_when=asyncio.FIRST_COMPLETED)
        done |= more
    assert {task.result().status_code for task in done} == {202}, "the room was full"
    assert (await owner.client.get("/api/v1/webhooks")).status_code == 200
    assert await theirs.drain() == 30
    answers = await asyncio.gather(*waiting_still)
    assert {answer.status_code for answer in answers} == {200}


async def test_who_waits_is_answered_when_the_server_stops(
    owner: Owner, sender: httpx.AsyncClient, app: Edge, bus: Bus
) -> None:
    hook = await owner.hook(WORK, answer="when_done", wait_s=60)
    async with bus.listen(wake_channel("cpu")) as bells:
        sending = asyncio.create_task(sender.post(hook.url, json={}))
        await anext(bells.listen())
    app.litestar.state.closing.set()
    try:
        answer = await asyncio.wait_for(sending, PATIENCE_S)
    finally:
        app.litestar.state.closing.clear()
    assert answer.status_code == 202


async def test_no_log_tells_an_address(
    owner: Owner, sender: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = await owner.hook()
    token = hook.url.rsplit("/", 1)[-1]

    async def break_off(*_: Any) -> bool:
        raise ConnectionError("the power went out here")

    with capture_logs() as lines:
        await sender.post(hook.url, json={"word": "x"})
        await sender.post(hook.url + "/", json={"word": "x"})
        with monkeypatch.context() as patched:
            patched.setattr(model, "add_delivery", break_off)
            assert (await sender.post(hook.url, json={"word": "x"})).status_code == 500
    assert {line["action"] for line in lines} >= {"request", "request_failed"}
    assert token[:9] in str(lines), "enough to tell which webhook it was"
    assert token not in str(lines)
