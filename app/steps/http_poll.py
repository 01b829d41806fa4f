"""Asks an address on the web again and again until its answer is the one waited for."""

import re
import time
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from app.flow.messages import ErrorClass, Lane
from app.flow.wording import say_value
from app.steps.base import Context, Example, HttpAnswer, StepFailed, StepType, TryLater
from app.steps.tools.people import LONGEST_S
from app.steps.tools.web import (
    NOT_LET_IN,
    TRY_LATER,
    Address,
    Headers,
    Query,
    body_of,
    retry_after_s,
    with_query,
)

MAX_ANSWER_BYTES: Final = 8 * 1024**2
MAX_VALUES: Final = 100

_PART: Final = re.compile(r"([^.\[\]]+)|\[(\d{1,9})\]")
_PATH: Final = re.compile(r"([^.\[\]]+|\[\d{1,9}\])(\.[^.\[\]]+|\[\d{1,9}\])*")
_NOTHING: Final = object()


class HttpPollInputs(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask, what to wait for, how often and how long."""

    url: Address
    method: Annotated[Literal["GET", "POST"], Meta(title="Method")] = "GET"
    headers: Headers = {}
    query: Query = {}
    json: Annotated[
        Any,
        Meta(
            title="JSON body",
            description="Sent as application/json; empty: none.",
            extra_json_schema={"widget": "json"},
        ),
    ] = None
    statuses: Annotated[
        list[Annotated[int, Meta(ge=100, le=599)]],
        Meta(title="Status", description="Wait for one of these; empty: any below 400.", max_length=20),
    ] = []
    path: Annotated[
        Annotated[str, Meta(min_length=1, max_length=500)] | None,
        Meta(
            title="Path",
            description="Wait until the JSON answer has a value here: job.state, items[0].id.",
            extra_json_schema={"placeholder": "job.state"},
        ),
    ] = None
    values: Annotated[
        list[Any],
        Meta(
            title="Values",
            description="Wait until the value at the path is one of these; empty: until there is one.",
            max_length=MAX_VALUES,
        ),
    ] = []
    failed_values: Annotated[
        list[Any],
        Meta(
            title="Values of a failure",
            description="Give up at once when the value at the path is one of these.",
            max_length=MAX_VALUES,
        ),
    ] = []
    refusals: Annotated[
        Literal["fail", "ask_again"],
        Meta(
            title="At 4xx",
            description="ask_again: a 404, say, means that the thing is not there yet.",
        ),
    ] = "fail"
    every_s: Annotated[
        float,
        Meta(
            title="Every",
            description="Between two calls; after a long time it may be up to a hundredth of that time.",
            ge=1,
            le=86_400,
            extra_json_schema={"unit": "s", "widget": "duration"},
        ),
    ] = 10.0
    within_s: Annotated[
        float,
        Meta(
            title="Within",
            description="How long to ask at most; then the step fails.",
            gt=0,
            le=LONGEST_S,
            extra_json_schema={"unit": "s", "widget": "duration"},
        ),
    ] = 3600.0
    answer_within_s: Annotated[
        float,
        Meta(
            title="Time limit of a call",
            description="With its redirects; a call without an answer is made again.",
            gt=0,
            le=300,
            extra_json_schema={"unit": "s"},
        ),
    ] = 30.0


class HttpPollOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """The answer that was waited for."""

    status: Annotated[int, Meta(title="Status", description="200, 201, …")]
    json: Annotated[Any, Meta(title="JSON", description="The answer, if it is JSON.")] = None
    text: Annotated[str | None, Meta(title="Text", description="The answer, if it is anything else.")] = None
    value: Annotated[Any, Meta(title="Value", description="What stood at the path.")] = None
    waited_s: Annotated[float, Meta(title="Waited", description="Since the first call.")] = 0.0


class HttpPoll(StepType[HttpPollInputs, HttpPollOutputs]):
    """One call a try; between two of them no worker waits."""

    kind = "http.poll"
    version = 1
    lane = Lane.cpu
    title = "Ask until it is done"
    summary = "Calls an address again and again until its answer is the one waited for."
    category = "Web"
    Inputs = HttpPollInputs
    Outputs = HttpPollOutputs
    examples = (
        Example(
            title="Until a job is done",
            inputs={
                "url": "https://api.example.org/v1/jobs/7",
                "path": "job.state",
                "values": ["succeeded"],
                "failed_values": ["failed", "cancelled"],
                "every_s": 30,
            },
            runs_offline=False,
        ),
        Example(
            title="Until a page is there",
            inputs={"url": "https://example.org/report.pdf", "refusals": "ask_again", "within_s": 86400},
            runs_offline=False,
        ),
    )

    async def run(self, inputs: HttpPollInputs, ctx: Context) -> HttpPollOutputs:
        """Call once. Raises TryLater while the answer is not the right one and there is time left."""
        began = time.monotonic()
        path = _parts(inputs.path)
        headers, content = body_of(inputs.headers, inputs.json, None)
        try:
            answer = await ctx.http.request(
                inputs.method,
                with_query(inputs.url, inputs.query),
                headers=headers,
                content=content,
                timeout_s=inputs.answer_within_s,
                max_bytes=MAX_ANSWER_BYTES,
            )
        except StepFailed as exc:
            if exc.error_class is not ErrorClass.transient:
                raise
            raise _not_yet(inputs, ctx.age_s + time.monotonic() - began, exc.message) from exc
        waited_s = ctx.age_s + time.monotonic() - began
        refusal = _refusal(answer, inputs)
        if refusal:
            wish_s = retry_after_s(answer.headers.get("retry-after"))
            raise _not_yet(inputs, waited_s, refusal, wish_s)
        json = _json(answer)
        value = None
        if inputs.path is not None:
            found = _at(json, path)
            missing = _missing(inputs, found)
            if missing:
                raise _not_yet(inputs, waited_s, missing)
            value = found
        return HttpPollOutputs(
            status=answer.status,
            json=None if json is _NOTHING else json,
            text=answer.body.decode("utf-8", errors="replace") if json is _NOTHING else None,
            value=value,
            waited_s=round(waited_s, 3),
        )


def _not_yet(
    inputs: HttpPollInputs, waited_s: float, reason: str, wish_s: float | None = None
) -> TryLater | StepFailed:
    """One more call later, or the end of asking. The last call is made when the time is over."""
    left_s = inputs.within_s - waited_s
    if left_s > 0:
        return TryLater(min(max(inputs.every_s, wish_s or 0.0), left_s), reason)
    return StepFailed(
        ErrorClass.timeout,
        f"After {inputs.within_s:g} s it was still not there. {reason}",
        remedy="Give it more time, or look whether the condition can become true.",
    )


def _refusal(answer: HttpAnswer, inputs: HttpPollInputs) -> str | None:
    """Why the status is not the right one yet. Raises StepFailed where asking again would not help."""
    where = urlsplit(answer.url).hostname or "The address"
    if answer.status in inputs.statuses:
        return None
    sentence = f"{where} answered {answer.status}."
    if answer.status < 400:
        return sentence if inputs.statuses else None
    if answer.status in TRY_LATER or inputs.refusals == "ask_again":
        return sentence
    if answer.status in NOT_LET_IN:
        raise StepFailed(
            ErrorClass.refused,
            f"{where} answered {answer.status}: it does not let this call in.",
            remedy="Check the credentials in the step's headers.",
        )
    raise StepFailed(
        ErrorClass.bad_input,
        sentence,
        remedy="Check the address. If such an answer means “not yet”, set “At 4xx” to ask_again.",
    )


def _missing(inputs: HttpPollInputs, found: Any) -> str | None:
    """Why the value is not the right one yet. Raises StepFailed when it says that it never will be."""
    if found is _NOTHING or found is None:
        return f"There is nothing at “{inputs.path}” yet."
    shown = f"“{inputs.path}” is {say_value(found)}."
    if isinstance(found, str):
        shown = f"“{inputs.path}” is “{found[:100]}”."
    if any(_same(found, value) for value in inputs.failed_values):
        raise StepFailed(
            ErrorClass.refused, shown, remedy="Look at the other side for why; asking again does not help."
        )
    if inputs.values and not any(_same(found, value) for value in inputs.values):
        return shown
    return None


def _json(answer: HttpAnswer) -> Any:
    """The answer as JSON, whatever it calls itself; nothing where it is none."""
    try:
        return msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, RecursionError):
        return _NOTHING


def _parts(path: str | None) -> list[str | int]:
    """The names and places of a path. Raises StepFailed."""
    if path is None:
        return []
    if not _PATH.fullmatch(path):
        raise StepFailed(
            ErrorClass.bad_input,
            f"“{path}” is no path.",
            remedy="Write names with dots between and places in brackets: job.results[0].state.",
        )
    return [name or int(place) for name, place in _PART.findall(path)]


def _at(value: Any, path: list[str | int]) -> Any:
    """What stands at a path; nothing where it leads nowhere."""
    for part in path:
        match part, value:
            case str(), dict() if part in value:
                value = value[part]
            case int(), list() if part < len(value):
                value = value[part]
            case _:
                return _NOTHING
    return value


def _same(found: Any, wanted: Any) -> bool:
    """Equal as JSON has it: true is not 1."""
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    return bool(found == wanted)
