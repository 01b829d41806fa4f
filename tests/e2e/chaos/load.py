"""The load: customers over HTTP who start instances of every shape, insist until they are accepted, and wait.

A customer repeats a call whose answer was lost under the same key, for as long as it takes. So at the end
it is known exactly which instances the box has promised to run. Meanwhile some are answered and called back,
some cancelled or paused for a while, and some that have ended are run again.
"""

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import httpx
import msgspec

from app.steps.image_transform import ImageTransform
from tests.e2e.chaos.checker import Accepted, Fault
from tests.e2e.chaos.client import Caller, Client
from tests.e2e.chaos.hands import OK, Hands
from tests.e2e.chaos.outside import Outside
from tests.e2e.chaos.shape import Ending, Json, Shape, Stock, find_shapes
from tests.e2e.person import ENDED
from tests.steps.bench import Bench, draw_photo

CUSTOMERS: Final = 16
POLL_S: Final = 0.2
PICTURE_WIDTHS: Final = (80, 160, 240)
CANCELS: Final = 0.08  # the share of instances somebody cancels,
PAUSES: Final = 0.12  # and of those somebody lets stand still for a while
BY_WEBHOOK: Final = 0.25  # the share of starts that are deliveries to a webhook
WAITS_FOR_RESULT: Final = 3  # one webhook in so many answers with the result
REPEATS: Final = 0.1  # the share of starts that are sent once more after their answer
AGAIN: Final = 0.15  # the share of instances that are run again when they have ended
SECRET: Final = "a secret of the senders"

CREATED, ACCEPTED, CONFLICT = httpx.codes.CREATED, httpx.codes.ACCEPTED, httpx.codes.CONFLICT


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook, as its senders know it."""

    id: UUID
    path: str


class Scheduled(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule, and how each instance it starts must end."""

    id: UUID
    workflow: str
    ending: Ending


class Load:
    """Everything the customers have been promised."""

    def __init__(self, url: str, seed: int, shapes: list[Shape] | None = None) -> None:
        self.troubles: Counter[str] = Counter()
        self.done: Counter[str] = Counter()  # what customers did and the box took
        self.client = Client(url, self.troubles)
        self.programs = Caller(url, self.troubles)
        self.outside = Outside()
        self.shapes = find_shapes() if shapes is None else shapes
        self.promised: dict[UUID, Accepted] = {}
        self.workflows: dict[UUID, str] = {}  # of each promised instance
        self.delivered: dict[tuple[UUID, str], UUID] = {}  # what each webhook said of each sender's id
        self.schedules: list[Scheduled] = []
        self.faults: list[Fault] = []
        self._seed = seed
        self._workflow_ids: dict[str, str] = {}
        self._doors: dict[str, Door] = {}
        self._stock: Stock
        self._wanted = self._wishes(random.Random(seed))
        self._is_open = True

    async def close(self) -> None:
        """Hang up."""
        await self.client.close()
        await self.programs.close()
        await self.outside.close()

    # Before it begins ------------------------------------------------------------------------------------

    async def prepare(self, folder: Path) -> None:
        """Save the workflows with their triggers, and work out what comes of a photo."""
        await self.outside.start()
        waiting = deque(self.shapes)
        while waiting:
            shape = waiting.popleft()
            try:
                definition = shape.document(self._workflow_ids)
            except KeyError:
                waiting.append(shape)  # behind the one it runs
                continue
            made = await self._make("/workflows", {"name": shape.name, "definition": definition})
            self._workflow_ids[shape.name] = made["id"]
        self._stock = await self._take_stock(folder)
        for number, shape in enumerate(self.shapes):
            await self._add_door(shape, waits=number % WAITS_FOR_RESULT == 0)
            if shape.schedule is not None:
                await self._add_schedule(shape)

    async def _make(self, path: str, wish: Json) -> Json:
        answer = await self.client.call("POST", path, json=wish)
        assert answer.status_code == CREATED, f"{path} {wish}: {answer.text}"
        made: Json = answer.json()
        return made

    async def _add_door(self, shape: Shape, *, waits: bool) -> None:
        wish = {
            "workflow_id": self._workflow_ids[shape.name],
            "name": shape.name,
            "auth": {"kind": "header"},
            "secret": SECRET,
            "answer": "when_done" if waits else "at_once",
            "wait_s": 3,
            "max_per_minute": 100_000,
        }
        made = await self._make("/webhooks", wish)
        self._doors[shape.name] = Door(id=UUID(made["id"]), path=httpx.URL(made["url"]).path)

    async def _add_schedule(self, shape: Shape) -> None:
        inputs = shape.draw(random.Random(f"{self._seed}/{shape.name}"), self._stock)
        wish = {"workflow_id": self._workflow_ids[shape.name], "name": shape.name, "inputs": inputs}
        made = await self._make("/schedules", {**wish, **(shape.schedule or {})})
        self.schedules.append(
            Scheduled(id=UUID(made["id"]), workflow=shape.name, ending=shape.ending(inputs, self._stock))
        )

    async def _take_stock(self, folder: Path) -> Stock:
        photo = folder / "photo.jpg"
        draw_photo(photo)
        content = photo.read_bytes()
        answer = await self.client.call("POST", "/assets", files={"file": ("photo.jpg", content)})
        assert answer.status_code == CREATED, answer.text
        bench = Bench(folder)
        try:
            pictures = {}
            for width in PICTURE_WIDTHS:
                made = await bench.run(ImageTransform, {"image": bench.sample("photo.jpg"), "width": width})
                pictures[width] = made.image.sha256
        finally:
            await bench.close()
        return Stock(photo={"asset": answer.json()["id"]}, pictures=pictures, outside=self.outside.url)

    # While it goes on ------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Let the customers work until they are told to stop and have seen the end of all they started."""
        async with asyncio.TaskGroup() as group:
            for number in range(CUSTOMERS):
                group.create_task(self._customer(random.Random(f"{self._seed}/{number}")))
        for schedule in self.schedules:
            answer = await self.client.call("PATCH", f"/schedules/{schedule.id}", json={"is_enabled": False})
            assert answer.status_code == OK, answer.text

    def stop(self) -> None:
        """Start nothing more."""
        self._is_open = False

    def _wishes(self, chance: random.Random) -> Iterator[Shape]:
        """What customers want next: however little time there is, every shape as often as the others."""
        while True:
            yield from chance.sample(self.shapes, len(self.shapes))

    async def _customer(self, chance: random.Random) -> None:
        while self._is_open:
            shape = next(self._wanted)
            async with asyncio.TaskGroup() as group:
                for _ in range(shape.at_once):
                    group.create_task(self._order(shape, random.Random(chance.getrandbits(64))))

    async def _order(self, shape: Shape, chance: random.Random) -> None:
        """Start one instance and see it through; perhaps once more when it has ended."""
        inputs = shape.draw(chance, self._stock)
        by_webhook = chance.random() < BY_WEBHOOK
        begun = await (self._deliver if by_webhook else self._start)(shape, inputs, chance)
        if begun is None:
            return
        status = await self._see_through(shape, inputs, begun, chance)
        if status is not None and chance.random() < AGAIN:
            begun = await self._run_again(shape, begun, status, chance)
            if begun is not None:
                await self._see_through(shape, inputs, begun, chance)

    async def _see_through(
        self, shape: Shape, inputs: Json, instance_id: UUID, chance: random.Random
    ) -> str | None:
        """Do for an instance what is to be done until it has ended; how it ended."""
        fate, delay_s, pause_s = chance.random(), chance.uniform(0, 1), chance.uniform(0.2, 2)
        self.workflows[instance_id] = shape.name
        self.promised[instance_id] = Accepted(
            ending=shape.ending(inputs, self._stock),
            may_be_cancelled=fate < CANCELS,
            heard_at=time.time(),
        )
        hands = Hands(
            self.client,
            self.programs,
            instance_id,
            done=self.done,
            complain=lambda sentence: self._complain(shape, f"{instance_id}: {sentence}"),
        )
        async with asyncio.TaskGroup() as group:
            if shape.tend is not None:
                group.create_task(shape.tend(hands, inputs))
            if fate < CANCELS:
                group.create_task(self._cancel(instance_id, delay_s))
            elif fate < CANCELS + PAUSES:
                group.create_task(self._pause(shape, instance_id, delay_s, pause_s))
            ending = group.create_task(self._end_of(shape, instance_id))
        return ending.result()

    async def _end_of(self, shape: Shape, instance_id: UUID) -> str | None:
        while True:
            answer = await self.client.call("GET", f"/instances/{instance_id}")
            if answer.status_code != OK:
                self._complain(shape, f"{instance_id} was asked for, and the answer was {answer.text}")
                return None
            status: str = answer.json()["status"]
            if status in ENDED:
                return status
            await asyncio.sleep(POLL_S)

    # Ways to begin ---------------------------------------------------------------------------------------

    async def _start(self, shape: Shape, inputs: Json, chance: random.Random) -> UUID | None:
        """A person starts it; the instance, None when the box may and did refuse."""
        call: Json = {
            "workflow_id": self._workflow_ids[shape.name],
            "inputs": inputs,
            "priority": chance.choice(shape.priorities),
        }
        return await self._begin(shape, "a start", "/instances", call, chance)

    async def _begin(
        self, shape: Shape, what: str, path: str, call: Json, chance: random.Random
    ) -> UUID | None:
        key = {"Idempotency-Key": str(uuid4())}
        answer = await self.client.call("POST", path, json=call, headers=key)
        if answer.status_code != CREATED:
            self._refused(shape, what, answer)
            return None
        self.done[what] += 1
        instance_id = UUID(answer.json()["id"])
        if chance.random() < REPEATS:
            again = await self.client.call("POST", path, json=call, headers=key)
            if again.status_code != CREATED or UUID(again.json()["id"]) != instance_id:
                self._complain(shape, f"{what}, repeated, was answered with {again.text}")
        return instance_id

    async def _deliver(self, shape: Shape, inputs: Json, chance: random.Random) -> UUID | None:
        """A program delivers it to the shape's webhook, and perhaps once more under the same id."""
        door, key = self._doors[shape.name], f"{chance.getrandbits(64):x}"
        proof = {"X-Api-Key": SECRET, "webhook-id": key}
        first: UUID | None = None
        for _ in range(1 + (chance.random() < REPEATS)):
            answer = await self.programs.call("POST", door.path, json=inputs, headers=proof)
            if answer.status_code not in {OK, ACCEPTED}:
                self._refused(shape, "a delivery", answer)
                return first
            instance_id = UUID(answer.json()["instance_id"])
            if first is not None and first != instance_id:
                self._complain(shape, f"a repeated delivery gave {instance_id} after {first}")
            self.done["a delivery" if first is None else "a repeated delivery"] += 1
            first = first or instance_id
            self.delivered[door.id, key] = first
        return first

    def _refused(self, shape: Shape, what: str, answer: httpx.Response) -> None:
        if shape.on_limit == "skip" and answer.status_code == CONFLICT:
            self.done["a start that was refused, as many ran as may"] += 1
        else:
            self._complain(shape, f"{what} was answered with {answer.status_code}: {answer.text}")

    async def _run_again(self, shape: Shape, ended: UUID, status: str, chance: random.Random) -> UUID | None:
        """Go on from an instance that has ended; the new one, which must end as the old one was to."""
        path = f"/instances/{ended}"
        if status != "completed" and chance.random() < 0.5:
            return await self._begin(shape, "a retry", f"{path}/retry", {}, chance)
        steps = (await self.client.call("GET", f"{path}/steps")).json()["items"]
        spread = [one for one in steps if one["items"] and one["items"]["total"]]
        wishes: list[Json] = [{}, {"from": [chance.choice(steps)["node_id"]]}]
        if spread and status == "completed":
            step = chance.choice(spread)
            item = {"step": step["node_id"], "index": chance.randrange(step["items"]["total"])}
            wishes.append({"items": [item]})
        return await self._begin(shape, "a rerun", f"{path}/rerun", chance.choice(wishes), chance)

    # What is done to some --------------------------------------------------------------------------------

    async def _cancel(self, instance_id: UUID, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        await self.client.call("POST", f"/instances/{instance_id}/cancel")

    async def _pause(self, shape: Shape, instance_id: UUID, delay_s: float, pause_s: float) -> None:
        await asyncio.sleep(delay_s)
        for move, after_s in (("pause", pause_s), ("resume", 0.0)):
            answer = await self.client.call("POST", f"/instances/{instance_id}/{move}")
            if answer.status_code == CONFLICT:  # it has ended meanwhile
                return
            if answer.status_code != OK:
                self._complain(shape, f"{move} was answered with {answer.status_code}: {answer.text}")
            self.done[f"a {move}"] += 1
            await asyncio.sleep(after_s)

    def _complain(self, shape: Shape, sentence: str) -> None:
        self.faults.append(Fault(rule="answers", sentence=sentence, workflow=shape.name))
