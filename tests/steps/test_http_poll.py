"""Asking until it is done: which answer is the one, which means later, and which the end."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from app.flow.messages import ErrorClass
from app.steps.base import StepFailed, TryLater
from app.steps.http_poll import HttpPoll, HttpPollOutputs
from tests.steps.bench import Bench
from tests.steps.test_http_request import Web, web

__all__ = ["web"]


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """A bench whose super admin allows this machine."""
    bench = Bench(tmp_path, allow=("127.0.0.1",))
    yield bench
    await bench.close()


async def ask(bench: Bench, web: Web, **inputs: Any) -> HttpPollOutputs:
    """One call."""
    return await bench.run(HttpPoll, {"url": f"{web.base}/jobs/7", **inputs})


def answers(web: Web, value: Any, status: str = "200 OK") -> None:
    """What the other side says from now on."""
    web.head, web.body = f"HTTP/1.1 {status}", json.dumps(value).encode()


@pytest.mark.parametrize(
    ("said", "inputs"),
    [
        ({"state": "done"}, {}),
        ({"state": "done"}, {"path": "state"}),
        ({"state": "done"}, {"path": "state", "values": ["done", "ok"]}),
        ({"jobs": [{"n": 1}, {"n": 2}]}, {"path": "jobs[1].n", "values": [2]}),
        ([True], {"path": "[0]", "values": [True]}),
        ({"state": 0}, {"path": "state"}),
    ],
)
async def test_the_right_answer_ends_the_asking(
    bench: Bench, web: Web, said: Any, inputs: dict[str, Any]
) -> None:
    answers(web, said)
    done = await ask(bench, web, **inputs)
    assert (done.status, done.json, done.text) == (200, said, None)


@pytest.mark.parametrize(
    ("said", "inputs", "reason"),
    [
        ({"state": "queued"}, {"path": "state", "values": ["done"]}, "“state” is “queued”."),
        ({"state": None}, {"path": "state"}, "nothing at “state”"),
        ({}, {"path": "state.of.it"}, "nothing at"),
        ([1], {"path": "[3]"}, "nothing at"),
        ({"n": 1}, {"path": "n", "values": [True]}, "“n” is"),
        ("text", {"path": "state"}, "nothing at"),
        ({}, {"statuses": [201]}, "answered 200"),
    ],
)
async def test_any_other_answer_means_later(
    bench: Bench, web: Web, said: Any, inputs: dict[str, Any], reason: str
) -> None:
    answers(web, said)
    with pytest.raises(TryLater) as caught:
        await ask(bench, web, every_s=30, **inputs)
    assert caught.value.delay_s == 30
    assert reason in caught.value.reason


async def test_a_server_in_trouble_and_one_that_is_away_are_asked_again(bench: Bench, web: Web) -> None:
    answers(web, {}, "503 Busy")
    web.headers["retry-after"] = "120"
    with pytest.raises(TryLater) as caught:
        await ask(bench, web)
    assert caught.value.delay_s == 120
    web.base = "http://127.0.0.1:9"
    with pytest.raises(TryLater):
        await ask(bench, web)


@pytest.mark.parametrize(("status", "error_class"), [("404 No", "bad_input"), ("403 No", "refused")])
async def test_a_refusal_fails_unless_it_means_not_yet(
    bench: Bench, web: Web, status: str, error_class: str
) -> None:
    answers(web, {}, status)
    with pytest.raises(StepFailed) as caught:
        await ask(bench, web)
    assert caught.value.error_class == error_class
    with pytest.raises(TryLater):
        await ask(bench, web, refusals="ask_again")
    assert (await ask(bench, web, statuses=[404, 403])).json == {}


async def test_a_value_that_means_failure_ends_the_asking(bench: Bench, web: Web) -> None:
    answers(web, {"state": "failed"})
    with pytest.raises(StepFailed, match="“state” is “failed”") as caught:
        await ask(bench, web, path="state", values=["done"], failed_values=["failed"])
    assert caught.value.error_class is ErrorClass.refused


async def test_what_is_no_json_comes_as_text(bench: Bench, web: Web) -> None:
    web.body = "fertig ✓".encode()
    assert (await ask(bench, web)).text == "fertig ✓"


async def test_the_last_call_is_made_when_the_time_is_over(bench: Bench, web: Web) -> None:
    answers(web, {})
    with pytest.raises(TryLater) as caught:
        await ask(bench, web, path="state", every_s=60, within_s=20)
    assert caught.value.delay_s <= 20
    with pytest.raises(StepFailed, match="After 20 s") as ended:
        await bench.run(HttpPoll, {"url": f"{web.base}/", "path": "state", "within_s": 20}, age_s=20.0)
    assert ended.value.error_class is ErrorClass.timeout


async def test_a_path_that_is_none_is_said_at_the_first_call(bench: Bench, web: Web) -> None:
    for wrong in ("a..b", "a[", "[x]", ".a", "a[1]b"):
        with pytest.raises(StepFailed, match="no path"):
            await ask(bench, web, path=wrong)


async def test_private_addresses_are_not_asked(tmp_path: Path, web: Web) -> None:
    closed = Bench(tmp_path)
    with pytest.raises(StepFailed) as caught:
        await ask(closed, web)
    assert caught.value.error_class is ErrorClass.refused
    await closed.close()
