"""What waiting steps ask, who may answer, and answering them.

Whether a person may is the wait's own to say (`Who`), so the route lets every member come this far.
"""

from collections.abc import Callable
from uuid import UUID

from app.engine.engine import Engine
from app.engine.errors import StepNotFound
from app.flow.forms import files_in, fill_in, form_of
from app.flow.ports import Asset
from app.flow.roles import Role
from app.flow.states import StepStatus
from app.flow.waits import Answer, Waiting, WaitKind
from app.kit.clock import now
from app.kit.ids import InstanceId, StepId, parse_id
from app.resources.accounts.principal import Principal
from app.resources.assets.service import values_of
from app.resources.instances import model
from app.resources.instances.schemas import AnswerView, NewAnswer, WaitView
from app.store.database import Transaction

_TOO_LOW = f"Starting a step needs the role {Role.operator}."


async def answer(
    tx: Transaction,
    engine: Engine,
    principal: Principal,
    given: NewAnswer,
    *,
    instance_id: UUID,
    step_id: UUID,
) -> None:
    """Answer a waiting step. Raises StepNotFound, StepNotWaiting, InstanceAlreadyFinished, NotAsked,
    AnsweredAlready, Invalid with what does not fit.
    """
    question = await model.find_question(tx, instance_id, step_id)
    if question is None:
        raise StepNotFound
    value = given.value
    if question.wait_kind is WaitKind.person and question.wait is not None and _is_form(question.wait):
        form = form_of(question.wait.request["fields"])
        value = fill_in(form, value, await _files(tx, files_in(form, value)))
    said = signed(principal, question.created_by, value)
    await engine.answer(tx, InstanceId(instance_id), StepId(step_id), said, kind=WaitKind.person)


def signed(principal: Principal, requester: UUID | None, value: object = None) -> Answer:
    """An answer under a person's name. `requester`: who started the instance."""
    return Answer(
        at=now(),
        value=value,
        by=principal.user_id,
        name=principal.name,
        email=principal.email,
        role=principal.role,
        is_requester=principal.user_id == requester,
    )


def wait_view(row: model.Step, reader: Answer, address_of: Callable[[UUID], str]) -> WaitView | None:
    """What a step waits for, as this reader sees it; None when it does not wait.

    `address_of`: where a step is called back. Whoever has an address can call, so readers are not shown it.
    """
    if row.wait_kind is None or row.status is not StepStatus.waiting:
        return None
    waiting = row.wait or Waiting()
    refusal = refusal_of(row.wait_kind, waiting, reader)
    return WaitView(
        kind=row.wait_kind,
        request=waiting.request,
        answers=[AnswerView(at=one.at, by=one.by, name=one.name, value=one.value) for one in waiting.answers],
        until=row.due_at,
        may_answer=row.wait_kind in {WaitKind.person, WaitKind.start} and refusal is None,
        refusal=refusal,
        address=address_of(row.id) if row.wait_kind is WaitKind.callback and _may_run(reader) else None,
    )


def _may_run(reader: Answer) -> bool:
    return reader.role is not None and reader.role.covers(Role.operator)


def refusal_of(kind: WaitKind, waiting: Waiting, reader: Answer) -> str | None:
    """Why this person cannot bring a step on that waits for people; None when they can."""
    if kind is WaitKind.start:
        return None if _may_run(reader) else _TOO_LOW
    if kind is WaitKind.person and waiting.who is not None:
        return waiting.who.refusal(reader, waiting.answers)
    return None


def _is_form(waiting: Waiting) -> bool:
    return isinstance(waiting.request.get("fields"), dict)


async def _files(tx: Transaction, wanted: list[str]) -> dict[str, Asset]:
    """The facts of files, by id, of those this organization has."""
    found = await values_of(tx, [parse_id(asset_id) for asset_id in wanted])
    return {str(asset_id): value for asset_id, value in found.items()}
