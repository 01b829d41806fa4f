"""Whole workers against a whole API: what a person would see when things go well, and when they do not."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from app.flow.messages import Lane, LaneSlots, Register
from app.flow.plan import POISON_AFTER
from app.kit.blobs import BlobFolder
from app.kit.codec import encode, to_plain
from app.kit.log import configure
from app.kit.settings import LogSettings
from app.resources.assets.model import add_asset
from app.resources.assets.service import as_value
from app.steps.tools.sniff import look
from app.store.database import Scope
from tests.engine.world import node
from tests.patience import PATIENCE_S
from tests.steps.bench import draw_photo
from tests.steps.test_http_request import Web, web
from tests.workers.conftest import Yard, eventually

__all__ = ["web"]

LONG = {"seconds": 600, "value": 1}


async def photo(yard: Yard, folder: Path) -> dict[str, Any]:
    """A photo among the organization's files, as an input."""
    path = folder / "photo.jpg"
    draw_photo(path)
    facts = await asyncio.to_thread(look, path, path.name)
    settings = yard.box.settings
    blob = BlobFolder(settings.blobs_dir, settings.tmp_dir).adopt(path)
    async with yard.database.transaction(Scope.system()) as tx:
        asset = await add_asset(
            tx,
            blob,
            facts,
            organization_id=yard.organization_id,
            name=path.name,
            source="upload",
        )
    value: dict[str, Any] = to_plain(as_value(asset))
    return value


async def test_a_step_runs_and_its_value_comes_back(yard: Yard) -> None:
    await yard.crew.start("cpu")
    instance = await yard.start(node("a", with_={"value": {"answer": 42}}))
    assert await yard.end_of(instance) == "completed"
    assert (await yard.steps(instance))["a"]["outputs"] == {"value": {"answer": 42}, "number": 1}


async def test_a_step_that_asks_the_web_gives_its_slot_back_between_two_calls(yard: Yard, web: Web) -> None:
    await yard.crew.start("cpu", STUDIO_CPU_SLOTS="1", STUDIO_OUTGOING_ALLOW="127.0.0.1")
    web.body = b'{"state": "queued"}'
    wish = {"url": web.base, "path": "state", "values": ["done"], "every_s": 600}
    polling = await yard.start(node("poll", "http.poll", with_=wish))

    async def is_postponed() -> bool:
        return str((await yard.steps(polling))["poll"]["reason"]).startswith("Asking again in 600 s.")

    await eventually(is_postponed)
    other = await yard.start(node("a", with_={"value": 1}))
    assert await yard.end_of(other) == "completed", "the only slot is free meanwhile"
    web.body = b'{"state": "done"}'
    await yard.execute("UPDATE attempts SET available_at = now() WHERE status = 'queued'")
    await yard.engine.sweep()
    assert await yard.end_of(polling) == "completed"
    assert (await yard.steps(polling))["poll"]["outputs"]["value"] == "done"


async def test_a_chain_of_steps_needs_one_bell(yard: Yard) -> None:
    await yard.crew.start("cpu")
    nodes = [node("s0", with_={"value": 0})]
    nodes += [
        node(f"s{n}", with_={"value": f"{{{{ steps.s{n - 1}.outputs.value + 1 }}}}"}) for n in range(1, 20)
    ]
    instance = await yard.start(*nodes)
    assert await yard.end_of(instance) == "completed"
    assert (await yard.steps(instance))["s19"]["outputs"]["value"] == 19
    assert len({attempt["worker_id"] for attempt in await yard.attempts(instance)}) == 1


async def test_a_fan_out_keeps_its_order_and_leaves_no_bells(yard: Yard) -> None:
    await yard.crew.start("cpu")
    instance = await yard.start(
        node("each", each="{{ inputs.numbers }}", with_={"value": "{{ item }}"}),
        given={"numbers": list(range(60))},
        inputs={"numbers": {"type": "json"}},
    )
    assert await yard.end_of(instance) == "completed"
    items = await yard.items(instance, "each")
    assert [item["outputs"]["value"] for item in items] == list(range(60))

    async def no_bell_is_left() -> bool:
        return int(await yard.box.bus.redis.zcard("studio:queue:cpu")) == 0

    await eventually(no_bell_is_left)


async def test_bad_inputs_fail_the_step_with_class_and_sentence(yard: Yard) -> None:
    await yard.crew.start("cpu")
    instance = await yard.start(
        node("a", with_={"seconds": "{{ inputs.n }}"}), given={"n": -5}, inputs={"n": {"type": "number"}}
    )
    assert await yard.end_of(instance) == "failed"
    error = (await yard.steps(instance))["a"]["error"]
    assert error["class"] == "bad_input"
    assert "seconds" in error["message"]


async def test_a_step_that_takes_too_long_fails_by_its_timeout(yard: Yard) -> None:
    await yard.crew.start("cpu")
    instance = await yard.start(node("a", with_=LONG, timeout_s=1))
    assert await yard.end_of(instance) == "failed"
    assert (await yard.steps(instance))["a"]["error"]["class"] == "timeout"


async def test_kill_minus_nine_in_the_middle_costs_nothing_but_time(yard: Yard) -> None:
    first = await yard.crew.start("cpu")
    instance = await yard.start(node("a", with_={"value": 7, "seconds": 1.5}))
    await yard.until_progress(instance, "a")
    first.kill()
    assert await first.ended() == -9
    # Its successor on the same machine sees that it is dead; nobody waits for the lease.
    second = await yard.crew.start("cpu")
    await second.said("job_completed")
    assert await yard.end_of(instance) == "completed"
    attempts = await yard.attempts(instance)
    assert [(attempt["status"], attempt["cause"]) for attempt in attempts] == [
        ("lost", "first"),
        ("completed", "lost"),
    ]
    step = (await yard.steps(instance))["a"]
    assert step["outputs"]["value"] == 7
    assert step["attempts_used"] == 0, "no retry was used up"
    assert step["times_lost"] == 1


async def test_a_step_that_kills_worker_after_worker_is_not_tried_for_ever(yard: Yard) -> None:
    instance = await yard.start(node("a", with_=LONG))

    async def has_it(attempt: int) -> bool:
        statuses = [one["status"] for one in await yard.attempts(instance)]
        return statuses == ["lost"] * (attempt - 1) + ["leased"]

    for attempt in range(1, POISON_AFTER + 1):
        worker = await yard.crew.start("cpu")
        await eventually(partial(has_it, attempt))
        worker.kill()
        assert await worker.ended() == -9
    await yard.crew.start("cpu")
    assert await yard.end_of(instance) == "failed"
    step = (await yard.steps(instance))["a"]
    assert (step["error"]["class"], step["times_lost"]) == ("lost", POISON_AFTER)


async def test_a_worker_leaves_a_mark_with_its_first_step(yard: Yard, tmp_path: Path) -> None:
    mark = tmp_path / "at-work" / "worker-cpu"
    mark.parent.mkdir()
    await yard.crew.start("cpu", STUDIO_RUN_DIR=str(tmp_path), REDIS_URL=yard.box.settings.redis.url)
    assert not mark.exists()
    instance = await yard.start(node("a"))
    assert await yard.end_of(instance) == "completed"
    assert mark.exists()


async def test_another_worker_takes_over_when_the_lease_has_run_out(yard: Yard) -> None:
    workers = {name: await yard.crew.start("cpu", STUDIO_WORKER_NAME=name) for name in ("first", "second")}
    # However slow the machine is, the first holder must not come to the end of the step.
    instance = await yard.start(node("a", with_=LONG))
    await yard.until(instance, "running")
    (attempt,) = await yard.attempts(instance)
    (holder,) = await yard.rows("SELECT name FROM workers WHERE id = %(id)s", id=attempt["worker_id"])
    killed = workers.pop(holder["name"])
    killed.kill()
    await killed.ended()
    (other,) = await yard.rows("SELECT id FROM workers WHERE name = %(name)s", name=next(iter(workers)))

    async def other_has_it() -> bool:
        # A last heartbeat of the dead may still be on its way and renew the lease once more.
        await yard.execute(
            "UPDATE attempts SET lease_until = now() - interval '1 s' "
            "WHERE id = %(id)s AND status = 'leased'",
            id=attempt["id"],
        )
        await yard.engine.sweep()
        newest = (await yard.attempts(instance))[-1]
        return (newest["status"], newest["worker_id"]) == ("leased", other["id"])

    await eventually(other_has_it)
    assert [(one["status"], one["cause"]) for one in await yard.attempts(instance)] == [
        ("lost", "first"),
        ("leased", "lost"),
    ]


async def test_cancel_ends_a_running_step_and_its_slot_is_free(yard: Yard) -> None:
    worker = await yard.crew.start("cpu", STUDIO_CPU_SLOTS="1")
    instance = await yard.start(node("a", with_=LONG))
    await yard.until(instance, "running")
    await asyncio.sleep(0.2)
    await yard.cancel(instance)
    following = await yard.start(node("b", with_={"value": 1}))
    assert await yard.end_of(following) == "completed"
    assert worker.process.returncode is None


async def test_cancel_ends_ffmpeg_too(yard: Yard, tmp_path: Path) -> None:
    worker = await yard.crew.start("cpu")
    picture = await photo(yard, tmp_path)
    instance = await yard.start(
        node("film", "video.slideshow", with_={"images": "{{ inputs.photos }}", "seconds_per_image": 120}),
        given={"photos": [picture] * 30},
        inputs={"photos": {"type": "image[]"}},
    )
    await yard.until_progress(instance, "film")
    programs = worker.children("ffmpeg")
    assert programs
    await yard.cancel(instance)
    await eventually(lambda: not any(is_alive(one) for one in programs))


async def test_a_film_whose_ffmpeg_is_killed_is_made_by_another(yard: Yard, tmp_path: Path) -> None:
    worker = await yard.crew.start("cpu")
    picture = await photo(yard, tmp_path)
    film = {"images": "{{ inputs.photos }}", "seconds_per_image": 20, "width": 640, "height": 360}
    instance = await yard.start(
        node("film", "video.slideshow", with_=film),
        given={"photos": [picture] * 3},
        inputs={"photos": {"type": "image[]"}},
    )
    await yard.until_progress(instance, "film")
    (program,) = worker.children("ffmpeg")
    program.kill()
    assert await yard.end_of(instance) == "completed"
    assert [(one["status"], one["cause"]) for one in await yard.attempts(instance)] == [
        ("lost", "first"),
        ("completed", "lost"),
    ]


@pytest.mark.parametrize("deaf", [False, True], ids=["obedient", "deaf"])
async def test_cancel_ends_work_in_the_child_and_the_lane_goes_on(yard: Yard, deaf: bool) -> None:
    worker = await yard.crew.start("gpu")
    instance = await yard.start(node("a", "debug.gpu_work", with_={"seconds": 600, "deaf": deaf}))
    child = await worker.said("child_started")
    await asyncio.sleep(0.3)
    await yard.cancel(instance)
    following = await yard.start(node("b", "debug.gpu_work", with_={"value": "next"}))
    assert await yard.end_of(following) == "completed"
    (now_running,) = worker.children("workers.child")
    assert (now_running.pid == child["pid"]) != deaf, "only the deaf child is killed; models stay"


async def test_a_child_that_dies_fails_its_step_and_the_next_gets_a_fresh_one(yard: Yard) -> None:
    await yard.crew.start("gpu")
    instance = await yard.start(node("a", "debug.gpu_work", with_={"seconds": 0.2, "die": True}))
    assert await yard.end_of(instance) == "failed"
    error = (await yard.steps(instance))["a"]["error"]
    assert error["class"] == "bug"
    assert "died" in error["message"]
    following = await yard.start(node("b", "debug.gpu_work", with_={"value": 1}))
    assert await yard.end_of(following) == "completed"


async def test_no_child_runs_until_a_step_needs_one_and_none_when_idle(yard: Yard) -> None:
    worker = await yard.crew.start("gpu", STUDIO_MODEL_IDLE_S="1")
    assert not worker.children("workers.child")
    instance = await yard.start(node("a", "debug.gpu_work", with_={"value": 1}))
    assert await yard.end_of(instance) == "completed"
    await worker.said("child_idle")
    await eventually(lambda: not worker.children("workers.child"))


async def test_a_worker_that_is_stopped_gives_its_work_back_and_leaves_quickly(yard: Yard) -> None:
    first = await yard.crew.start("cpu")
    second = await yard.crew.start("cpu", STUDIO_WORKER_NAME="second", STUDIO_CPU_SLOTS="1")
    instance = await yard.start(node("a", with_={"seconds": 3, "value": 1}))
    await yard.until_progress(instance, "a")
    (attempt,) = await yard.attempts(instance)
    (holder,) = await yard.rows("SELECT name FROM workers WHERE id = %(id)s", id=attempt["worker_id"])
    leaving, staying = (second, first) if holder["name"] == "second" else (first, second)
    leaving.terminate()
    assert await leaving.ended() == 0
    await staying.said("job_completed")
    assert await yard.end_of(instance) == "completed"
    attempts = await yard.attempts(instance)
    assert [one["cause"] for one in attempts] == ["first", "given_back"]
    assert (await yard.steps(instance))["a"]["attempts_used"] == 0


async def test_a_wrong_secret_ends_the_worker_with_a_sentence_and_tells_the_api_log(
    yard: Yard, capfd: pytest.CaptureFixture[str]
) -> None:
    configure("studio-api", LogSettings(format="json"))
    worker = await yard.crew.start("cpu", ready=False, WORKER_SHARED_SECRET="not-the-secret-of-this-box")
    assert await worker.ended() == 78
    line = await worker.said("worker_unusable")
    assert "WORKER_SHARED_SECRET" in line["message"]
    refused = capfd.readouterr().out
    assert "worker_refused" in refused
    assert "keys/worker_shared_secret" in refused
    assert "not-the-secret-of-this-box" not in refused


async def test_the_api_restarts_and_no_result_is_lost(yard: Yard) -> None:
    worker = await yard.crew.start("cpu")
    instance = await yard.start(node("a", with_={"value": 7, "seconds": 1.0}))
    await yard.until(instance, "running")
    await yard.box.stop()
    await worker.said("finish_retry")
    await yard.box.start()
    assert await yard.end_of(instance) == "completed"
    assert len(await yard.attempts(instance)) == 1


async def test_a_worker_waits_for_an_api_that_is_not_up_yet(yard: Yard) -> None:
    await yard.box.stop()
    worker = await yard.crew.start("cpu", ready=False)
    await worker.said("await_api")
    await yard.box.start()
    await worker.said("worker_ready")


async def test_a_worker_the_api_has_forgotten_registers_again(yard: Yard) -> None:
    worker = await yard.crew.start("cpu")
    await yard.execute("DELETE FROM workers")
    yard.box.forget_workers()
    instance = await yard.start(node("a", with_={"value": 1}))
    assert await yard.end_of(instance) == "completed"
    await worker.said("re_register")


async def test_without_redis_work_is_still_found(yard: Yard) -> None:
    nowhere = yard.box.settings.run_dir / "no-redis.sock"
    worker = await yard.crew.start("cpu", ready=False, REDIS_URL=f"unix://{nowhere}")
    await worker.said("redis_away")
    instance = await yard.start(node("a", with_={"value": 1}))
    assert await yard.end_of(instance) == "completed"


async def test_bells_that_were_lost_are_made_up_for_at_the_start(yard: Yard) -> None:
    instance = await yard.start(node("a", with_={"value": 1}))
    await yard.box.bus.redis.flushdb()
    await yard.crew.start("cpu")
    assert await yard.end_of(instance) == "completed"


async def test_a_worker_elsewhere_fetches_and_uploads(yard: Yard, tmp_path: Path) -> None:
    picture = await photo(yard, tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    secret = yard.box.settings.keys.require("worker_shared_secret")
    worker = await yard.crew.start("cpu", WORKSPACE_PATH=str(elsewhere), WORKER_SHARED_SECRET=secret)
    assert (await worker.said("worker_ready"))["shared_blobs"] is False
    instance = await yard.start(
        node("small", "image.transform", with_={"image": "{{ inputs.photo }}", "width": 32}),
        given={"photo": picture},
        inputs={"photo": {"type": "image"}},
    )
    assert await yard.end_of(instance) == "completed", (await yard.steps(instance))["small"]["error"]
    made = (await yard.steps(instance))["small"]["outputs"]["image"]
    stored = yard.box.settings.blobs_dir / made["sha256"][:2] / made["sha256"]
    assert hashlib.sha256(stored.read_bytes()).hexdigest() == made["sha256"]
    assert stored.stat().st_size == made["size_bytes"]
    await eventually(lambda: not [*(elsewhere / "tmp" / "workers").glob("worker-*/*")])


async def test_the_private_folder_of_a_step_is_gone_afterwards(yard: Yard, tmp_path: Path) -> None:
    await yard.crew.start("cpu")
    instance = await yard.start(
        node("small", "image.transform", with_={"image": "{{ inputs.photo }}", "width": 32}),
        given={"photo": await photo(yard, tmp_path)},
        inputs={"photo": {"type": "image"}},
    )
    assert await yard.end_of(instance) == "completed"
    assert not [*(yard.box.settings.tmp_dir / "workers").glob("worker-*/*")]


async def test_bytes_are_only_for_workers_whose_attempt_names_them(yard: Yard, tmp_path: Path) -> None:
    picture = await photo(yard, tmp_path)
    async with registered(yard) as client:
        url = f"/internal/v1/blobs/{picture['sha256']}"
        assert (await client.get(url)).status_code == 403
        assert (await client.head(url)).status_code == 403
        assert (await client.put(url, content=b"", headers={"content-range": "bytes */0"})).status_code == 403
        assert (await client.get("/internal/v1/blobs/..%2F..%2Fkeys")).status_code in (400, 404)
        job = await claim_with(yard, client, picture)
        answer = await client.get(url)
        assert answer.status_code == 200
        assert hashlib.sha256(answer.content).hexdigest() == picture["sha256"]
        other = hashlib.sha256(b"other").hexdigest()
        assert (await client.get(f"/internal/v1/blobs/{other}")).status_code == 403
        assert job["node_id"] == "small"
        # A hash in the inputs is a claim, not a right: the organization has to have the file.
        await yard.execute("DELETE FROM assets WHERE id = %(id)s", id=picture["asset"])
        assert (await client.get(url)).status_code == 403


async def test_an_upload_goes_on_where_it_stopped_and_is_checked(yard: Yard, tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    name = hashlib.sha256(content).hexdigest()
    async with registered(yard) as client:
        await claim_with(yard, client, await photo(yard, tmp_path))
        url, size = f"/internal/v1/blobs/{name}", len(content)
        assert (await client.head(url)).status_code == 404
        first = await client.put(
            url, content=content[:1000], headers={"content-range": f"bytes 0-999/{size}"}
        )
        assert (first.status_code, first.headers["range"]) == (308, "bytes=0-999")
        assert (await client.head(url)).headers["range"] == "bytes=0-999"
        again = await client.put(
            url, content=content[:1000], headers={"content-range": f"bytes 0-999/{size}"}
        )
        assert again.status_code == 409
        rest = {"content-range": f"bytes 1000-{size - 1}/{size}"}
        assert (await client.put(url, content=content[1000:], headers=rest)).status_code == 201
        assert (await client.head(url)).status_code == 200
        wrong = hashlib.sha256(b"something else").hexdigest()
        lie = await client.put(
            f"/internal/v1/blobs/{wrong}", content=b"lie", headers={"content-range": "bytes 0-2/3"}
        )
        assert lie.status_code == 422
        assert (await client.head(f"/internal/v1/blobs/{wrong}")).status_code == 404


async def test_a_double_and_a_foreign_finish_change_nothing(yard: Yard) -> None:
    async with registered(yard) as client, registered(yard) as thief:
        instance = await yard.start(node("a", with_={"value": 1}))
        job = (await client.post("/internal/v1/claim", json={"lane": "cpu"})).json()
        end = {
            "attempt_id": job["attempt_id"],
            "fence": job["fence"],
            "outcome": {"type": "completed", "outputs": {"value": "first", "number": 1}},
        }
        foreign = await thief.post("/internal/v1/finish", json=end)
        assert foreign.json()["accepted"] is False
        assert (await client.post("/internal/v1/finish", json=end)).json()["accepted"] is True
        end["outcome"]["outputs"]["value"] = "second"
        assert (await client.post("/internal/v1/finish", json=end)).json()["accepted"] is False
        assert await yard.end_of(instance) == "completed"
        assert (await yard.steps(instance))["a"]["outputs"]["value"] == "first"


async def test_nobody_without_a_token_gets_past_the_protocol(yard: Yard) -> None:
    async with httpx.AsyncClient(base_url=yard.box.settings.api_url, trust_env=False) as client:
        for headers in ({}, {"authorization": "Bearer sw_guess"}, {"authorization": "Basic eA=="}):
            for path in ("claim", "heartbeat", "report", "finish", "workers/leave", "workers/register"):
                answer = await client.post(f"/internal/v1/{path}", json={}, headers=headers)
                assert answer.status_code == 401, path


def is_alive(process: psutil.Process) -> bool:
    """Whether a process runs; one that waits to be reaped does not."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@asynccontextmanager
async def registered(yard: Yard) -> AsyncIterator[httpx.AsyncClient]:
    """A client that speaks as a newly registered worker."""
    settings = yard.box.settings
    worker = Register(
        name="hand", host="elsewhere", pid=1, version="0", lanes=[LaneSlots(Lane.cpu, 1)], box_id=None
    )
    async with httpx.AsyncClient(base_url=settings.api_url, trust_env=False, timeout=PATIENCE_S) as client:
        answer = await client.post(
            "/internal/v1/workers/register",
            content=encode(worker),
            headers={"authorization": f"Bearer {settings.keys.require('worker_shared_secret')}"},
        )
        client.headers["authorization"] = f"Bearer {answer.raise_for_status().json()['token']}"
        yield client


async def claim_with(yard: Yard, client: httpx.AsyncClient, picture: dict[str, Any]) -> dict[str, Any]:
    """Let this worker hold a job that names the picture."""
    await yard.start(
        node("small", "image.transform", with_={"image": "{{ inputs.photo }}", "width": 32}),
        given={"photo": picture},
        inputs={"photo": {"type": "image"}},
    )
    answer = await client.post("/internal/v1/claim", json={"lane": "cpu"})
    found: dict[str, Any] = answer.raise_for_status().json()
    return found
