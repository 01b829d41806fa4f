"""What the world hears after a commit: bells for the workers, events for whoever watches, orders to stop.

All of it may be lost without losing a fact: the sweep rings again, the live view replays, a heartbeat
brings the cancel.
"""

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from app.engine.board import Board
from app.engine.parts import Parts
from app.engine.rows import Event
from app.flow.messages import CANCEL_CHANNEL, Lane, live_channel
from app.flow.waits import WaitKind
from app.kit import meters, traces
from app.kit.codec import encode
from app.kit.ids import AttemptId, StepId
from app.kit.tally import Tally
from app.store.database import Transaction

# A worker that is awake takes the next job in the answer to its finish, so a few bells start as many chains
# as there are slots; ringing all of a fan-out would only fill Redis.
MAX_BELLS = 16
_ENDS = frozenset({"completed", "failed", "skipped", "cancelled"})


def organization_channel(organization_id: UUID) -> str:
    """The pub/sub channel of the instances of one organization: their own events, and of their steps' only
    what an inbox has to hear: that somebody is asked, and that somebody answered.
    """
    return f"studio:live:organization:{organization_id}"


Messages = list[tuple[str, bytes]]  # channel and payload


def announce(
    parts: Parts,
    tx: Transaction,
    board: Board,
    *,
    handed_over: Lane | None = None,
    also: Messages | None = None,
) -> None:
    """Arrange that this move is heard of once it is committed.

    `handed_over`: the lane of a job that this same move gave straight to a worker. `also`: what that claim
    has to tell.
    """
    _ring(parts, tx, board, handed_over)
    if board.changes.events:
        tx.after_commit(partial(_count, parts.tally, board))
    instance = board.instance
    messages = event_messages(instance.id, instance.organization_id, board.changes.events)
    messages += [(CANCEL_CHANNEL, str(attempt_id).encode()) for attempt_id in board.stopped]
    messages += also or []
    if messages:
        tx.after_commit(partial(parts.bus.publish_all, messages))
    _lead_on(parts, tx, board)


async def _count(tally: Tally, board: Board) -> None:
    """Count what this move has told: the instance's beginning and end, its steps' ends and new tries."""
    if traces.is_on():
        _trace(board)
    for event in board.changes.events:
        of, _, what = event.type.partition(".")
        if of == "instance":
            if what == "created" or what in _ENDS:
                tally.count(meters.INSTANCES, what)
            if what in _ENDS and board.instance.started_at is not None:
                took_s = (board.now - board.instance.started_at).total_seconds()
                tally.observe(meters.INSTANCE_DURATION, took_s, what)
        elif event.step_id is not None and what in _ENDS:
            step = board.step(StepId(event.step_id))
            tally.count(meters.STEPS, step.kind, what)
            if step.started_at is not None and what != "skipped":
                tally.observe(meters.STEP_DURATION, (board.now - step.started_at).total_seconds(), step.lane)
        elif what == "retrying":
            tally.count(meters.STEP_RETRIES, "failure")
        elif what == "requeued":
            tally.count(meters.STEP_RETRIES, str(event.data.get("cause")))


def _trace(board: Board) -> None:
    """Write the spans of an instance that this move began or ended."""
    instance = board.instance
    place = traces.place_of_instance(instance.id)
    about = {"studio.instance": str(instance.id), "studio.organization": str(instance.organization_id)}
    told = {event.type for event in board.changes.events}
    if "instance.created" in told:
        traces.record(
            "instance started",
            traces.child(place, "started"),
            took_s=0.0,
            parent=place.span,
            linked=(
                traces.link_with_request(place),
                None if instance.parent_id is None else traces.place_of_instance(instance.parent_id),
            ),
            attributes=about,
        )
    if board.has_ended and f"instance.{instance.status}" in told:
        traces.record(
            "instance",
            place,
            took_s=(board.now - instance.created_at).total_seconds(),
            ended_at=board.now,
            attributes={
                **about,
                "studio.workflow": str(instance.workflow_id),
                "studio.number": instance.number,
                "studio.status": instance.status.value,
            },
            error=instance.error.message if instance.error else None,
        )


def event_messages(instance_id: UUID, organization_id: UUID, events: Sequence[Event]) -> Messages:
    """The pub/sub messages that carry these events of one instance."""
    messages = [(live_channel(instance_id), encode(events))] if events else []
    own = [
        {"instance_id": instance_id, "type": event.type, "at": event.at, "data": event.data}
        for event in events
        if event.step_id is None or _is_for_people(event)
    ]
    if own:
        messages.append((organization_channel(organization_id), encode(own)))
    return messages


def _is_for_people(event: Event) -> bool:
    return event.type == "step.answered" or event.data.get("wait") in {WaitKind.person, WaitKind.start}


def _lead_on(parts: Parts, tx: Transaction, board: Board) -> None:
    """Let the moves of other instances follow that this one leads to."""
    for step_id in board.calls:
        tx.lead_to(partial(parts.sequels.begin_child, parts, step_id))
    if board.has_to_tell:
        tx.lead_to(partial(parts.sequels.tell_parent, parts, board.instance.id))
    if board.instance.is_held or (board.has_ended and board.instance.concurrency_limit is not None):
        tx.lead_to(partial(parts.sequels.admit, parts, board.instance.workflow_id))
    if board.leaves_children:
        tx.lead_to(partial(parts.sequels.end_children, parts, board.instance.id))


def _ring(parts: Parts, tx: Transaction, board: Board, handed_over: Lane | None) -> None:
    due: dict[Lane, list[AttemptId]] = {}
    for attempt in board.changes.new_attempts:
        if attempt.rung_at is not None:
            due.setdefault(Lane(attempt.lane), []).append(attempt.id)
    for lane, attempt_ids in due.items():
        # A chain that goes on with another job leaves that job's bell to wake somebody for the new one.
        spare = 1 if lane == handed_over else 0
        wanted = attempt_ids[: min(MAX_BELLS, len(attempt_ids) - spare)]
        if wanted:
            tx.after_commit(partial(parts.bells.ring, lane, wanted))
