"""What people and other programs do for one run while it is under way: answer, let begin, call back.

Whoever hears no answer says it once more, so the box may have heard everything twice. What it answers has to
fit all the same, and what came of it is judged at the end, in the history.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, Final
from uuid import UUID, uuid4

import httpx

from app.flow.states import STEP_MOVES, StepStatus, is_settled
from tests.e2e.chaos.client import Caller, Client

Json = dict[str, Any]

LOOK_S: Final = 0.2
OK, CONFLICT, GONE = httpx.codes.OK, httpx.codes.CONFLICT, httpx.codes.GONE


class Hands:
    """Those who bring one instance on."""

    def __init__(
        self,
        people: Client,
        programs: Caller,
        instance_id: UUID,
        *,
        done: Counter[str],
        complain: Callable[[str], None],
    ) -> None:
        """`done`: counts what they do. `complain`: about answers that do not fit."""
        self._people = people
        self._programs = programs
        self._path = f"/instances/{instance_id}"
        self._done = done
        self._complain = complain

    # Looking ---------------------------------------------------------------------------------------------

    async def step(self, node_id: str) -> Json:
        """The step of a node, as it stands now."""
        answer = await self._people.call("GET", f"{self._path}/steps")
        (found,) = (one for one in answer.json()["items"] if one["node_id"] == node_id)
        step: Json = found
        return step

    async def settled(self, node_id: str) -> Json:
        """The step once it has come to an end."""
        while True:
            step = await self.step(node_id)
            if is_over(step):
                return step
            await asyncio.sleep(LOOK_S)

    async def awaited(self, node_id: str) -> Json | None:
        """The step once it waits for somebody; None when it comes to an end without."""
        while not is_over(step := await self.step(node_id)):
            if step["wait"] is not None:
                return step
            await asyncio.sleep(LOOK_S)
        return None

    # Doing -----------------------------------------------------------------------------------------------

    async def answer(self, node_id: str, value: Json) -> None:
        """Answer a question, and then once more, which must not count."""
        step = await self.awaited(node_id)
        if step is None:
            return
        path = f"{self._path}/steps/{step['id']}/answer"
        key = {"Idempotency-Key": str(uuid4())}
        said = await self._people.call("POST", path, json={"value": value}, headers=key)
        await self._judge("an answer", said, node_id)
        said = await self._people.call("POST", path, json={"value": value})
        if said.status_code == OK:
            self._complain(f"“{node_id}” was answered twice, and both were taken")

    async def start(self, node_id: str) -> None:
        """Let a step begin before which the run has stopped. While the run is paused it cannot."""
        while (step := await self.awaited(node_id)) is not None:
            said = await self._people.call("POST", f"{self._path}/steps/{step['id']}/start")
            if said.status_code == OK:
                self._done["a start by hand"] += 1
                return
            if said.status_code != CONFLICT:
                self._complain(f"a start by hand was answered with {said.status_code}: {said.text}")
                return
            await asyncio.sleep(LOOK_S)

    async def call_back(self, address: str, body: Json) -> bool:
        """Call a step at its own address; whether the call was taken now."""
        said = await self._programs.call("POST", address, json=body)
        if said.status_code not in {OK, CONFLICT, GONE}:
            self._complain(f"a callback was answered with {said.status_code}: {said.text}")
        self._done["a callback" if said.status_code == OK else "a callback in vain"] += 1
        return said.status_code == OK

    async def call_back_at_once(self, address: str, body: Json) -> None:
        """The same call twice at the same moment: only one of them may be taken."""
        taken = await asyncio.gather(self.call_back(address, body), self.call_back(address, body))
        if all(taken):
            self._complain("two callbacks at one address were taken")

    async def call_back_in_vain(self, address: str, body: Json) -> None:
        """Call a step that has been called, or whose time is over: that must not count."""
        if await self.call_back(address, body):
            self._complain("a callback was taken where none was to be")

    async def _judge(self, what: str, said: httpx.Response, node_id: str) -> None:
        if said.status_code == OK:
            self._done[what] += 1
        elif said.status_code != CONFLICT or not is_over(await self.step(node_id)):
            self._complain(f"{what} to “{node_id}” was answered with {said.status_code}: {said.text}")


Tend = Callable[[Hands, Json], Coroutine[Any, Any, None]]


def is_over(step: Json) -> bool:
    """Whether a step, as the API shows it, has come to an end."""
    return is_settled(STEP_MOVES, StepStatus(step["status"]))
