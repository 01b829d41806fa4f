"""The world outside: a job is done after as many questions as its address says."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tests.e2e.chaos.outside import Outside


@pytest_asyncio.fixture
async def outside() -> AsyncIterator[Outside]:
    """The world, listening."""
    outside = Outside()
    await outside.start()
    yield outside
    await outside.close()


async def test_a_job_is_busy_then_at_work_then_done(outside: Outside) -> None:
    async with httpx.AsyncClient(base_url=outside.url) as client:
        answers = [await client.get("/jobs/one/2") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [503, 200, 200]
        assert [answer.json() for answer in answers[1:]] == [
            {"name": "one", "state": "at work"},
            {"name": "one", "state": "done"},
        ]
        with pytest.raises(httpx.HTTPError):
            await client.get("/jobs/two/1")
        assert (await client.get("/jobs/two/1")).json()["state"] == "done"
