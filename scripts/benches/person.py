"""The bench's way in: HTTP and WebSocket, nothing that a client of the box could not do."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Self

import httpx
from websockets.asyncio.client import ClientConnection, connect

from scripts.benches.box import EMAIL, PASSWORD

Json = dict[str, Any]
SIGN_IN_EVERY_S = 600.0  # a token is good for 15 minutes; 100,000 instances take longer
ENDED = frozenset({"completed", "failed", "cancelled"})


class Person:
    """Somebody signed in at one box."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=60)

    async def __aenter__(self) -> Self:
        await self._sign_in()
        self._fresh = asyncio.create_task(self._stay_signed_in())
        return self

    async def _sign_in(self) -> None:
        answer = await self.post("/auth/login", {"email": EMAIL, "password": PASSWORD})
        self._http.headers["Authorization"] = f"Bearer {answer['access_token']}"

    async def _stay_signed_in(self) -> None:
        while True:
            await asyncio.sleep(SIGN_IN_EVERY_S)
            await self._sign_in()

    async def __aexit__(self, *_: object) -> None:
        self._fresh.cancel()
        await self._http.aclose()

    async def get(self, path: str, **query: str | int) -> Json:
        return judged(await self._http.get(path, params=query))

    async def post(self, path: str, body: object) -> Json:
        return judged(await self._http.post(path, json=body))

    async def upload(self, content: bytes) -> None:
        """One more file."""
        judged(await self._http.post("/assets", files={"file": ("bench.bin", content)}))

    async def save(self, name: str, nodes: list[Json], inputs: Json | None = None) -> str:
        """A new workflow; its id."""
        definition = {"schema": 1, "name": name, "inputs": inputs or {}, "nodes": nodes, "outputs": {}}
        workflow = await self.post("/workflows", {"name": name, "definition": definition})
        return str(workflow["id"])

    async def hook(self, workflow_id: str) -> str:
        """A webhook of this workflow that is called as fast as may be; the path of its address."""
        settings = {"auth": {"kind": "none"}, "max_per_minute": 100_000}
        hook = await self.post("/webhooks", {"workflow_id": workflow_id, "name": "bench", **settings})
        return "/hooks/" + str(hook["url"]).rpartition("/")[2]

    async def start(self, workflow_id: str, inputs: Json | None = None) -> Json:
        return await self.post("/instances", {"workflow_id": workflow_id, "inputs": inputs or {}})

    async def run(self, workflow_id: str, inputs: Json | None = None, within_s: float = 300.0) -> Json:
        """Starts an instance and waits for its end, coarsely: durations come from the box's own times."""
        instance = await self.start(workflow_id, inputs)
        began, pause_s = time.monotonic(), 0.02
        while instance["status"] not in ENDED:
            if time.monotonic() - began > within_s:
                raise SystemExit(f"an instance did not end within {within_s:.0f} s: {instance}")
            await asyncio.sleep(pause_s)
            pause_s = min(0.25, pause_s * 1.3)
            instance = await self.get(f"/instances/{instance['id']}")
        if instance["status"] != "completed":
            raise SystemExit(f"an instance of the bench {instance['status']}: {instance['error']}")
        return instance

    async def steps(self, instance_id: str) -> list[Json]:
        """Every step of the instance, over as many pages as there are."""
        found: list[Json] = []
        cursor: str | None = None
        while True:
            query: dict[str, str | int] = {"limit": 200} | ({"cursor": cursor} if cursor else {})
            page = await self.get(f"/instances/{instance_id}/steps", **query)
            found += page["items"]
            cursor = page.get("next_cursor")
            if cursor is None:
                return found

    @asynccontextmanager
    async def live(self, instance_id: str) -> AsyncIterator[ClientConnection]:
        """The instance's events as they happen."""
        address = self._url.replace("http", "ws", 1) + "/api/v1/live"
        headers = {"Authorization": self._http.headers["Authorization"]}
        async with connect(address, additional_headers=headers) as socket:
            await socket.send(json.dumps({"subscribe": f"instance:{instance_id}", "after": 0}))
            yield socket


def judged(answer: httpx.Response) -> Json:
    if not answer.is_success:
        raise SystemExit(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}")
    content: Json = answer.json()
    return content


def moment(text: str) -> float:
    """Seconds since 1970 of an RFC 3339 time."""
    return datetime.fromisoformat(text).timestamp()
