"""Starting instances and reading how they are."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from app.engine.engine import Engine
from app.engine.errors import InstanceNotFound, StepNotFound
from app.engine.start import Started, StartRequest
from app.flow.definition import Definition
from app.flow.inputs import asset_ids, prepare_inputs, with_assets
from app.flow.states import StepStatus
from app.kit.ids import InstanceId, StepId, UserId, VersionId, parse_id
from app.resources.accounts.principal import Principal
from app.resources.assets.service import values_of
from app.resources.instances import model
from app.resources.instances.questions import signed, wait_view
from app.resources.instances.schemas import (
    Events,
    EventView,
    InstanceView,
    LogLineView,
    Logs,
    NewInstance,
    Steps,
    StepView,
    step_view,
    view,
)
from app.resources.starters import starter_of
from app.resources.workflows import service as workflows
from app.resources.workflows.service import VersionNotFound
from app.store.database import Transaction


class Chosen(msgspec.Struct, frozen=True):
    """The version a start would run."""

    version_id: VersionId
    definition: Definition


async def choose(tx: Transaction, engine: Engine, workflow_id: UUID, version: int | None = None) -> Chosen:
    """A version of a workflow, else the one that runs. Raises WorkflowNotFound, VersionNotFound."""
    version_id = await model.find_version(tx, workflow_id, version)
    if version_id is None:
        await workflows.refuse_unknown(tx, workflow_id)
        raise VersionNotFound
    return Chosen(version_id, await engine.definition(tx, version_id))


async def fit(tx: Transaction, chosen: Chosen, given: dict[str, Any]) -> dict[str, Any]:
    """The inputs as that version takes them; nothing begins. Raises Invalid with every complaint."""
    return await _resolved(tx, chosen.definition, prepare_inputs(chosen.definition, given))


async def begin(
    tx: Transaction,
    engine: Engine,
    chosen: Chosen,
    given: dict[str, Any],
    *,
    source: str,
    created_by: UserId | None = None,
    priority: int = 0,
    instance_id: InstanceId | None = None,
) -> Started:
    """Check the inputs and begin, under this id if one is given. Raises Invalid with every complaint."""
    return await engine.start(
        tx,
        StartRequest(
            version_id=chosen.version_id,
            inputs=await fit(tx, chosen, given),
            source=source,
            created_by=created_by,
            priority=priority,
            id=instance_id,
        ),
    )


async def start(
    tx: Transaction, engine: Engine, new: NewInstance, *, created_by: UserId, source: str = "api"
) -> InstanceView:
    """Check the inputs and begin. Raises WorkflowNotFound, VersionNotFound, Invalid with every complaint."""
    chosen = await choose(tx, engine, new.workflow_id, new.version)
    started = await begin(
        tx, engine, chosen, new.inputs, source=source, created_by=created_by, priority=new.priority
    )
    return await get(tx, started.id)


async def get(tx: Transaction, instance_id: UUID) -> InstanceView:
    """One instance, whole. Raises InstanceNotFound."""
    row = await model.find_instance(tx, instance_id)
    if row is None:
        raise InstanceNotFound
    return view(row, await starter_of(tx, row.source, row.id))


async def steps(
    tx: Transaction,
    engine: Engine,
    reader: Principal,
    instance_id: UUID,
    *,
    parent_id: UUID | None,
    after: int,
    limit: int,
) -> Steps:
    """Steps, or the items of the fan-out `parent_id`, with their tries. Raises InstanceNotFound."""
    shown, has_more = await model.list_steps(tx, instance_id, parent_id, after=after, limit=limit)
    if not shown:
        await refuse_unknown(tx, instance_id)
    return Steps(
        items=await _step_views(tx, engine, reader, instance_id, shown),
        next_cursor=str(shown[-1].ordinal) if has_more else None,
    )


async def step(
    tx: Transaction, engine: Engine, reader: Principal, instance_id: UUID, step_id: UUID
) -> StepView:
    """One step, or item of a fan-out, with its tries. Raises StepNotFound."""
    row = await model.find_step(tx, instance_id, step_id)
    if row is None:
        raise StepNotFound
    (shown,) = await _step_views(tx, engine, reader, instance_id, [row])
    return shown


async def _step_views(
    tx: Transaction, engine: Engine, reader: Principal, instance_id: UUID, rows: Sequence[model.Step]
) -> list[StepView]:
    tries: defaultdict[StepId, list[model.Attempt]] = defaultdict(list)
    for attempt in await model.attempts_of(tx, [row.id for row in rows]):
        tries[attempt.step_id].append(attempt)
    is_asking = any(row.wait_kind for row in rows)
    signature = signed(reader, await model.requester_of(tx, instance_id) if is_asking else None)
    return [step_view(row, tries[row.id], wait_view(row, signature, engine.callback_address)) for row in rows]


async def placed(engine: Engine, page: Steps) -> Steps:
    """The same steps with their places in the queue; outside of any transaction, for it takes one itself."""
    queued = [step.id for step in page.items if step.status is StepStatus.queued]
    if not queued:
        return page
    places = await engine.queue_positions(queued)
    items = [msgspec.structs.replace(step, queue_position=places.get(step.id)) for step in page.items]
    return msgspec.structs.replace(page, items=items)


async def events(tx: Transaction, instance_id: UUID, *, after: int, limit: int) -> Events:
    """The events behind a number. Raises InstanceNotFound."""
    rows = await model.list_events(tx, instance_id, after=after, limit=limit)
    if not rows:
        await refuse_unknown(tx, instance_id)
    return Events(items=[msgspec.convert(row, EventView, from_attributes=True) for row in rows])


async def logs(tx: Transaction, instance_id: UUID, step_id: UUID, *, after: int, limit: int) -> Logs:
    """What a step wrote, behind a line. Raises InstanceNotFound."""
    rows = await model.list_logs(tx, instance_id, step_id, after=after, limit=limit)
    if not rows:
        await refuse_unknown(tx, instance_id)
    return Logs(items=[msgspec.convert(row, LogLineView, from_attributes=True) for row in rows])


async def refuse_unknown(tx: Transaction, instance_id: UUID) -> None:
    """Raises InstanceNotFound."""
    if not await model.has_instance(tx, instance_id):
        raise InstanceNotFound


async def _resolved(tx: Transaction, definition: Definition, inputs: dict[str, Any]) -> dict[str, Any]:
    """The inputs with the facts of every file they name, all of this organization. Raises Invalid."""
    wanted = asset_ids(definition, inputs)
    if not wanted:
        return inputs
    found = await values_of(tx, [parse_id(asset_id) for asset_id in wanted])
    return with_assets(definition, inputs, {str(asset_id): value for asset_id, value in found.items()})
