"""Expressions over large values are worked out beside the event loop; small ones where they are."""

import asyncio
import threading
import time
from typing import Any

import pytest

from app.engine import aside as asides
from app.engine import fanout, walk
from app.engine.aside import HEAVY, aside, is_heavy
from app.engine.errors import LargeValuesBusy
from app.engine.walk import Walk
from app.flow.expressions import Compiled
from app.flow.fault import Fault
from app.store.database import DatabaseUnavailable
from tests.engine.world import World, node
from tests.patience import PATIENCE_S

LARGE = [{"name": f"file {number}", "size": number} for number in range(HEAVY // 20)]
TAKES: dict[str, Any] = {"inputs": {"data": {"type": "json"}}}


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """In which thread each expression was worked out."""
    seen: list[int] = []
    evaluate = Compiled.evaluate

    def watched(self: Compiled, values: Any) -> Any:
        seen.append(threading.get_ident())
        return evaluate(self, values)

    monkeypatch.setattr(Compiled, "evaluate", watched)
    return seen


async def test_the_loop_goes_on_while_something_heavy_is_worked_out() -> None:
    told = threading.Event()

    async def tell() -> None:
        told.set()

    was_told, _ = await asyncio.gather(aside(True, told.wait, 60.0), tell())
    assert was_told


async def test_what_fails_aside_fails_here() -> None:
    def fail() -> None:
        raise Fault(0, "It broke.")

    with pytest.raises(Fault, match="It broke"):
        await aside(True, fail)


async def test_large_values_are_worked_on_aside_wherever_expressions_stand(
    world: World, threads: list[int]
) -> None:
    instance = await world.start(
        node("pick", "core.set", with_={"value": "{{ inputs.data.first().name }}"}),
        node(
            "each",
            "core.set",
            each="{{ [1, 2] }}",
            with_={"value": "{{ inputs.data[index].name + string(item) }}"},
        ),
        given={"data": LARGE},
        outputs={"all": "{{ steps.each.outputs.value }}", "count": "{{ inputs.data.size() }}"},
        **TAKES,
    )
    row = await world.instance(instance)
    assert row["outputs"] == {"all": ["file 01", "file 12"], "count": len(LARGE)}
    assert len(threads) == 5
    assert threading.get_ident() not in threads


async def test_small_values_change_no_thread(world: World, threads: list[int]) -> None:
    await world.start(
        node("pick", "core.set", with_={"value": "{{ inputs.data.size() }}"}), given={"data": [1]}, **TAKES
    )
    assert threads == [threading.get_ident()]
    assert not is_heavy({"text": "x" * 1_000})


async def fan_out(world: World, items: int = 3) -> Any:
    """An instance whose items each look into a large list; its row."""
    instance = await world.start(
        node(
            "each", "core.set", each=list(range(items)), with_={"value": "{{ inputs.data[int(item)].size }}"}
        ),
        given={"data": LARGE},
        outputs={"all": "{{ steps.each.outputs.value }}"},
        **TAKES,
    )
    return await world.instance(instance)


async def test_items_that_take_long_are_opened_in_short_turns(
    world: World, threads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[int] = []

    async def watched(self: Walk, heavy: bool, work: Any, *args: Any, **more: Any) -> Any:
        before = len(threads)
        done = await work_out(self, heavy, work, *args, **more)
        turns.append(len(threads) - before)
        return done

    work_out = Walk.work_out
    monkeypatch.setattr(Walk, "work_out", watched)
    monkeypatch.setattr(fanout, "PAGE_WORK_S", 0.0)
    row = await fan_out(world)
    assert row["outputs"] == {"all": [0, 1, 2]}
    assert [count for count in turns if count] == [1, 1, 1], "one item at a time"


async def test_expressions_that_take_a_move_too_long_end_the_instance_with_a_sentence(
    world: World, threads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asides, "MAX_EFFORT_S", 0.0)
    monkeypatch.setattr(fanout, "PAGE_WORK_S", 0.0)
    row = await fan_out(world)
    assert len(threads) == 1, "the first item was one too many"
    assert (row["status"], row["error"]["class"], row["error"]["step"]) == ("failed", "refused", "each")
    assert "take more than 30 s" in row["error"]["message"]
    assert "“each”" in row["error"]["remedy"]


async def test_the_database_is_told_to_be_patient_with_a_move_of_heavy_expressions(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "_PATIENCE", "SET LOCAL idle_in_transaction_session_timeout = '100ms'")
    evaluate = Compiled.evaluate

    def slow(self: Compiled, values: Any) -> Any:
        time.sleep(1.0)
        return evaluate(self, values)

    monkeypatch.setattr(Compiled, "evaluate", slow)
    with pytest.raises(DatabaseUnavailable):
        await fan_out(world, 1)


async def test_only_so_many_moves_take_long_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asides, "MOST_LONG_MOVES", 1)
    monkeypatch.setattr(asides, "LONG_S", -1.0)
    began, may_end = threading.Event(), threading.Event()
    evaluate = Compiled.evaluate

    def held(self: Compiled, values: Any) -> Any:
        began.set()
        assert may_end.wait(PATIENCE_S)
        return evaluate(self, values)

    monkeypatch.setattr(Compiled, "evaluate", held)
    first = asyncio.create_task(fan_out(world))
    assert await asyncio.to_thread(began.wait, PATIENCE_S)
    with pytest.raises(LargeValuesBusy, match="over large values just now"):
        await fan_out(world)
    monkeypatch.setattr(asides, "LONG_S", 60.0)
    short = asyncio.create_task(fan_out(world))
    may_end.set()
    assert (await first)["status"] == (await short)["status"] == "completed", "what is short always may"
    monkeypatch.setattr(asides, "LONG_S", -1.0)
    assert (await fan_out(world))["status"] == "completed", "that is over with its transaction"
