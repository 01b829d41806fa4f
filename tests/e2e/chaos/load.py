"""The load: customers over HTTP who start instances of every shape, insist until they are accepted, and wait.

A customer repeats a call whose answer was lost under the same Idempotency-Key, for as long as it takes. So at
the end it is known exactly which instances the box has promised to run.
"""

import asyncio
import random
from collections import Counter, deque
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import httpx

from app.steps.image_transform import ImageTransform
from tests.e2e.chaos.checker import Accepted, Fault
from tests.e2e.chaos.shape import Json, Shape, Stock, find_shapes
from tests.e2e.person import ENDED, OWNER
from tests.steps.bench import Bench, draw_photo

CUSTOMERS: Final = 16
POLL_S: Final = 0.2
PICTURE_WIDTHS: Final = (80, 160, 240)
CANCELS: Final = 0.08  # the share of instances somebody cancels
REPEATS: Final = 0.1  # the share of starts that are sent once more after their answer
KEPT_AWAY: Final = frozenset({429, 502, 503, 504})  # answers that say “later”


class Client:
    """One person at the box, who signs in again when it is necessary and asks again while it is away."""

    def __init__(self, url: str) -> None:
        self._http = httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=20)
        self.troubles: Counter[str] = Counter()

    async def close(self) -> None:
        await self._http.aclose()

    async def call(self, method: str, path: str, **how: Any) -> httpx.Response:
        """The box's answer, whatever it takes to get one that is neither “later” nor “who are you?”."""
        while True:
            try:
                answer = await self._http.request(method, path, **how)
            except httpx.HTTPError as exc:
                self.troubles[type(exc).__name__] += 1
            else:
                if answer.status_code == httpx.codes.UNAUTHORIZED:
                    await self._log_in()
                    continue
                if answer.status_code not in KEPT_AWAY:
                    return answer
                self.troubles[str(answer.status_code)] += 1
            await asyncio.sleep(0.1)

    async def _log_in(self) -> None:
        who = {"email": OWNER["ADMIN_EMAIL"], "password": OWNER["ADMIN_PASSWORD"]}
        answer = await self.call("POST", "/auth/login", json=who)
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


class Load:
    """Everything the customers have been promised."""

    def __init__(self, url: str, seed: int, shapes: list[Shape] | None = None) -> None:
        self.client = Client(url)
        self.shapes = find_shapes() if shapes is None else shapes
        self.promised: dict[UUID, Accepted] = {}
        self.workflows: dict[UUID, str] = {}  # of each promised instance
        self.faults: list[Fault] = []
        self._seed = seed
        self._workflow_ids: dict[str, str] = {}
        self._stock: Stock
        self._is_open = True

    async def prepare(self, folder: Path) -> None:
        """Save the workflows, put a photo into the box and work out what its pictures must be."""
        await self.client.call("GET", "/auth/me")
        waiting = deque(self.shapes)
        while waiting:
            shape = waiting.popleft()
            try:
                definition = shape.document(self._workflow_ids)
            except KeyError:
                waiting.append(shape)  # behind the one it runs
                continue
            answer = await self.client.call(
                "POST", "/workflows", json={"name": shape.name, "definition": definition}
            )
            assert answer.status_code == httpx.codes.CREATED, f"{shape.name}: {answer.text}"
            self._workflow_ids[shape.name] = answer.json()["id"]
        self._stock = await self._take_stock(folder)

    async def run(self) -> None:
        """Let the customers work until they are told to stop and have seen the end of all they started."""
        async with asyncio.TaskGroup() as group:
            for number in range(CUSTOMERS):
                group.create_task(self._customer(random.Random(f"{self._seed}/{number}")))

    def stop(self) -> None:
        """Start nothing more."""
        self._is_open = False

    async def _customer(self, chance: random.Random) -> None:
        # Every shape comes up as often as the others, in an order of this customer's own.
        while self._is_open:
            for shape in chance.sample(self.shapes, len(self.shapes)):
                if self._is_open:
                    await self._order(shape, chance)

    async def _order(self, shape: Shape, chance: random.Random) -> None:
        """Start one instance and wait for its end, perhaps after asking for it."""
        inputs = shape.draw(chance, self._stock)
        will_cancel = chance.random() < CANCELS
        call: Json = {"workflow_id": self._workflow_ids[shape.name], "inputs": inputs}
        key = {"Idempotency-Key": str(uuid4())}
        answer = await self.client.call("POST", "/instances", json=call, headers=key)
        if answer.status_code != httpx.codes.CREATED:
            self._complain(shape, f"a start was answered with {answer.status_code}: {answer.text}")
            return
        instance_id = UUID(answer.json()["id"])
        self.workflows[instance_id] = shape.name
        self.promised[instance_id] = Accepted(
            ending=shape.ending(inputs, self._stock),
            may_be_cancelled=will_cancel,
        )
        if chance.random() < REPEATS:
            again = await self.client.call("POST", "/instances", json=call, headers=key)
            if again.status_code != httpx.codes.CREATED or UUID(again.json()["id"]) != instance_id:
                self._complain(shape, f"a repeated start was answered with {again.text}")
        if will_cancel:
            await asyncio.sleep(chance.uniform(0, 1))
            await self.client.call("POST", f"/instances/{instance_id}/cancel")
        await self._wait_for_end(shape, instance_id)

    async def _wait_for_end(self, shape: Shape, instance_id: UUID) -> None:
        while True:
            answer = await self.client.call("GET", f"/instances/{instance_id}")
            if answer.status_code != httpx.codes.OK:
                self._complain(shape, f"{instance_id} was asked for, and the answer was {answer.text}")
                return
            if answer.json()["status"] in ENDED:
                return
            await asyncio.sleep(POLL_S)

    async def _take_stock(self, folder: Path) -> Stock:
        photo = folder / "photo.jpg"
        draw_photo(photo)
        content = photo.read_bytes()
        answer = await self.client.call("POST", "/assets", files={"file": ("photo.jpg", content)})
        assert answer.status_code == httpx.codes.CREATED, answer.text
        bench = Bench(folder)
        try:
            pictures = {}
            for width in PICTURE_WIDTHS:
                made = await bench.run(ImageTransform, {"image": bench.sample("photo.jpg"), "width": width})
                pictures[width] = made.image.sha256
        finally:
            await bench.close()
        return Stock(photo={"asset": answer.json()["id"]}, pictures=pictures)

    def _complain(self, shape: Shape, sentence: str) -> None:
        self.faults.append(Fault(rule="answers", sentence=sentence, workflow=shape.name))
