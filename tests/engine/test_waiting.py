"""Steps that wait for somebody: asked, answered, refused, expired, started by hand."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from app.engine.errors import InstanceAlreadyFinished, StepNotFound, StepNotWaiting
from app.flow.messages import ErrorClass
from app.flow.states import StepStatus
from app.flow.waits import Answer, WaitKind
from app.kit.clock import now
from app.kit.errors import Invalid
from app.kit.ids import InstanceId, OrganizationId, StepId, new_id
from app.steps.base import InlineStepType, StepFailed, Wait
from app.store.bus import Bus
from app.store.database import Database, Scope
from tests.engine.fixtures import make_world, new_organization
from tests.engine.world import World, document, node


class AskInputs(msgspec.Struct, frozen=True, kw_only=True):
    """How many answers, within how long."""

    answers: int = 1
    within_s: float | None = None


class AskOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered."""

    said: list[Any]


class Ask(InlineStepType[AskInputs, AskOutputs]):
    """Waits for some answers; refuses “no”, breaks at “break”, asks anew at “again”."""

    kind = "test.ask"
    version = 1
    title = "Ask"
    summary = "Asks."
    category = "Debug"
    Inputs = AskInputs
    Outputs = AskOutputs

    def evaluate(self, inputs: AskInputs, now: datetime) -> Wait:
        until = None if inputs.within_s is None else now + timedelta(seconds=inputs.within_s)
        return Wait(
            on=WaitKind.person, reason="Somebody is asked.", request={"question": "Well?"}, until=until
        )

    def answer(self, inputs: AskInputs, answers: Any, now: datetime) -> AskOutputs | Wait | None:
        match answers[-1].value:
            case "no":
                raise Invalid("Say something else.")
            case "break":
                raise StepFailed(ErrorClass.refused, "Somebody broke it.")
            case "bug":
                raise LookupError("nobody foresaw this")
            case "again":
                return Wait(on=WaitKind.person, reason="Asked again.", request={"question": "Really?"})
        if len(answers) < inputs.answers:
            return None
        return AskOutputs(said=[one.value for one in answers])


@pytest.fixture
async def asking(database: Database, bus: Bus) -> World:
    """A world that has this file's step type as well."""
    return await make_world(database, bus, Ask)


async def answer(
    world: World, instance: InstanceId, node_id: str, value: Any, kind: WaitKind = WaitKind.person
) -> StepStatus:
    step = (await world.steps(instance))[node_id]
    return await answer_step(world, instance, StepId(step["id"]), value, kind=kind)


async def answer_step(
    world: World,
    instance: InstanceId,
    step_id: StepId,
    value: Any,
    *,
    kind: WaitKind = WaitKind.person,
    organization: OrganizationId | None = None,
) -> StepStatus:
    async with world.database.transaction(Scope.organization(organization or world.organization_id)) as tx:
        given = Answer(at=now(), value=value, name="Ada")
        return await world.engine.answer(tx, instance, step_id, given, kind=kind)


async def test_a_step_waits_in_the_database_until_its_answer_comes(asking: World) -> None:
    world = asking
    instance = await world.start(
        node("ask", "test.ask"), node("after", "core.set", with_={"value": "{{ steps.ask.outputs.said }}"}),
        outputs={"said": "{{ steps.after.outputs.value }}"},
    )  # fmt: skip
    row, step = await world.instance(instance), (await world.steps(instance))["ask"]
    assert (row["status"], row["reason"], row["busy_steps"]) == ("waiting", "Somebody is asked.", 0)
    assert (step["status"], step["wait_kind"], step["wait"]) == (
        "waiting", "person", {"request": {"question": "Well?"}, "answers": [], "who": None, "early": None},
    )  # fmt: skip
    assert await answer(world, instance, "ask", "yes") is StepStatus.completed
    row, step = await world.instance(instance), (await world.steps(instance))["ask"]
    assert (row["status"], row["outputs"]) == ("completed", {"said": ["yes"]})
    assert [(one["name"], one["value"]) for one in step["wait"]["answers"]] == [("Ada", "yes")]
    assert await world.story(instance) == [
        "instance.created", "step.waiting", "instance.waiting", "step.answered", "step.completed",
        "step.completed", "instance.completed",
    ]  # fmt: skip


async def test_answers_are_gathered_until_there_are_enough(asking: World) -> None:
    instance = await asking.start(node("ask", "test.ask", with_={"answers": 2}))
    assert await answer(asking, instance, "ask", 1) is StepStatus.waiting
    assert await asking.status(instance) == "waiting"
    assert await answer(asking, instance, "ask", 2) is StepStatus.completed
    assert (await asking.steps(instance))["ask"]["outputs"] == {"said": [1, 2]}


async def test_a_refused_answer_changes_nothing(asking: World) -> None:
    instance = await asking.start(node("ask", "test.ask"))
    before = await asking.story(instance)
    with pytest.raises(Invalid, match="something else"):
        await answer(asking, instance, "ask", "no")
    assert (await asking.steps(instance))["ask"]["wait"]["answers"] == []
    assert await asking.story(instance) == before


@pytest.mark.parametrize(("value", "error_class"), [("break", "refused"), ("bug", "bug")])
async def test_an_answer_may_fail_the_step(asking: World, value: str, error_class: str) -> None:
    instance = await asking.start(node("ask", "test.ask"))
    assert await answer(asking, instance, "ask", value) is StepStatus.failed
    assert (await asking.instance(instance))["error"]["class"] == error_class
    await asking.events(instance)


async def test_a_step_may_ask_again(asking: World) -> None:
    instance = await asking.start(node("ask", "test.ask"))
    assert await answer(asking, instance, "ask", "again") is StepStatus.waiting
    assert (await asking.instance(instance))["reason"] == "Asked again."
    assert (await asking.steps(instance))["ask"]["wait"]["request"] == {"question": "Really?"}
    assert await answer(asking, instance, "ask", "yes") is StepStatus.completed


async def test_only_what_waits_for_this_takes_an_answer(asking: World) -> None:
    instance = await asking.start(node("ask", "test.ask"), node("work"))
    with pytest.raises(StepNotWaiting):
        await answer(asking, instance, "work", 1)
    with pytest.raises(StepNotWaiting):
        await answer(asking, instance, "ask", 1, WaitKind.callback)
    with pytest.raises(StepNotFound):
        await answer_step(asking, instance, StepId(new_id()), 1)
    await asking.cancel(instance)
    with pytest.raises(InstanceAlreadyFinished):
        await answer(asking, instance, "ask", 1)


async def test_another_organization_cannot_answer(asking: World) -> None:
    instance = await asking.start(node("ask", "test.ask"))
    step = (await asking.steps(instance))["ask"]
    stranger = await new_organization(asking.database)
    with pytest.raises(StepNotFound):
        await answer_step(asking, instance, StepId(step["id"]), 1, organization=stranger)


async def test_time_ends_a_wait_that_has_an_end(asking: World) -> None:
    instance = await asking.start(node("ask", "test.ask", with_={"within_s": 3600}))
    await asking.engine.sweep()
    assert await asking.status(instance) == "waiting"
    await asking.execute("UPDATE steps SET due_at = now() WHERE instance_id = %(id)s", id=instance)
    assert (await asking.engine.sweep()).woken == 1
    row = await asking.instance(instance)
    assert (row["status"], row["error"]["class"]) == ("failed", "timeout")
    await asking.events(instance)


async def test_a_wait_without_an_end_outlasts_a_year(asking: World) -> None:
    instance = await asking.start(node("ask", "test.ask"))
    await asking.execute(
        """UPDATE steps SET created_at = now() - interval '400 days', started_at = now() - interval '400 days'
            WHERE instance_id = %(id)s""",
        id=instance,
    )
    await asking.engine.sweep()
    assert await asking.status(instance) == "waiting"
    assert await answer(asking, instance, "ask", "at last") is StepStatus.completed


async def test_every_item_of_a_fan_out_is_asked_for_itself(asking: World) -> None:
    instance = await asking.start(
        node("ask", "test.ask", each="{{ inputs.list }}"),
        given={"list": ["a", "b"]},
        inputs={"list": {"type": "json"}},
        outputs={"said": "{{ steps.ask.outputs.said }}"},
    )
    for item, value in zip(await asking.items(instance, "ask"), ("first", "second"), strict=True):
        assert (item["status"], item["wait_kind"]) == ("waiting", "person")
        await answer_step(asking, instance, StepId(item["id"]), value)
    assert (await asking.instance(instance))["outputs"] == {"said": [["first"], ["second"]]}
    await asking.events(instance)


async def test_an_instance_with_nothing_but_a_fan_out_of_waits_waits_and_says_for_what(asking: World) -> None:
    world = asking
    other = await world.publish(document(node("work")))
    (own,) = await world.rows("SELECT workflow_id FROM workflow_versions WHERE id = %(id)s", id=other)
    for kind, with_, reason in (
        ("test.ask", None, "Somebody is asked."),
        ("core.workflow", {"workflow": str(own["workflow_id"])}, "“Test” runs."),
        ("core.delay", {"seconds": "{{ item * 100.0 }}"}, "Waiting"),
    ):
        given = {} if with_ is None else {"with_": with_}
        instance = await world.start(node("fan", kind, each=[1.0, 2.0, 3.0], **given))
        row = await world.instance(instance)
        assert (row["status"], row["busy_steps"], row["open_steps"]) == ("waiting", 0, 1), kind
        assert row["reason"].startswith(reason), kind
        assert (await world.steps(instance))["fan"]["status"] == "running"
        assert (await world.story(instance)).count("instance.waiting") == 1
        await world.cancel(instance)


async def test_the_reason_is_that_of_an_item_which_still_waits(asking: World) -> None:
    world = asking
    instance = await world.start(
        node("fan", "core.delay", each=[1.0, 2.0], with_={"seconds": "{{ item * 100.0 }}"})
    )
    first, second = await world.items(instance, "fan")
    await world.execute("UPDATE steps SET due_at = now() WHERE id = %(id)s", id=first["id"])
    assert (await world.engine.sweep()).woken == 1
    row = await world.instance(instance)
    assert (row["status"], row["reason"]) == ("waiting", second["reason"])
    assert first["reason"] != second["reason"]
    await world.execute("UPDATE steps SET due_at = now() WHERE id = %(id)s", id=second["id"])
    assert (await world.engine.sweep()).woken == 1
    row = await world.instance(instance)
    assert (row["status"], row["busy_steps"], row["open_steps"]) == ("completed", 0, 0)
    await world.events(instance)


async def test_an_instance_stops_before_a_step_until_it_is_started(world: World) -> None:
    instance = await world.start(
        node("before", "core.set", with_={"value": 3}),
        node("work", mode="stop", with_={"value": "{{ steps.before.outputs.value }}"}),
        node("after", needs=["work"]),
    )
    row, step = await world.instance(instance), (await world.steps(instance))["work"]
    assert (row["status"], step["status"], step["wait_kind"]) == ("waiting", "waiting", "start")
    assert await world.worker().claim() is None
    said = Answer(at=now(), name="Ada")
    async with world.database.transaction(Scope.organization(world.organization_id)) as tx:
        assert await world.engine.start_step(tx, instance, StepId(step["id"]), said) is StepStatus.queued
    assert await world.drain() == 2
    assert await world.status(instance) == "completed"
    await world.events(instance)


async def test_a_step_that_is_started_begins_though_its_condition_has_changed(world: World) -> None:
    unknown = "{{ steps.slow.outputs.value == null }}"
    instance = await world.start(
        node("fast", "core.set", with_={"value": 1}),
        node("slow"),
        node("work", "core.set", mode="stop", join="any", needs=["fast"], when=unknown, with_={"value": 2}),
    )
    assert await world.step_statuses(instance) == {"fast": "completed", "slow": "queued", "work": "waiting"}
    hand = world.worker()
    await hand.complete(await hand.must_claim(), "known now")
    step = (await world.steps(instance))["work"]
    async with world.database.transaction(Scope.organization(world.organization_id)) as tx:
        said = Answer(at=now(), name="Ada")
        assert await world.engine.start_step(tx, instance, StepId(step["id"]), said) is StepStatus.completed
    assert await world.status(instance) == "completed"


async def test_a_step_that_is_started_may_have_to_wait_for_something_else(world: World) -> None:
    instance = await world.start(node("pause", "core.delay", mode="stop", with_={"seconds": 60}))
    step = (await world.steps(instance))["pause"]
    async with world.database.transaction(Scope.organization(world.organization_id)) as tx:
        said = Answer(at=now(), name="Ada")
        assert await world.engine.start_step(tx, instance, StepId(step["id"]), said) is StepStatus.waiting
    assert (await world.steps(instance))["pause"]["wait_kind"] == "time"
    await world.execute("UPDATE steps SET due_at = now() WHERE id = %(id)s", id=step["id"])
    await world.engine.sweep()
    assert await world.status(instance) == "completed"
    await world.events(instance)
