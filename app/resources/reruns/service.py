"""Running again: what is wished over HTTP, checked and handed to the engine."""

from typing import Any
from uuid import UUID

import msgspec

from app.engine.engine import Engine
from app.engine.errors import InstanceNotFound, StepNotFound
from app.engine.start import StartRequest
from app.engine.takeover import Origin
from app.flow.edits import file_ids, fitting, with_files
from app.flow.rerun import ItemEdit, Wish
from app.flow.roles import Role
from app.kit.errors import Forbidden, Invalid
from app.kit.ids import InstanceId, VersionId
from app.resources.accounts.principal import Principal
from app.resources.assets.service import values_of
from app.resources.audit.record import record
from app.resources.instances import model
from app.resources.instances import service as instances
from app.resources.instances.schemas import InstanceView
from app.resources.reruns import acts
from app.resources.reruns import model as counts
from app.resources.reruns.schemas import Item, Outdated, Rerun, RerunPlan, Retry, StepRerun, WhichVersion
from app.store.database import Transaction


class EditNeedsEditor(Forbidden):
    """Giving a step values by hand needs the role editor."""


class NotForThisStep(Invalid):
    """This step cannot be run again in this way."""


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """A wish that fits: what `start` needs."""

    old: model.InstanceWithValues
    version_id: VersionId
    inputs: dict[str, Any]
    origin: Origin
    source: str


async def retry(
    tx: Transaction, engine: Engine, principal: Principal, instance_id: UUID, wanted: Retry
) -> InstanceView:
    """Go on from what failed. Raises InstanceNotFound, InstanceStillRuns, RunsForAStep, NothingToRetry."""
    old = await _find(tx, instance_id)
    version_id, inputs = await _ground(tx, engine, old, wanted.version, {})
    wish = Wish(keeps=True, failures=True, renews=wanted.version is WhichVersion.newest)
    origin = _origin(principal, old, wish)
    return await _start(
        tx,
        engine,
        principal,
        Ready(old=old, version_id=version_id, inputs=inputs, origin=origin, source="retry"),
    )


async def rerun(
    tx: Transaction, engine: Engine, principal: Principal, instance_id: UUID, wanted: Rerun
) -> InstanceView:
    """Run again as wished. Raises as `retry` does, and Invalid with every complaint, EditNeedsEditor."""
    return await _start(tx, engine, principal, await _ready(tx, engine, principal, instance_id, wanted))


async def plan(
    tx: Transaction, engine: Engine, principal: Principal, instance_id: UUID, wanted: Rerun
) -> RerunPlan:
    """What `rerun` would keep and run; nothing is written. Raises as that does."""
    ready = await _ready(tx, engine, principal, instance_id, wanted)
    takeover = await engine.plan_again(tx, ready.version_id, ready.inputs, ready.origin)
    program = await engine.program(tx, ready.version_id)
    return RerunPlan(
        version=await model.version_number(tx, ready.version_id),
        kept=[node for node in program.order if node in takeover.kept],
        edited=[node for node in program.order if node in takeover.edited],
        parts=[
            await counts.count_items(tx, instance_id, node, takeover.partly[node])
            for node in program.order
            if node in takeover.partly
        ],
        outdated=[
            Outdated(step=node, ran_on=takeover.outdated[node], now=program.nodes[node].version)
            for node in program.order
            if node in takeover.outdated
        ],
        run=[node for node in program.order if node in takeover.fresh],
    )


async def of_step(tx: Transaction, instance_id: UUID, step_id: UUID, wanted: StepRerun) -> Rerun:
    """The wish to run one step or item again, as `rerun` takes it. Raises StepNotFound, NotForThisStep."""
    step = await model.find_step(tx, instance_id, step_id)
    if step is None:
        raise StepNotFound
    if step.parent_id is not None:
        if wanted.outputs:
            raise NotForThisStep("Outputs are given to a whole step, not to one of its items.")
        item = Item(step=step.node_id, index=step.ordinal, with_=wanted.with_)
        return Rerun(items=[item], version=wanted.version)
    if wanted.with_ and wanted.outputs:
        raise NotForThisStep("A step either runs on other values or gets its outputs by hand, not both.")
    if wanted.with_:
        return Rerun(with_={step.node_id: wanted.with_}, version=wanted.version)
    if wanted.outputs:
        return Rerun(outputs={step.node_id: wanted.outputs}, version=wanted.version)
    return Rerun(from_=[step.node_id], version=wanted.version)


async def _ready(
    tx: Transaction, engine: Engine, principal: Principal, instance_id: UUID, wanted: Rerun
) -> Ready:
    is_edit = wanted.with_ or wanted.outputs or any(item.with_ for item in wanted.items)
    if is_edit and not principal.role.covers(Role.editor):
        raise EditNeedsEditor
    old = await _find(tx, instance_id)
    version_id, inputs = await _ground(tx, engine, old, wanted.version, wanted.inputs)
    program = await engine.program(tx, version_id)
    before = await model.outputs_of(tx, instance_id, list(wanted.outputs)) if wanted.outputs else {}
    wish = Wish(
        keeps=bool(wanted.keep or wanted.from_ or wanted.with_ or wanted.items or wanted.outputs),
        nodes=tuple(wanted.from_),
        values=wanted.with_,
        items=tuple(ItemEdit(step=one.step, index=one.index, values=one.with_) for one in wanted.items),
        outputs={node: {**before.get(node, {}), **given} for node, given in wanted.outputs.items()},
        renews=wanted.version is WhichVersion.newest,
    )
    wanted_files = [UUID(one) for one in file_ids(program, wish) if _is_id(one)]
    facts = {str(asset_id): value for asset_id, value in (await values_of(tx, wanted_files)).items()}
    wish = fitting(program, with_files(program, wish, facts))
    return Ready(
        old=old,
        version_id=version_id,
        inputs=inputs,
        origin=_origin(principal, old, wish),
        source="rerun",
    )


async def _ground(
    tx: Transaction,
    engine: Engine,
    old: model.InstanceWithValues,
    which: WhichVersion,
    given: dict[str, Any],
) -> tuple[VersionId, dict[str, Any]]:
    """The version to run and its inputs. Raises WorkflowNotFound when the workflow was deleted, Invalid."""
    number = old.version if which is WhichVersion.same else None
    chosen = await instances.choose(tx, engine, old.workflow_id, number)
    if chosen.version_id == old.version_id and not given:
        # They fitted then; a step that reads a file which has gone since will say so.
        return chosen.version_id, old.inputs
    kept = {name: value for name, value in old.inputs.items() if name in chosen.definition.inputs}
    return chosen.version_id, await instances.fit(tx, chosen, {**kept, **given})


async def _find(tx: Transaction, instance_id: UUID) -> model.InstanceWithValues:
    old = await model.find_instance(tx, instance_id)
    if old is None:
        raise InstanceNotFound
    return old


def _origin(principal: Principal, old: model.InstanceWithValues, wish: Wish) -> Origin:
    return Origin(id=InstanceId(old.id), wish=wish, by=principal.user_id, name=principal.called)


async def _start(tx: Transaction, engine: Engine, principal: Principal, ready: Ready) -> InstanceView:
    started = await engine.start(
        tx,
        StartRequest(
            version_id=ready.version_id,
            inputs=ready.inputs,
            source=ready.source,
            created_by=principal.user_id,
            priority=ready.old.priority,
            origin=ready.origin,
        ),
    )
    wish = ready.origin.wish
    edited = [*wish.outputs, *wish.values, *dict.fromkeys(one.step for one in wish.items if one.values)]
    if edited:
        steps = ", ".join(edited)
        await record(tx, acts.EDITED, principal, subject_id=started.id, steps=steps, number=started.number)
    return await instances.get(tx, started.id)


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
