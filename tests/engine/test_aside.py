"""Expressions over large values are worked out beside the event loop; small ones where they are."""

import asyncio
import threading
from typing import Any

import pytest

from app.engine.aside import HEAVY, aside, is_heavy
from app.flow.expressions import Compiled
from app.flow.fault import Fault
from tests.engine.world import World, node

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
