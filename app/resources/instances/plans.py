"""What a start would do, without starting."""

from app.engine.engine import Engine
from app.flow.messages import Lane
from app.resources.instances import model, service
from app.resources.instances.schemas import NewInstance, PlannedLane, PlannedStep, RunPlan
from app.resources.workers.model import served_lanes
from app.store.database import Transaction


async def plan(tx: Transaction, engine: Engine, new: NewInstance) -> RunPlan:
    """The same checks as a start, then every step as far as the inputs tell.

    Raises WorkflowNotFound, VersionNotFound, Invalid with every complaint.
    """
    chosen = await service.choose(tx, engine, new.workflow_id, new.version)
    inputs = await service.fit(tx, chosen, new.inputs)
    program = await engine.program(tx, chosen.version_id)
    names = {node.id: node.name for node in chosen.definition.nodes}
    places = {node_id: place for place, node_id in enumerate(program.order)}
    served = await served_lanes(tx)
    steps = [
        PlannedStep(
            id=one.node,
            name=names[one.node],
            kind=program.nodes[one.node].kind,
            lane=program.nodes[one.node].lane,
            wave=one.wave,
            after=sorted(program.nodes[one.node].dependencies, key=places.__getitem__),
            fate=one.fate,
            reason=one.reason,
            each=program.nodes[one.node].has_each,
            items=one.items,
            waits_for_start=one.waits_for_start,
        )
        for one in await engine.preview(tx, chosen.version_id, inputs)
    ]
    lanes = [
        PlannedLane(
            lane=lane,
            steps=[step.id for step in steps if step.lane == lane],
            is_served=lane in served,
        )
        for lane in Lane
        if lane is not Lane.inline and any(step.lane == lane for step in steps)
    ]
    return RunPlan(
        version=await model.version_number(tx, chosen.version_id), inputs=inputs, steps=steps, lanes=lanes
    )
