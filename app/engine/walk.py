"""The walk: from steps that have just settled to everything that follows from it, in memory.

Each round decrements the counters of the successors, opens those that reach zero, and goes on with what
settled at once (inline steps, skipped steps, empty fan-outs). The cost is that of the successors walked, not
of the instance: rows are read when the walk comes to them, outputs only when an expression reads them.
"""

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

from app.engine import fanout, inline, results
from app.engine.aside import MAX_EFFORT_S, aside, is_heavy, long_moves
from app.engine.board import Board
from app.engine.files import Files
from app.engine.parts import Parts
from app.engine.rows import ANEW, InstanceError, StepRow
from app.flow import plan
from app.flow.each import Spread
from app.flow.messages import ErrorClass, Lane, StepError
from app.flow.program import ExpressionFailed, ProgramNode
from app.flow.states import STEP_MOVES, InstanceStatus, StepStatus, is_settled
from app.flow.waits import Round, Waiting, WaitKind
from app.kit.errors import StudioError
from app.kit.ids import StepId, UserId
from app.steps.base import Later, Pause, StepFailed, Stop, Wait

P = ParamSpec("P")
T = TypeVar("T")

_BREATH = 50  # steps opened between two turns for the rest of the process
# Heavy expressions take turns in one thread, so a move may say nothing to the database for long.
_PATIENCE: Final = "SET LOCAL idle_in_transaction_session_timeout = '5min'"

_TOO_HEAVY: Final = (
    "The values of this instance are too large to be kept together.",
    "Hand large contents on as files, or split the work over several instances.",
)
_TOO_LONG: Final = (
    f"The expressions of this instance take more than {MAX_EFFORT_S:.0f} s at a time.",
    "Let “each” go over the list itself, so that no item looks it up again, or let a step work on it.",
)


class Walk:
    """One move's way through an instance."""

    def __init__(self, parts: Parts, board: Board) -> None:
        self.parts = parts
        self.board = board
        self.files = Files(parts.assets, board)
        self.is_over = False  # a step has ended the instance early
        self._opened = 0
        self._is_long = False
        self._is_patient = False  # the database's session

    async def begin(self) -> None:
        """Go on with every step that may: the first ones of a new instance, or those that were held up.

        All of the instance's steps lie on the board.
        """
        board, program = self.board, self.board.program
        for step in map(board.node, program.order):
            if step.status is StepStatus.running and step.items_total is not None:
                await self._unlock(await self._up(await fanout.go_on(self, step)))
        if board.is_paused:
            return
        await self._go_on(
            [
                step
                for step in map(board.node, program.order)
                if step.status is StepStatus.pending
                and plan.may_open(
                    program.nodes[step.node_id], waits_for=step.waits_for, led_here=step.led_here
                )
            ]
        )

    async def start(self, step: StepRow) -> None:
        """A person lets a step begin before which its instance stopped."""
        await self._go_on([step])

    async def settle(self, step: StepRow) -> None:
        """Go on from a step that the caller has just moved to its end."""
        await self._go_on(await self._unlock(await self._up(step)))

    async def complete(self, step: StepRow, outputs: dict[str, Any] | None) -> None:
        """A step has its outputs; None when they were written before, as a timer's are."""
        is_item = step.parent_id is not None  # its fan-out tells of it, with the count
        await self.settle(
            self.board.move_step(step, StepStatus.completed, outputs=outputs, error=None, silent=is_item)
        )

    async def fail(self, step: StepRow, error: StepError) -> None:
        """A step has failed for good."""
        is_item = step.parent_id is not None
        await self.settle(self.board.move_step(step, StepStatus.failed, error=error, silent=is_item))

    async def cancel(self, step: StepRow, error: StepError, *, by: UserId | None) -> None:
        """Somebody has ended a step; its policy decides what follows, as if it had failed."""
        is_item = step.parent_id is not None
        await self.settle(
            self.board.move_step(step, StepStatus.cancelled, error=error, data={"by": by}, silent=is_item)
        )

    # One round after another -----------------------------------------------------------------------------

    async def _go_on(self, ready: list[StepRow]) -> None:
        self._refuse_too_much(None)
        while ready:
            settled: list[StepRow] = []
            for step in ready:
                settled += await self._open(step)
                self._refuse_too_much(step)
            ready = await self._unlock(settled)
        if not self.board.has_ended and (self.is_over or self.board.instance.open_steps == 0):
            await self._complete_instance()

    async def _unlock(self, settled: list[StepRow]) -> list[StepRow]:
        """Count these steps off at their successors; the ones that open by it."""
        program, board = self.board.program, self.board
        if not settled or board.has_ended or self.is_over:
            return []
        if not all(
            board.has(node_id) for step in settled for node_id in program.nodes[step.node_id].successors
        ):
            await board.load_nodes(plan.reach(program, (step.node_id for step in settled)))
        ready: dict[str, StepRow] = {}
        for step in settled:
            before = program.nodes[step.node_id]
            for node_id in before.successors:
                after, successor = program.nodes[node_id], board.node(node_id)
                outputs = await board.known.outputs(before.id) if after.edges.get(before.id) else {}
                successor = board.note(
                    successor,
                    waits_for=successor.waits_for - 1,
                    led_here=successor.led_here + plan.leads_on(before, after, step.status, outputs),
                )
                if successor.status is StepStatus.pending and plan.may_open(
                    after, waits_for=successor.waits_for, led_here=successor.led_here
                ):
                    ready[node_id] = successor
        return [] if board.is_paused else list(ready.values())

    async def _complete_instance(self) -> None:
        board = self.board
        try:
            reads = plan.output_reads(board.program)
            scope = await self.scope(reads)
            outputs = await self.work_out(board.known.is_heavy(reads), board.program.evaluate_outputs, scope)
        except ExpressionFailed as exc:
            error = plan.bad_expression(exc)
            board.fail(InstanceError(error_class=error.error_class, message=error.message))
        else:
            board.weigh(outputs)
            self._refuse_too_much(None)
            if not board.has_ended:
                board.complete(outputs)
                await self.files.hand_out(outputs)

    def _refuse_too_much(self, step: StepRow | None) -> None:
        """End the instance when its steps hand on more than one move may write, or ask too much of one."""
        if not self.board.is_too_much or self.board.has_ended:
            return
        message, remedy = _TOO_HEAVY if self.board.is_too_heavy else _TOO_LONG
        self.board.fail(
            InstanceError(
                error_class=ErrorClass.refused,
                message=message,
                remedy=remedy,
                step=None if step is None else step.node_id,
            )
        )

    async def work_out(self, heavy: bool, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What expressions give: at once or, over large values, beside the event loop.

        Raises LargeValuesBusy when it takes long, and enough others do already.
        """
        if self.board.effort.is_long and not self._is_long:
            self._is_long = True
            long_moves.enter(self.board.tx)
        heavy |= self._is_long
        if heavy and not self._is_patient:
            self._is_patient = True
            await self.board.tx.execute(_PATIENCE)
        return await aside(heavy, partial(self.board.effort.spend, work), *args, **kwargs)

    # Opening one step ------------------------------------------------------------------------------------

    async def _open(self, step: StepRow) -> list[StepRow]:
        """Let a step begin; the steps that settled by it. Nothing begins once the instance has ended."""
        if self.board.has_ended or self.is_over:
            return []
        self._opened += 1
        if self._opened % _BREATH == 0:
            await asyncio.sleep(0)
        node = self.board.program.nodes[step.node_id]
        step = self.board.note(step, type_version=node.version)
        scope = await self.scope(node.reads)
        opening = await self.work_out(
            self.board.known.is_heavy(node.reads),
            plan.open_node,
            node,
            scope,
            led_here=step.led_here,
            is_started=step.status is StepStatus.waiting,
            given={} if step.edited is None else step.edited.inputs,
        )
        match opening:
            case plan.Skip(reason):
                return [self.board.move_step(step, StepStatus.skipped, reason=reason)]
            case plan.Hold(reason):
                self.board.move_step(step, StepStatus.waiting, reason=reason, wait_kind=WaitKind.start)
                return []
            case plan.Broken(error):
                return await self._up(self.board.move_step(step, StepStatus.failed, error=error))
            case Spread() as spread:
                return await self._up(await fanout.begin(self, step, node, spread))
            case plan.Run(inputs):
                return await self._up(await self._run(step, node, inputs))

    async def _run(self, step: StepRow, node: ProgramNode, inputs: dict[str, Any]) -> StepRow:
        """Let a step whose inputs are known run: here if it is inline, else by a worker."""
        if node.spec.calls:
            return self.call(step, inputs)
        if node.lane == Lane.inline:
            return await self.evaluate(step, inputs, await self.later(step) if node.later else None)
        (resolved,) = await self.files.resolve(node, [inputs])
        if isinstance(resolved, StepError):
            return self.board.move_step(step, StepStatus.failed, inputs=inputs, error=resolved)
        return await self._reuse_or_queue(step, node, resolved)

    async def _reuse_or_queue(self, step: StepRow, node: ProgramNode, inputs: dict[str, Any]) -> StepRow:
        """Give a step what one gave on the same inputs before, or let a worker run it."""
        key = results.key_of(self.parts, node, inputs)
        if key is not None:
            wanted = [] if step.cache_key == ANEW else [key]
            result = (await results.find(self.parts, self.board, node, wanted)).get(key)
            if result is not None:
                step = self.board.note(step, inputs=inputs)
                return self.reuse(step, result.outputs, result.step_id)
            step = self.board.note(step, cache_key=key.hex())
        return self.queue(step, node, inputs)

    def reuse(self, step: StepRow, outputs: dict[str, Any], step_id: StepId) -> StepRow:
        """A step has what another one gave."""
        return self.board.move_step(
            step,
            StepStatus.completed,
            outputs=outputs,
            reused_from=step_id,
            data={"reused_from": step_id},
            silent=step.parent_id is not None,
        )

    def queue(self, step: StepRow, node: ProgramNode, inputs: dict[str, Any] | None = None) -> StepRow:
        """Let a worker run a step; None: its inputs are written already, as an item's are."""
        self.board.queue_attempt(step, node, number=1, cause="first")
        changes: dict[str, Any] = {} if inputs is None else {"inputs": inputs}
        return self.board.move_step(step, StepStatus.queued, silent=step.parent_id is not None, **changes)

    def call(self, step: StepRow, inputs: dict[str, Any]) -> StepRow:
        """Let a step wait for the workflow it runs, which begins after this move."""
        step = self.board.move_step(
            step, StepStatus.waiting, inputs=inputs, wait_kind=WaitKind.child, reason="It begins."
        )
        return self.board.call_later(step, Round(), 0.0, reason="It begins.")

    async def later(self, step: StepRow) -> Later:
        """How a step works out what is worked out while it runs."""
        node = self.board.program.nodes[step.node_id]
        if not node.later:
            return inline.later_of(node, {})
        scope = await self.scope(node.reads)
        if step.parent_id is not None:
            scope |= (await self.board.items.turn(step, is_nested=node.is_nested)).names()
        return inline.later_of(node, scope)

    async def scope(self, nodes: Iterable[str]) -> dict[str, Any]:
        """What expressions may read: the facts of these nodes, and where steps are called back."""
        board = self.board
        called_back = board.program.callbacks
        await board.load_nodes(called_back)
        address_of = self.parts.callbacks.address_of
        return {
            **await board.known.scope(nodes),
            "callbacks": {node: address_of(board.node(node).id) for node in called_back},
        }

    async def evaluate(self, step: StepRow, inputs: dict[str, Any], later: Later | None = None) -> StepRow:
        """Run an inline step, or an item of one, here and now."""
        silent = step.parent_id is not None  # a fan-out over 10,000 inline items is one fact, not 10,000
        try:
            heavy = later is not None and is_heavy(inputs)
            done = await self.work_out(
                heavy, inline.evaluate, self.parts.steps, step.kind, inputs, self.board.now, later
            )
        except StepFailed as exc:
            error = StepError(error_class=exc.error_class, message=exc.message, remedy=exc.remedy)
            return self.board.move_step(step, StepStatus.failed, inputs=inputs, error=error)
        match done:
            case Wait(on=WaitKind.callback):
                return await self._await_call(self._put_to_wait(step, done, inputs, silent=silent), inputs)
            case Pause() | Wait():
                return self._put_to_wait(step, done, inputs, silent=silent)
            case Stop():
                return self._stop(step, done, inputs)
            case _:
                return self.board.move_step(
                    step, StepStatus.completed, inputs=inputs, outputs=done, silent=silent
                )

    def _put_to_wait(
        self, step: StepRow, wish: Pause | Wait, inputs: dict[str, Any], *, silent: bool
    ) -> StepRow:
        """Let a step stand until what it waits for has come."""
        changes: dict[str, Any]
        if isinstance(wish, Pause):
            changes = {"outputs": wish.outputs, "wait_kind": WaitKind.time}
        else:
            changes = {"wait": Waiting(request=wish.request, who=wish.who), "wait_kind": wish.on}
        return self.board.move_step(
            step,
            StepStatus.waiting,
            inputs=inputs,
            due_at=wish.until,
            reason=wish.reason,
            silent=silent and isinstance(wish, Pause),
            **changes,
        )

    async def _await_call(self, step: StepRow, inputs: dict[str, Any]) -> StepRow:
        """Let a step wait for a call, unless one came before it could: then that one counts."""
        early = await self.board.early_call(step)
        if early is None:
            return step
        waiting = Waiting(request=step.wait.request if step.wait else {}, answers=[early])
        silent = step.parent_id is not None
        try:
            said = inline.answer(self.parts.steps, step.kind, inputs, waiting.answers, self.board.now)
        except StepFailed as exc:
            error = StepError(error_class=exc.error_class, message=exc.message, remedy=exc.remedy)
            return self.board.move_step(step, StepStatus.failed, error=error, wait=waiting, silent=silent)
        except StudioError:  # it is not what the step waits for
            return step
        if said is None or isinstance(said, Wait):
            return step
        return self.board.move_step(step, StepStatus.completed, outputs=said, wait=waiting, silent=silent)

    def _stop(self, step: StepRow, wish: Stop, inputs: dict[str, Any]) -> StepRow:
        """Let a step end the instance; one that completes needs its outputs first (`_go_on`)."""
        step = self.board.move_step(step, StepStatus.completed, inputs=inputs, outputs=wish.outputs)
        if wish.status is InstanceStatus.completed:
            self.is_over = True
        else:
            error = InstanceError(error_class=ErrorClass.refused, message=wish.message, step=step.node_id)
            self.board.fail(error)
        return step

    async def _up(self, step: StepRow) -> list[StepRow]:
        """What a change of this step settles one level up: itself, or the fan-out it is an item of."""
        if not is_settled(STEP_MOVES, step.status):
            return []
        if step.parent_id is not None:
            return await self._up(await fanout.item_settled(self, step))
        node = self.board.program.nodes[step.node_id]
        if step.status in {StepStatus.failed, StepStatus.cancelled} and not plan.goes_on(node):
            self.board.fail(failure(step))
            return []
        return [step]


def failure(step: StepRow) -> InstanceError:
    """The instance's error when this step ended it."""
    if step.error is None:
        raise ValueError(f"step {step.id} failed without an error")
    return InstanceError(
        error_class=step.error.error_class,
        message=step.error.message,
        remedy=step.error.remedy,
        step=step.node_id,
        path=step.path,
    )
