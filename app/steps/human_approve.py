"""Asks people whether to go on, and perhaps which of several things to keep."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from app.flow.catalog import Branches, OnlyWhere
from app.flow.messages import ErrorClass
from app.flow.roles import Role
from app.flow.waits import Answer, WaitKind
from app.flow.wording import count
from app.kit.errors import Complaint, Invalid
from app.steps.base import Example, InlineStepType, StepFailed, Wait
from app.steps.tools.people import (
    LowestRole,
    NotRequester,
    People,
    Question,
    Text,
    Within,
    deadline,
    names_of,
    read_answer,
    who_of,
)

APPROVED: Final = "approved"
REJECTED: Final = "rejected"
MAX_CHOICES: Final = 1_000

HowMany = Annotated[int, Meta(ge=1, le=100)]


class HumanApproveInputs(msgspec.Struct, frozen=True, kw_only=True):
    """What is decided, by whom, and what follows."""

    question: Question
    text: Text = ""
    value: Annotated[
        Any,
        Meta(title="Value", description="What is decided on: shown, and handed on unchanged."),
    ] = None
    choices: Annotated[
        Annotated[list[Any], Meta(max_length=MAX_CHOICES)] | None,
        Meta(title="Choices", description="Things to choose among, mostly files; those kept are handed on."),
    ] = None
    keep_min: Annotated[
        int, Meta(title="Keep at least", description="Of the choices.", ge=0, le=MAX_CHOICES)
    ] = 1
    keep_max: Annotated[
        Annotated[int, Meta(ge=1, le=MAX_CHOICES)] | None,
        Meta(title="Keep at most", description="Of the choices; empty: all of them."),
    ] = None
    role: LowestRole = None
    people: People = []
    exclude_requester: NotRequester = False
    approvals: Annotated[
        HowMany, Meta(title="Approvals", description="How many different people have to approve.")
    ] = 1
    rejections: Annotated[
        HowMany, Meta(title="Rejections", description="How many people have to reject to end it.")
    ] = 1
    on_reject: Annotated[
        Literal["fail", "go_on"],
        Meta(
            title="When rejected",
            description="fail: the step fails. go_on: it leads on along “rejected”, or to whatever needs it.",
        ),
    ] = "fail"
    within_s: Within = None
    otherwise: Annotated[
        Literal["fail", "approve", "reject"],
        Meta(title="When time is up", description="What counts when nobody has decided by then."),
    ] = "fail"


class HumanApproveOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """The decision."""

    decision: Annotated[str, Meta(title="Decision", description="“approved” or “rejected”.")]
    value: Annotated[Any, Meta(title="Value", description="What was put in.")] = None
    kept: Annotated[
        list[Any],
        Meta(title="Kept", description="The choices that everybody who approved keeps, in their order."),
    ] = []
    comment: Annotated[str, Meta(title="Comment", description="What they said.")] = ""
    answered_by: Annotated[
        list[str], Meta(title="Answered by", description="Names of those who decided.")
    ] = []


class Verdict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One person's answer. `kept`: places among the choices, from 0."""

    decision: Literal["approved", "rejected"]
    comment: Annotated[str, Meta(max_length=4_000)] = ""
    kept: Annotated[list[Annotated[int, Meta(ge=0)]], Meta(max_length=MAX_CHOICES)] | None = None


class HumanApprove(InlineStepType[HumanApproveInputs, HumanApproveOutputs]):
    """A gate that people open."""

    kind = "human.approve"
    version = 1
    title = "Ask for approval"
    summary = "Waits until people approve or reject; they may choose what to keep."
    category = "People"
    branches = Branches(
        output="decision", names=(APPROVED, REJECTED), only_where={REJECTED: OnlyWhere("on_reject", "go_on")}
    )
    Inputs = HumanApproveInputs
    Outputs = HumanApproveOutputs
    examples = (
        Example(title="One editor", inputs={"question": "Publish this film?", "value": "The film"}),
        Example(
            title="Two of the house, within a day",
            inputs={
                "question": "Send the offer?",
                "role": "admin",
                "approvals": 2,
                "exclude_requester": True,
                "within_s": 86400,
                "otherwise": "reject",
                "on_reject": "go_on",
            },
        ),
        Example(
            title="Keep these",
            inputs={"question": "Which ones are good?", "choices": ["red", "green", "blue"], "keep_max": 2},
        ),
    )

    def evaluate(self, inputs: HumanApproveInputs, now: datetime) -> Wait:
        """The question. Raises StepFailed when there is less to choose from than has to be kept."""
        keep = None if inputs.choices is None else _bounds(inputs, inputs.choices)
        awaited = "an approval" if inputs.approvals == 1 else f"{inputs.approvals} approvals"
        return Wait(
            on=WaitKind.person,
            reason=f"Waiting for {awaited}: {inputs.question}",
            request={
                "ask": "approval",
                "question": inputs.question,
                "text": inputs.text,
                "approvals": inputs.approvals,
                "rejections": inputs.rejections,
                "keep": keep,
            },
            who=who_of(
                inputs.role, inputs.people, default=Role.editor, not_requester=inputs.exclude_requester
            ),
            until=deadline(inputs.within_s, now),
        )

    def answer(
        self, inputs: HumanApproveInputs, answers: Sequence[Answer], now: datetime
    ) -> HumanApproveOutputs | None:
        """The decision, once there are enough approvals or rejections."""
        del now
        verdicts = [read_answer(one.value, Verdict) for one in answers]
        kept = _kept_by_all(verdicts)
        _check_choice(inputs, verdicts[-1], kept, is_first=len(verdicts) == 1)
        approving = sum(one.decision == APPROVED for one in verdicts)
        if approving >= inputs.approvals:
            return _outputs(inputs, APPROVED, answers, verdicts, kept)
        if len(verdicts) - approving >= inputs.rejections:
            return _rejected(inputs, answers, verdicts)
        return None

    def expire(
        self, inputs: HumanApproveInputs, answers: Sequence[Answer], now: datetime
    ) -> HumanApproveOutputs | Wait:
        """What counts when nobody has decided in time."""
        verdicts = [read_answer(one.value, Verdict) for one in answers]
        match inputs.otherwise:
            case "approve":
                approving = any(one.decision == APPROVED for one in verdicts)
                everything = list(range(len(inputs.choices or ())))[: inputs.keep_max]
                kept = _kept_by_all(verdicts) if approving else everything
                return _outputs(inputs, APPROVED, answers, verdicts, kept)
            case "reject":
                return _rejected(inputs, answers, verdicts)
            case _:
                return super().expire(inputs, answers, now)


def _bounds(inputs: HumanApproveInputs, choices: list[Any]) -> dict[str, int]:
    """How many of the choices may be kept. Raises StepFailed."""
    most = len(choices) if inputs.keep_max is None else min(inputs.keep_max, len(choices))
    if inputs.keep_min > most:
        raise StepFailed(
            ErrorClass.bad_input,
            f"At least {inputs.keep_min} have to be kept, and no more than {most} can be.",
            remedy="Lower “Keep at least”, or give the step more to choose from.",
        )
    return {"min": inputs.keep_min, "max": most}


def _kept_by_all(verdicts: Sequence[Verdict]) -> list[int]:
    """The places that everybody who approved keeps."""
    chosen = [set(one.kept or ()) for one in verdicts if one.decision == APPROVED]
    return sorted(set.intersection(*chosen)) if chosen else []


def _check_choice(
    inputs: HumanApproveInputs, newest: Verdict, kept: Sequence[int], *, is_first: bool
) -> None:
    """Raises Invalid unless the newest verdict keeps what it may. `kept`: what all keep, with it."""
    if inputs.choices is None or newest.decision == REJECTED:
        if newest.kept is not None:
            raise _unfit("There is nothing to keep with this answer.")
        return
    if newest.kept is None:
        raise _unfit("Say which ones to keep.")
    last = len(inputs.choices) - 1
    if len(set(newest.kept)) < len(newest.kept) or any(place > last for place in newest.kept):
        raise _unfit(f"Name each one you keep once, by its place from 0 to {last}.")
    bounds = _bounds(inputs, inputs.choices)
    if not bounds["min"] <= len(newest.kept) <= bounds["max"]:
        raise _unfit(f"Keep {bounds['min']} to {bounds['max']} of them; you chose {len(newest.kept)}.")
    if not is_first and len(kept) < bounds["min"]:
        raise _unfit(
            f"Only what everybody keeps is kept: with your choice {count(len(kept), 'item')}, where at least "
            f"{bounds['min']} are needed."
        )


def _unfit(message: str) -> Invalid:
    return Invalid(
        "This answer does not fit the question.", complaints=[Complaint(message=message, field="kept")]
    )


def _rejected(
    inputs: HumanApproveInputs, answers: Sequence[Answer], verdicts: Sequence[Verdict]
) -> HumanApproveOutputs:
    """A rejection. Raises StepFailed where that fails the step."""
    outputs = _outputs(inputs, REJECTED, answers, verdicts, [])
    if inputs.on_reject == "go_on":
        return outputs
    who = " and ".join(outputs.answered_by)
    said = f" {outputs.comment}" if outputs.comment else ""
    raise StepFailed(
        ErrorClass.refused,
        f"{who} rejected “{inputs.question}”.{said}"
        if who
        else f"Nobody approved “{inputs.question}” in time.",
    )


def _outputs(
    inputs: HumanApproveInputs,
    decision: str,
    answers: Sequence[Answer],
    verdicts: Sequence[Verdict],
    kept: Sequence[int],
) -> HumanApproveOutputs:
    """The decision, signed by those who share it."""
    deciding = [
        (one, verdict) for one, verdict in zip(answers, verdicts, strict=True) if verdict.decision == decision
    ]
    names = names_of([one for one, _ in deciding])
    comments = [
        (name, verdict.comment.strip())
        for name, (_, verdict) in zip(names, deciding, strict=True)
        if verdict.comment.strip()
    ]
    return HumanApproveOutputs(
        decision=decision,
        value=inputs.value,
        kept=[(inputs.choices or [])[place] for place in kept],
        comment=comments[0][1]
        if len(deciding) == 1 and comments
        else "\n".join(f"{name}: {said}" for name, said in comments),
        answered_by=names,
    )
