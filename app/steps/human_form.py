"""Asks a person for values in the middle of a run, by a form that the workflow describes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from app.flow.forms import FormUnfit, FormUnreadable, facts_within, fill_in, form_of
from app.flow.messages import ErrorClass
from app.flow.roles import Role
from app.flow.waits import Answer, WaitKind
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
    who_of,
)


class HumanFormInputs(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for, and of whom."""

    question: Question
    text: Text = ""
    fields: Annotated[
        dict[str, Any],
        Meta(
            title="Fields",
            description="Declared as the inputs of a workflow: "
            '{"caption": {"type": "text", "label": "Caption", "default": ""}}.',
            min_length=1,
            extra={"form": True},
            extra_json_schema={"widget": "fields"},
        ),
    ]
    role: LowestRole = None
    people: People = []
    exclude_requester: NotRequester = False
    within_s: Within = None
    otherwise: Annotated[
        Literal["fail", "defaults"],
        Meta(title="When time is up", description="defaults: the fields' own defaults count as the answer."),
    ] = "fail"


class HumanFormOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """What was filled in."""

    values: Annotated[Any, Meta(title="Values", description="By the name of the field.")]
    answered_by: Annotated[str, Meta(title="Answered by", description="Name of who filled it in.")] = ""


class HumanForm(InlineStepType[HumanFormInputs, HumanFormOutputs]):
    """A form that somebody fills in."""

    kind = "human.form"
    version = 1
    title = "Ask for values"
    summary = "Waits until somebody has filled in a form, and hands its values on."
    category = "People"
    Inputs = HumanFormInputs
    Outputs = HumanFormOutputs
    examples = (
        Example(
            title="A caption",
            inputs={
                "question": "What should it say below the film?",
                "fields": {"caption": {"type": "text", "label": "Caption", "max": 200}},
            },
        ),
        Example(
            title="With a deadline",
            inputs={
                "question": "Which music?",
                "fields": {"tune": {"type": "text", "choices": ["calm", "merry"], "default": "calm"}},
                "role": "viewer",
                "within_s": 3600,
                "otherwise": "defaults",
            },
        ),
    )

    def evaluate(self, inputs: HumanFormInputs, now: datetime) -> Wait:
        """The question with its fields. Raises StepFailed when they are not declared as they should be."""
        _form(inputs)
        return Wait(
            on=WaitKind.person,
            reason=f"Waiting for somebody to fill in: {inputs.question}",
            request={
                "ask": "form",
                "question": inputs.question,
                "text": inputs.text,
                "fields": inputs.fields,
                "order": list(inputs.fields),  # the database keeps none in an object
            },
            who=who_of(
                inputs.role, inputs.people, default=Role.operator, not_requester=inputs.exclude_requester
            ),
            until=deadline(inputs.within_s, now),
        )

    def answer(self, inputs: HumanFormInputs, answers: Sequence[Answer], now: datetime) -> HumanFormOutputs:
        """The values. Raises FormUnfit, with a complaint for each that does not fit.

        Files come with their facts: whoever took the answer has looked them up.
        """
        del now
        newest = answers[-1]
        values = fill_in(_form(inputs), newest.value, facts_within(newest.value))
        return HumanFormOutputs(values=values, answered_by=names_of([newest])[0])

    def expire(
        self, inputs: HumanFormInputs, answers: Sequence[Answer], now: datetime
    ) -> HumanFormOutputs | Wait:
        """The defaults, if they are to count. Raises StepFailed where one is missing."""
        if inputs.otherwise == "fail":
            return super().expire(inputs, answers, now)
        form = _form(inputs)
        try:
            return HumanFormOutputs(values=fill_in(form, {}, {}))
        except FormUnfit as exc:
            raise StepFailed(
                ErrorClass.timeout,
                f"Nobody filled in “{inputs.question}” in time, and not every field has a default.",
                remedy="Give each field a default, or the step more time.",
            ) from exc


def _form(inputs: HumanFormInputs) -> Any:
    """The fields, read. Raises StepFailed."""
    try:
        return form_of(inputs.fields)
    except FormUnreadable as exc:
        first = exc.complaints[0]
        raise StepFailed(
            ErrorClass.bad_input, f"{first.field}: {first.message}", remedy="Correct the fields of the form."
        ) from exc
