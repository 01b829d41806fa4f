"""Waits until another program calls the step's own address, and hands on what it said."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from app.flow.messages import ErrorClass
from app.flow.waits import Answer, NotByGet, WaitKind
from app.steps.base import Example, InlineStepType, StepFailed, Wait
from app.steps.tools.people import LONGEST_S


class WebhookWaitInputs(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait, and how the other program may call."""

    within_s: Annotated[
        float,
        Meta(
            title="Within",
            description="How long the address works once the step waits; then the step fails.",
            gt=0,
            le=LONGEST_S,
            extra_json_schema={"unit": "s", "widget": "duration"},
        ),
    ] = 24 * 3600.0
    accept_get: Annotated[
        bool,
        Meta(
            title="By GET too",
            description="Opening the address as a link counts. Mail programs that look at links open it too.",
        ),
    ] = False


class WebhookWaitOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """What the other program said."""

    body: Annotated[
        Any, Meta(title="Body", description="JSON as it is, a form by its fields, or the text. Else null.")
    ] = None
    query: Annotated[
        dict[str, Any], Meta(title="Query", description="What stood behind the “?” of the address.")
    ] = {}
    headers: Annotated[
        dict[str, str],
        Meta(title="Headers", description="Names in lower case; without sign-ins and what proxies add."),
    ] = {}


class WebhookWait(InlineStepType[WebhookWaitInputs, WebhookWaitOutputs]):
    """A call from outside; expressions read its address as `callbacks.<id of the step>`."""

    kind = "webhook.wait"
    version = 1
    title = "Wait for a call"
    summary = "Waits until another program calls this step's own address, and hands on what it said."
    category = "Web"
    has_address = True
    Inputs = WebhookWaitInputs
    Outputs = WebhookWaitOutputs
    examples = (
        Example(title="Within an hour", inputs={"within_s": 3600}),
        Example(title="As a link in a mail", inputs={"within_s": 604800, "accept_get": True}),
    )

    def evaluate(self, inputs: WebhookWaitInputs, now: datetime) -> Wait:
        """The wait, with its end."""
        return Wait(
            on=WaitKind.callback,
            reason="Waiting for another program to call.",
            request={"methods": ["POST", "GET"] if inputs.accept_get else ["POST"]},
            until=now + timedelta(seconds=inputs.within_s),
        )

    def answer(
        self, inputs: WebhookWaitInputs, answers: Sequence[Answer], now: datetime
    ) -> WebhookWaitOutputs:
        """What was said. Raises NotByGet where a link that is opened does not count."""
        del now
        call = answers[-1].value
        if call["method"] == "GET" and not inputs.accept_get:
            raise NotByGet
        return WebhookWaitOutputs(body=call["body"], query=call["query"], headers=call["headers"])

    def expire(
        self, inputs: WebhookWaitInputs, answers: Sequence[Answer], now: datetime
    ) -> WebhookWaitOutputs:
        """Nobody called. Raises StepFailed."""
        del answers, now
        raise StepFailed(
            ErrorClass.timeout,
            f"Nobody called within {inputs.within_s:g} s.",
            remedy="Look whether the other program got the address, or give it more time.",
        )
