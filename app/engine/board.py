"""The board: one locked instance during one move.

A move reads rows onto the board, changes them there, and saves everything in one statement. Counters, event
numbers and the tables of allowed moves are kept here and nowhere else, so no move can forget them.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from app.engine import statements
from app.engine.rows import (
    Edit,
    EndedAttempt,
    Event,
    HeldAttempt,
    InstanceError,
    InstanceRow,
    NewAttempt,
    Pause,
    StepRow,
)
from app.engine.storable import storable
from app.flow.each import Spread, Turn
from app.flow.facts import InstanceFacts, OrganizationFacts, scope_of
from app.flow.messages import StepError
from app.flow.plan import blank
from app.flow.program import Program, ProgramNode
from app.flow.sizes import weight_of
from app.flow.states import (
    ATTEMPT_MOVES,
    INSTANCE_MOVES,
    STEP_MOVES,
    AttemptStatus,
    InstanceStatus,
    StepStatus,
    is_settled,
    move,
)
from app.flow.waits import Answer, Round, Waiting, WaitKind
from app.kit.clock import rfc3339
from app.kit.codec import to_plain
from app.kit.ids import AttemptId, InstanceId, StepId, UserId, new_id
from app.store.database import Row, Transaction

# What one move may write, in characters. Postgres takes 256 MB of rows in one parameter, and a value that
# each of two thousand steps hands on is one value in memory but two thousand on disk.
MAX_WEIGHT: Final = 80_000_000
CALL_AGAIN_S: Final = 2.0  # a round that should have begun at once and has not is begun by the sweep
VALUES: Final = ("inputs", "outputs", "item")

_BUSY = (StepStatus.queued, StepStatus.running)


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Of a fan-out that was taken over, between two places: the settled items, and values given to others."""

    first: int
    end: int
    ordinals: frozenset[int]
    edit: Edit | None

    def edit_of(self, ordinal: int) -> Edit | None:
        """What was given to one item."""
        values = {} if self.edit is None else self.edit.items.get(str(ordinal), {})
        return replace(self.edit, items={}, inputs=values) if self.edit and values else None


class Board:
    """The rows of one instance that a move has read or made, and what it has changed."""

    def __init__(self, tx: Transaction, program: Program, instance: InstanceRow, now: datetime) -> None:
        self.tx = tx
        self.program = program
        self.instance = instance
        self.now = now  # the database's, read after the lock was had
        self.events: list[Event] = []
        self.new_attempts: list[NewAttempt] = []
        self.stopped: list[AttemptId] = []  # leased by a worker that has to be told
        self.calls: list[StepId] = []  # steps whose instance is to begin after this move
        self.must_tell = True  # a parent waits for the end; False: it learns of it in this very move
        self.closed_early = False  # saved: it has ended with steps still open
        self._steps: dict[StepId, StepRow] = {}
        self._by_node: dict[str, StepId] = {}
        self._by_place: dict[tuple[StepId, int], StepId] = {}
        self._made: set[StepId] = set()
        self._closed: set[StepId] = set()  # fan-outs whose open items end with this move
        self._changed: set[StepId] = set()
        self._ended_attempts: list[EndedAttempt] = []
        self._postponed: dict[AttemptId, datetime] = {}
        self._kept: dict[StepId, Kept] = {}  # of the page a fan-out stands at that was taken over
        self._turns: dict[StepId, list[Turn]] = {}  # of fan-outs over lists in lists, once an item asked
        self._facts: dict[str, dict[str, Any]] = {}  # what expressions read of a step, by node
        self._inputs = instance.inputs
        self._stalled: str | None = None
        self._is_resumed = False
        self._weight = 0

    # Reading ---------------------------------------------------------------------------------------------

    @property
    def has_ended(self) -> bool:
        """Whether this instance is over."""
        return is_settled(INSTANCE_MOVES, self.instance.status)

    @property
    def is_paused(self) -> bool:
        """Whether somebody lets it stand still: what becomes ready does not begin."""
        return self.instance.pause is not None

    @property
    def _queued(self) -> AttemptStatus:
        """What an attempt is that waits for a worker."""
        return AttemptStatus.paused if self.is_paused else AttemptStatus.queued

    @property
    def has_to_tell(self) -> bool:
        """Whether this move ends an instance that a step of another one waits for."""
        return self.must_tell and self.has_ended and self.instance.parent_step_id is not None

    @property
    def leaves_children(self) -> bool:
        """Whether this move, saved, has ended steps for which instances may still run."""
        return self.closed_early or bool(self._closed)

    @property
    def is_too_heavy(self) -> bool:
        """Whether the values of this move's steps are more than it may write."""
        return self._weight > MAX_WEIGHT

    def weigh(self, value: Any) -> None:
        """Count a value that this move is going to write."""
        if value is not None and not self.is_too_heavy:
            self._weight += weight_of(value, MAX_WEIGHT)

    def add(self, rows: Iterable[Row]) -> None:
        """Put rows read from the database on the board, unless a newer one lies there."""
        for row in rows:
            step = msgspec.convert(row, StepRow)
            if step.id not in self._steps:
                self._put(step)

    def step(self, step_id: StepId) -> StepRow:
        """A step on the board as it stands now."""
        return self._steps[step_id]

    def node(self, node_id: str) -> StepRow:
        """The step of a node, as it stands now; it must have been loaded."""
        return self._steps[self._by_node[node_id]]

    def has(self, node_id: str) -> bool:
        """Whether the step of this node lies on the board."""
        return node_id in self._by_node

    async def load_nodes(self, nodes: Iterable[str]) -> None:
        """Make sure that the steps of these nodes lie on the board."""
        missing = [node for node in nodes if node not in self._by_node]
        if missing:
            self.add(
                await self.tx.fetch_all(
                    statements.LOAD_NODES, {"instance": self.instance.id, "nodes": missing}
                )
            )

    async def item(self, parent: StepRow, ordinal: int) -> StepRow:
        """One item of a fan-out."""
        found = self._by_place.get((parent.id, ordinal))
        if found is None:
            place = {
                "instance": self.instance.id,
                "parent": parent.id,
                "node": parent.node_id,
                "ordinal": ordinal,
            }
            self.add(await self.tx.fetch_all(statements.LOAD_ITEM, place))
            found = self._by_place[parent.id, ordinal]
        return self._steps[found]

    async def kept_items(self, parent: StepRow, first: int, end: int) -> Kept:
        """Of a fan-out that was taken over: what is settled between these places, what is given to others."""
        known = self._kept.get(parent.id)
        if known is None or not known.first <= first <= end <= known.end:
            place = {
                "instance": self.instance.id,
                "parent": parent.id,
                "node": parent.node_id,
                "first": first,
                "end": end,
            }
            row = await self.tx.fetch_one(statements.LOAD_KEPT, place) or {}
            known = Kept(
                first=first,
                end=end,
                ordinals=frozenset(row["kept"]),
                edit=None if row["edited"] is None else msgspec.convert(row["edited"], Edit),
            )
            self._kept[parent.id] = known
        return known

    def has_item(self, parent: StepRow, ordinal: int) -> bool:
        """Whether this item lies on the board."""
        return (parent.id, ordinal) in self._by_place

    async def item_outputs(self, parent: StepRow) -> list[Mapping[str, Any] | None]:
        """The outputs of every item in order, None for those that gave none."""
        outputs: list[Mapping[str, Any] | None] = [None] * (parent.items_total or 0)
        place = {"instance": self.instance.id, "parent": parent.id}
        for row in await self.tx.fetch_all(statements.LOAD_ITEM_OUTPUTS, place):
            outputs[row["ordinal"]] = row["outputs"]
        for (parent_id, ordinal), step_id in self._by_place.items():
            step = self._steps[step_id]
            if parent_id == parent.id and step.status is not StepStatus.completed:
                outputs[ordinal] = None
            elif parent_id == parent.id and step.outputs is not None:
                outputs[ordinal] = step.outputs
        return outputs

    async def spread(self, parent: StepRow) -> Spread:
        """The items of a fan-out; read from the database unless this move made them."""
        stored = parent.item
        if stored is None:
            stored = await self.tx.fetch_value(statements.LOAD_LIST, {"id": parent.id})
        return Spread.restored(stored)

    async def turn(self, item: StepRow, *, is_nested: bool) -> Turn:
        """What one item of a fan-out runs for.

        From its own row: one that looked itself up in the list would make n² of a long one. Only where lists
        lie in lists does the list know what encloses it.
        """
        if item.parent_id is None:
            raise ValueError(f"step {item.id} is no item")
        if is_nested:
            if item.parent_id not in self._turns:
                self._turns[item.parent_id] = list((await self.spread(self.step(item.parent_id))).turns())
            return self._turns[item.parent_id][item.ordinal]
        value = item.item
        if item.id not in self._made:
            value = await self.tx.fetch_value(statements.LOAD_LIST, {"id": item.id})
        return Turn(value, item.ordinal, (item.ordinal,))

    async def early_call(self, step: StepRow) -> Answer | None:
        """The call that came for a step before it waited."""
        if step.id in self._made:
            return None
        row = await self.tx.fetch_one(statements.LOAD_WAIT, {"id": step.id}) or {}
        return msgspec.convert(row.get("wait") or {}, Waiting).early

    async def item_failures(self, parent: StepRow) -> list[tuple[list[int], StepError]]:
        """Path and error of every failed item, in order."""
        place = {"instance": self.instance.id, "parent": parent.id}
        rows = await self.tx.fetch_all(statements.LOAD_ITEM_FAILURES, place)
        failed = {row["ordinal"]: (row["path"], msgspec.convert(row["error"], StepError)) for row in rows}
        for (parent_id, ordinal), step_id in self._by_place.items():
            step = self._steps[step_id]
            has_failed = step.status in {StepStatus.failed, StepStatus.cancelled}
            if parent_id == parent.id and has_failed and step.error is not None:
                failed[ordinal] = (step.path, step.error)
        return [failed[ordinal] for ordinal in sorted(failed)]

    async def scope(self, nodes: Iterable[str]) -> dict[str, Any]:
        """What expressions may read: inputs, the outputs of these nodes, instance and organization."""
        wanted = list(nodes)
        await self._load_facts(wanted)
        if self._inputs is None:
            self._inputs = await self.tx.fetch_value(statements.LOAD_INPUTS, {"id": self.instance.id}) or {}
        instance = self.instance
        return {
            "inputs": self._inputs,
            "steps": {node: self._facts[node] for node in wanted},
            **scope_of(
                InstanceFacts(
                    id=str(instance.id), number=instance.number, created_at=rfc3339(instance.created_at)
                ),
                OrganizationFacts(id=str(instance.organization_id), name=instance.organization_name),
            ),
        }

    async def outputs(self, node: str) -> Mapping[str, Any]:
        """What a settled step gave; every output is null where it gave nothing."""
        await self._load_facts([node])
        outputs: Mapping[str, Any] = self._facts[node]["outputs"]
        return outputs

    async def _load_facts(self, nodes: list[str]) -> None:
        missing = [node for node in nodes if node not in self._facts]
        if not missing:
            return
        rows = await self.tx.fetch_all(
            statements.LOAD_FACTS, {"instance": self.instance.id, "nodes": missing}
        )
        found = {row["node_id"]: row for row in rows}
        for node in missing:
            row = found.get(node, {"outputs": None, "error": None})  # none: made by this very move
            # A timer's outputs were written when it was set; its row on the board knows better how it stands.
            status = self.node(node).status if self.has(node) else StepStatus(row["status"])
            self._facts[node] = _facts(self.program.nodes[node], status, row["outputs"], row["error"])

    # Changing --------------------------------------------------------------------------------------------

    def make(self, step: StepRow) -> StepRow:
        """Put a new step on the board."""
        self._made.add(step.id)
        self._put(self._weighed(step, VALUES))
        if step.parent_id is None and not is_settled(STEP_MOVES, step.status):
            self._recount(open_by=1, busy_by=0)
        elif step.parent_id is None:
            self._remember(step)
        return step

    def reopen(self, step: StepRow) -> None:
        """Count a fan-out of a new instance that was written as it is to run on."""
        self._recount(open_by=1, busy_by=1)
        self.tell("step.reopened", step)

    def note(self, step: StepRow, **changes: Any) -> StepRow:
        """Change a step without moving its state."""
        changed = replace(step, **changes)
        changed = self._weighed(changed, [name for name in VALUES if changes.get(name) is not None])
        self._put(changed)
        self._changed.add(changed.id)
        return changed

    def move_step(
        self,
        step: StepRow,
        status: StepStatus,
        *,
        event: str | None = None,
        data: Mapping[str, Any] | None = None,
        silent: bool = False,
        **changes: Any,
    ) -> StepRow:
        """Move a step to a state its table allows, keep the counters and tell it as an event."""
        move(STEP_MOVES, step.status, status)
        settled = is_settled(STEP_MOVES, status)
        changes.setdefault("reason", None)
        changes.setdefault("wait_kind", None)
        if settled:
            changes["ended_at"] = self.now
            changes["due_at"] = None
        if step.started_at is None and status in {
            StepStatus.running,
            StepStatus.waiting,
            StepStatus.completed,
            StepStatus.failed,
        }:
            changes["started_at"] = self.now
            if self.instance.started_at is None:
                self.instance = replace(self.instance, started_at=self.now)
        changed = self.note(step, status=status, **changes)
        if step.parent_id is None:
            self._recount(open_by=-1 if settled else 0, busy_by=(status in _BUSY) - (step.status in _BUSY))
            if settled:
                self._remember(changed)
        if not silent:
            self.tell(event or f"step.{status}", changed, data)
        return changed

    def queue_attempt(
        self, step: StepRow, node: ProgramNode, *, number: int, cause: str, delay_s: float = 0.0
    ) -> None:
        """Let a worker try this step, now or after a delay."""
        self.new_attempts.append(
            NewAttempt(
                id=AttemptId(new_id()),
                step_id=step.id,
                number=number,
                lane=step.lane,
                cause=cause,
                priority=self.instance.priority + node.priority,
                timeout_s=node.timeout_s,
                status=self._queued,
                available_at=self.now + timedelta(seconds=delay_s),
                rung_at=None if delay_s > 0 or self.is_paused else self.now,
            )
        )

    def close_items(self, parent: StepRow) -> None:
        """Cancel whatever items of a fan-out are still open, when this is saved."""
        self._closed.add(parent.id)
        self.new_attempts = [
            attempt for attempt in self.new_attempts if self._steps[attempt.step_id].parent_id != parent.id
        ]

    def call_later(
        self, step: StepRow, following: Round, delay_s: float, *, reason: str, **changes: Any
    ) -> StepRow:
        """Let a calling step wait for a round that begins now or after a delay."""
        step = self.note(
            step,
            wait=Waiting(request=msgspec.to_builtins(following)),
            wait_kind=WaitKind.child,
            due_at=self.now + timedelta(seconds=delay_s or CALL_AGAIN_S),
            reason=reason,
            **changes,
        )
        if not delay_s:
            self.calls.append(step.id)
        return step

    def end_attempt(
        self, attempt: HeldAttempt, status: AttemptStatus, error: StepError | None = None
    ) -> None:
        """Close an attempt."""
        move(ATTEMPT_MOVES, attempt.status, status)
        self._ended_attempts.append(EndedAttempt(id=attempt.id, status=status, error=error))

    def postpone_attempt(self, attempt: HeldAttempt, delay_s: float) -> None:
        """Put an attempt back into the queue, not to be claimed before this time is over."""
        move(ATTEMPT_MOVES, attempt.status, self._queued)
        self._postponed[attempt.id] = self.now + timedelta(seconds=delay_s)

    def complete(self, outputs: dict[str, Any]) -> None:
        """The instance has its outputs; what is still open, because a step ended it early, is cancelled."""
        self._end(InstanceStatus.completed, outputs=outputs)

    def fail(self, error: InstanceError) -> None:
        """The instance cannot go on; whatever is still open is cancelled."""
        self._end(InstanceStatus.failed, error=error)

    def cancel(self, by: UserId | None) -> None:
        """Somebody ended the instance; whatever is still open is cancelled."""
        self._end(InstanceStatus.cancelled, cancelled_by=by, cancel_requested_at=self.now)

    def hold(self, reason: str) -> None:
        """A new instance waits for its turn; nothing of it begins."""
        self.instance = replace(self.instance, is_held=True, reason=reason)

    def pause(self, by: Pause) -> None:
        """Somebody lets the instance stand still; one that waits for its turn waits for that first."""
        self.instance = replace(self.instance, pause=by)
        about: dict[str, Any] = {"by": by.by, "name": by.name, "pause": by}
        if not self.instance.is_held:
            if self.instance.status is not InstanceStatus.waiting:
                move(INSTANCE_MOVES, self.instance.status, InstanceStatus.waiting)
            self.instance = replace(
                self.instance, status=InstanceStatus.waiting, reason=paused_reason(by.name)
            )
            about |= {"status": self.instance.status, "reason": self.instance.reason}
        self._tell("instance.paused", None, about)

    def resume(self, by: UserId | None, name: str) -> None:
        """Somebody lets it go on; how it stands then is told even if it waits on."""
        self._tell("instance.resumed", None, {"by": by, "name": name, "pause": None})
        self._is_resumed = True

    def stall(self, step: StepRow, reason: str) -> None:
        """Nobody can take this queued step for now: the instance waits, and says for what."""
        self.note(step, reason=reason)
        self._stalled = reason

    def _end(self, status: InstanceStatus, **changes: Any) -> None:
        move(INSTANCE_MOVES, self.instance.status, status)
        self.instance = replace(
            self.instance,
            status=status,
            reason=None,
            started_at=self.instance.started_at or self.now,
            ended_at=self.now,
            **changes,
        )
        error = self.instance.error
        self._tell(f"instance.{status}", None, {"status": status} | ({"error": error} if error else {}))

    # Telling and saving ----------------------------------------------------------------------------------

    def tell(self, event: str, step: StepRow, data: Mapping[str, Any] | None = None) -> None:
        """Record a numbered fact about a step."""
        about: dict[str, Any] = {"node": step.node_id, "status": step.status}
        if step.path:
            about["path"] = step.path
        if step.reason:
            about["reason"] = step.reason
        if step.status is StepStatus.waiting:
            about["wait"] = step.wait_kind
        if step.error and step.status is not StepStatus.completed:
            about["error"] = step.error
        if step.items_total is not None:
            about["items"] = items_of(step)
        self._tell(event, step.id, {**about, **(data or {})})

    def tell_created(self, origin: Mapping[str, Any] | None) -> None:
        """Record that the instance exists, and which one it goes on from."""
        data = {"status": self.instance.status, "number": self.instance.number}
        self._tell("instance.created", None, data | ({"origin": origin} if origin else {}))

    async def save(self) -> None:
        """Write everything that changed, in one statement; close what an early end left open."""
        await self._settle_status()
        instance = self.instance
        self.closed_early = self.has_ended and (
            instance.status is not InstanceStatus.completed or instance.open_steps > 0
        )
        if self.closed_early:
            self.new_attempts.clear()
            self.instance = instance = replace(instance, open_steps=0, busy_steps=0)
        made = [self._steps[step] for step in self._made]
        changed = [self._steps[step] for step in self._changed - self._made]
        await self.tx.execute(
            statements.SAVE,
            {
                "instance": instance.id,
                "organization": instance.organization_id,
                "now": self.now,
                "made_steps": storable(made),
                "changed_steps": storable(changed),
                "ended_attempts": storable(self._ended_attempts),
                "made_attempts": storable(self.new_attempts),
                "events": storable(self.events),
                "status": instance.status,
                "reason": instance.reason,
                "outputs": None if instance.outputs is None else storable(instance.outputs),
                "error": None if instance.error is None else storable(instance.error),
                "event_seq": instance.event_seq,
                "open_steps": instance.open_steps,
                "busy_steps": instance.busy_steps,
                "must_tell": self.has_to_tell,
                "started_at": instance.started_at,
                "ended_at": instance.ended_at,
                "cancelled_by": instance.cancelled_by,
                "cancel_requested_at": instance.cancel_requested_at,
            },
        )
        for attempt_id, moment in self._postponed.items():
            place = {"id": attempt_id, "new": new_id(), "at": moment, "status": self._queued}
            await self.tx.execute(statements.POSTPONE, place)
        if (
            self._postponed
            or any(step.due_at is not None for step in (*made, *changed))
            or any(attempt.rung_at is None and not self.is_paused for attempt in self.new_attempts)
        ):
            await self.tx.execute(statements.NOTIFY_DUE)
        if self.closed_early:
            rows = await self.tx.fetch_all(statements.CLOSE, {"instance": instance.id, "now": self.now})
            self.stopped.extend(row["id"] for row in rows)
        elif self._closed:
            place = {"instance": instance.id, "parents": list(self._closed), "now": self.now}
            rows = await self.tx.fetch_all(statements.CLOSE_ITEMS, place)
            self.stopped.extend(row["id"] for row in rows)

    async def _settle_status(self) -> None:
        """Pending, running or waiting, as the counters say, told when it changes."""
        instance = self.instance
        if self.has_ended:
            return
        reason: str | None = None
        if instance.is_held:
            status, reason = InstanceStatus.pending, instance.reason
        elif instance.pause is not None:
            status, reason = InstanceStatus.waiting, paused_reason(instance.pause.name)
        elif self._stalled is not None:
            status, reason = InstanceStatus.waiting, self._stalled
        elif instance.busy_steps:
            status = InstanceStatus.running if instance.started_at else InstanceStatus.pending
        else:
            status = InstanceStatus.waiting
            reason = await self._waiting_reason()
        if status is not instance.status or self._is_resumed:
            if status is not instance.status:
                move(INSTANCE_MOVES, instance.status, status)
            self._tell(
                f"instance.{status}", None, {"status": status} | ({"reason": reason} if reason else {})
            )
        self.instance = replace(self.instance, status=status, reason=reason)

    async def _waiting_reason(self) -> str:
        for step in self._steps.values():
            if step.status is StepStatus.waiting and step.reason:
                return step.reason
        found = await self.tx.fetch_value(statements.WAITING_REASON, {"instance": self.instance.id})
        return found or "A step waits."

    def _tell(self, event: str, step_id: StepId | None, data: dict[str, Any]) -> None:
        seq = self.instance.event_seq + 1
        self.instance = replace(self.instance, event_seq=seq)
        self.events.append(Event(seq=seq, type=event, step_id=step_id, data=data, at=self.now))

    def _put(self, step: StepRow) -> None:
        self._steps[step.id] = step
        if step.parent_id is None:
            self._by_node[step.node_id] = step.id
        else:
            self._by_place[step.parent_id, step.ordinal] = step.id

    def _weighed(self, step: StepRow, names: Iterable[str]) -> StepRow:
        """The step with its values counted, and without those that are more than this move may write."""
        for name in names:
            self.weigh(getattr(step, name))
            if self.is_too_heavy:
                step = replace(step, **{name: None})
        return step

    def _recount(self, *, open_by: int, busy_by: int) -> None:
        if open_by or busy_by:
            self.instance = replace(
                self.instance,
                open_steps=self.instance.open_steps + open_by,
                busy_steps=self.instance.busy_steps + busy_by,
            )

    def _remember(self, step: StepRow) -> None:
        """What expressions will read of a step that has just settled, so that nobody has to ask for it."""
        if step.status is not StepStatus.completed or step.outputs is not None:
            # Else written before, when a timer began; read if somebody asks.
            node = self.program.nodes[step.node_id]
            self._facts[step.node_id] = _facts(node, step.status, step.outputs, step.error)


def _facts(node: ProgramNode, status: StepStatus, outputs: Any, error: Any) -> dict[str, Any]:
    """A step as expressions see it. Skipped, failed or not settled yet: every output reads as null."""
    if status is not StepStatus.completed or outputs is None:
        outputs = blank(node)
    if isinstance(error, StepError):
        error = to_plain(error)
    return {"outputs": outputs, "status": str(status), "error": error}


def paused_reason(name: str) -> str:
    """Why a paused instance waits."""
    return f"Paused by {name}."


def items_of(step: StepRow) -> dict[str, int]:
    """How far a fan-out is, for people."""
    return {
        "total": step.items_total or 0,
        "done": step.items_started - step.items_open,
        "failed": step.items_failed,
    }


async def lock_instance(tx: Transaction, instance_id: InstanceId) -> InstanceRow | None:
    """The instance, locked until the transaction ends; None when there is none in this scope."""
    row = await tx.fetch_one(statements.LOCK_INSTANCE, {"id": instance_id})
    return None if row is None else msgspec.convert(row, InstanceRow)
