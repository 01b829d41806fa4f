"""The engine against a second opinion: random workflows, random happenings, and after each the same picture.

Hypothesis plays workers, the clock, restarts and people, one thing at a time, on the real database. Whatever
it does, every row has the state that the model gives it; at the end the histories pass the checker that
judges the chaos. (Things that happen at the same moment are tests/engine/test_disorder.py's.)
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Literal, TypeVar

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.engine.engine import Engine
from app.flow.messages import ErrorClass, Job
from app.kit.ids import InstanceId
from app.kit.settings import Settings
from app.steps.discovery import catalog
from app.store.bus import Bus
from app.store.database import Database
from app.store.queue import Bells
from tests.e2e.chaos.checker import judge
from tests.e2e.chaos.history import read_histories
from tests.engine.fixtures import make_world
from tests.engine.model import Model, Node, Place
from tests.engine.world import ADDRESSES, Hand, World, document

T = TypeVar("T")
KINDS: list[Literal["work", "set", "delay"]] = ["work", "work", "work", "set", "delay"]
STEPS = "SELECT node_id, path, status FROM steps WHERE instance_id = %(id)s"
RUN_OUT = "UPDATE attempts SET lease_until = now() - interval '1 s' WHERE id = %(id)s AND status = 'leased'"
DUE = "UPDATE steps SET due_at = now() WHERE instance_id = %(id)s AND node_id = %(node)s"


@st.composite
def workflows(draw: st.DrawFn) -> list[Node]:
    """Up to six nodes that lead to one another in every way there is."""
    nodes: list[Node] = []
    for place in range(draw(st.integers(1, 6))):
        earlier = [node.id for node in nodes]
        kind = draw(st.sampled_from(KINDS))
        is_spread = kind != "delay" and draw(st.integers(0, 3)) == 0
        needs = st.lists(st.sampled_from(earlier), unique=True, max_size=2) if earlier else st.just([])
        nodes.append(
            Node(
                id=f"n{place}",
                kind=kind,
                needs=tuple(draw(needs)),
                join=draw(st.sampled_from(["all", "all", "any", "always"])),
                when=draw(st.sampled_from([True, True, True, False])),
                goes_on=draw(st.booleans()),
                retries=draw(st.integers(0, 1)),
                items=draw(st.integers(0, 4)) if is_spread else None,
                window=draw(st.integers(1, 3)),
                collects=draw(st.booleans()),
            )
        )
    return nodes


class Yard:
    """The loop, the database and the bus that all examples share."""

    def __init__(self, settings: Settings) -> None:
        self._runner = asyncio.Runner()
        self.database = Database.open(settings, "machine", pool_size=4)
        self.bus = Bus.open(settings.redis.url)

    def do(self, what: Coroutine[Any, Any, T]) -> T:
        """Run this now."""
        return self._runner.run(what)

    def close(self) -> None:
        self.do(self.bus.close())
        self.do(self.database.close())
        self._runner.close()


class EngineMachine(RuleBasedStateMachine):
    """Instances, what they are to be, and the jobs that workers hold."""

    yard: Yard

    def __init__(self) -> None:
        super().__init__()
        self.world: World = self.yard.do(make_world(self.yard.database, self.yard.bus))
        self.hands = [self.world.worker(), self.world.worker()]
        self.models: dict[InstanceId, Model] = {}
        self.held: list[tuple[Hand, Job]] = []
        self.gone: list[tuple[Hand, Job]] = []  # jobs that are no longer their worker's

    # People ------------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.models) < 3)
    @rule(nodes=workflows())
    def start(self, nodes: list[Node]) -> None:
        raw = document(*(node.document() for node in nodes))
        version = self.yard.do(self.world.publish(raw))
        started = self.yard.do(self.world.start_version(version))
        self.models[started.id] = Model(nodes)

    @precondition(lambda self: self.open_instances)
    @rule(data=st.data(), wanted=st.integers(0, 4))
    def cancel(self, data: st.DataObject, wanted: int) -> None:
        if wanted:
            return  # once in a while: what is cancelled shows nothing more
        instance = data.draw(st.sampled_from(self.open_instances))
        self.yard.do(self.world.cancel(instance))
        self.models[instance].cancelled()

    # Workers -----------------------------------------------------------------------------------------------

    @rule(data=st.data())
    def claim(self, data: st.DataObject) -> None:
        hand = data.draw(st.sampled_from(self.hands))
        job = self.yard.do(hand.claim())
        assert (job is None) == (not self.those("queued"))
        self.take(hand, job)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), take_next=st.booleans())
    def complete(self, data: st.DataObject, take_next: bool) -> None:
        hand, job = self.let_go(data)
        answer = self.yard.do(hand.complete(job, job.node_id, take_next=take_next))
        assert answer.accepted is self.happened(job, Model.completed)
        self.take(hand, answer.next)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), is_transient=st.booleans())
    def fail(self, data: st.DataObject, is_transient: bool) -> None:
        hand, job = self.let_go(data)
        answer = self.yard.do(hand.fail(job, ErrorClass.transient if is_transient else ErrorClass.refused))
        assert answer.accepted is self.happened(
            job, lambda model, place: model.failed(place, is_transient=is_transient)
        )

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        hand, job = self.let_go(data)
        answer = self.yard.do(hand.give_back(job))
        assert answer.accepted is self.happened(job, Model.handed_on)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def fall_silent(self, data: st.DataObject) -> None:
        """The lease runs out; the worker does not know it."""
        _, job = self.let_go(data)
        self.yard.do(self.world.execute(RUN_OUT, id=job.attempt_id))
        lost = self.yard.do(self.world.engine.sweep()).lost
        assert lost == self.happened(job, Model.lost)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        """A worker is known to be dead, with everything it held."""
        hand = data.draw(st.sampled_from(self.hands))
        self.yard.do(self.world.engine.lose(hand.id))
        for other, job in [held for held in self.held if held[0] is hand]:
            self.held.remove((other, job))
            self.gone.append((other, job))
            self.happened(job, Model.lost)

    @precondition(lambda self: self.held)
    @rule()
    def beat(self) -> None:
        for hand in self.hands:
            jobs = [job for other, job in self.held if other is hand]
            cancelled, lost = self.yard.do(hand.beat(*jobs))
            assert set(cancelled) == {job.attempt_id for job in jobs if not self.is_running(job)}
            assert lost == []

    @precondition(lambda self: self.gone)
    @rule(data=st.data(), ends_well=st.booleans())
    def speak_late(self, data: st.DataObject, ends_well: bool) -> None:
        """What no longer counts is said again."""
        hand, job = data.draw(st.sampled_from(self.gone))
        said = hand.complete(job, "late") if ends_well else hand.fail(job)
        assert self.yard.do(said).accepted is False
        assert self.yard.do(hand.beat(job)) in (([], [job.attempt_id]), ([job.attempt_id], []))
        assert self.yard.do(hand.report(job, progress_fraction=0.5)) is False

    # The box -----------------------------------------------------------------------------------------------

    @precondition(lambda self: self.those("waiting"))
    @rule(data=st.data())
    def time_passes(self, data: st.DataObject) -> None:
        waiting = [
            (instance, place) for instance, model in self.models.items() for place in model.those("waiting")
        ]
        instance, place = data.draw(st.sampled_from(waiting))
        self.yard.do(self.world.execute(DUE, id=instance, node=place[0]))
        assert self.yard.do(self.world.engine.sweep()).woken == 1
        self.models[instance].completed(place)

    @rule()
    def sweep(self) -> None:
        swept = self.yard.do(self.world.engine.sweep(bells_are_lost=True))
        assert (swept.lost, swept.overrun, swept.woken) == (0, 0, 0)

    @rule()
    def restart(self) -> None:
        """The engine's process begins anew, Redis empty."""
        bus = self.yard.bus
        self.yard.do(self.empty(bus))
        self.world.engine = Engine(
            self.yard.database, catalog(), Bells(bus.redis), bus, assets=self.world.shelf, callbacks=ADDRESSES
        )
        for hand in self.hands:
            hand._engine = self.world.engine

    # What must hold ----------------------------------------------------------------------------------------

    @invariant()
    def every_row_is_as_the_model_says(self) -> None:
        for instance, model in self.models.items():
            rows = self.yard.do(self.world.rows(STEPS, id=instance))
            found = {(row["node_id"], row["path"][0] if row["path"] else None): row["status"] for row in rows}
            assert found == model.status
            status = self.yard.do(self.world.status(instance))
            assert (status if status in ("completed", "failed", "cancelled") else None) == model.end

    def teardown(self) -> None:
        self.yard.do(self.settle())
        for instance, model in self.models.items():
            assert model.end or self.yard.do(self.world.status(instance)) in ("completed", "failed")
        assert self.yard.do(self.faults()) == []

    @staticmethod
    async def empty(bus: Bus) -> None:
        """Let Redis forget everything."""
        await bus.redis.flushdb()

    async def settle(self) -> None:
        """Let good workers do what is left."""
        for _ in range(500):
            if not await self.world.rows("SELECT FROM instances WHERE ended_at IS NULL"):
                return
            await self.world.expire_leases()
            await self.world.execute("UPDATE steps SET due_at = now() WHERE status = 'waiting'")
            await self.world.engine.sweep()
            await self.world.drain()
        raise AssertionError("good workers come to no end")

    async def faults(self) -> list[Any]:
        """What the checker of the chaos finds wrong with the histories."""
        return [
            fault async for history in read_histories(self.yard.database) for fault in judge(history, None)
        ]

    # Help --------------------------------------------------------------------------------------------------

    @property
    def open_instances(self) -> list[InstanceId]:
        return [instance for instance, model in self.models.items() if model.end is None]

    def those(self, status: str) -> list[tuple[InstanceId, Place]]:
        """Every step and item of every instance that is in this state."""
        return [(instance, place) for instance, model in self.models.items() for place in model.those(status)]

    def take(self, hand: Hand, job: Job | None) -> None:
        """A worker holds a job now."""
        if job is not None:
            self.held.append((hand, job))
            self.models[InstanceId(job.instance_id)].claimed(place_of(job))

    def let_go(self, data: st.DataObject) -> tuple[Hand, Job]:
        """One of the held jobs, which its worker is about to lose in one way or another."""
        hand, job = data.draw(st.sampled_from(self.held))
        self.held.remove((hand, job))
        self.gone.append((hand, job))
        return hand, job

    def is_running(self, job: Job) -> bool:
        return self.models[InstanceId(job.instance_id)].status[place_of(job)] == "running"

    def happened(self, job: Job, change: Callable[[Model, Place], None]) -> bool:
        """Tell the model, unless the job was cancelled meanwhile; whether it counted."""
        if not self.is_running(job):
            return False
        change(self.models[InstanceId(job.instance_id)], place_of(job))
        return True


def place_of(job: Job) -> Place:
    """The step or item of a job."""
    return job.node_id, job.path[0] if job.path else None


@pytest.mark.timeout(600)  # seconds; minutes only while a counter-example is made smaller
def test_the_engine_and_the_model_never_differ(settings: Settings) -> None:
    yard = Yard(settings)

    class Machine(EngineMachine):
        pass

    Machine.yard = yard
    try:
        run_state_machine_as_test(
            Machine,
            settings=hypothesis.settings(
                max_examples=15,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(hypothesis.HealthCheck),
            ),
        )
    finally:
        yard.close()
