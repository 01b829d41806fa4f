"""Calls an address on the web and gives back what it answers."""

import re
from typing import Annotated, Any, Final, Literal
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.flow.messages import ErrorClass, Lane
from app.flow.ports import File
from app.steps.base import Context, Example, HttpAnswer, StepFailed, StepType
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

MAX_ANSWER_BYTES: Final = 4 * 1024**3
MAX_TEXT_BYTES: Final = 8 * 1024**2  # a longer text or JSON answer becomes a file
TEXT_TYPES: Final = (
    "text/",
    "application/xml",
    "application/javascript",
    "application/x-www-form-urlencoded",
)

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]


class HttpRequestInputs(msgspec.Struct, frozen=True, kw_only=True):
    """The call."""

    url: Address
    method: Annotated[Method, Meta(title="Method")] = "GET"
    headers: Headers = {}
    query: Query = {}
    json: Annotated[
        Any,
        Meta(
            title="JSON body", description="Sent as application/json.", extra_json_schema={"widget": "json"}
        ),
    ] = UNSET
    body: Annotated[
        str | None,
        Meta(
            title="Text body",
            description="Sent as it is; leave JSON body empty.",
            extra_json_schema={"widget": "textarea"},
        ),
    ] = None
    timeout_s: Annotated[
        float,
        Meta(
            title="Time limit",
            description="For the whole call with its redirects.",
            gt=0,
            le=3600,
            extra_json_schema={"unit": "s"},
        ),
    ] = 60.0
    expect: Annotated[
        Literal["success", "any"],
        Meta(
            title="Expect",
            description="success: 400 and above fails the step. any: 4xx is an answer too.",
        ),
    ] = "success"
    save_as: Annotated[
        Annotated[str, Meta(max_length=200)] | None,
        Meta(title="Save as", description="Keep the answer as a file of this name, whatever it is."),
    ] = None
    max_bytes: Annotated[
        int,
        Meta(
            title="Largest answer",
            description="A longer answer fails the step.",
            ge=1,
            le=MAX_ANSWER_BYTES,
            extra_json_schema={"unit": "bytes"},
        ),
    ] = 256 * 1024**2


class HttpRequestOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """The answer; exactly one of json, text and file is filled, by its content type."""

    status: Annotated[int, Meta(title="Status", description="200, 404, …")]
    headers: Annotated[dict[str, str], Meta(title="Headers", description="Names in lower case.")]
    url: Annotated[str, Meta(title="Address", description="Where the answer came from, after redirects.")]
    json: Annotated[Any, Meta(title="JSON", description="The answer, if it is JSON.")] = None
    text: Annotated[str | None, Meta(title="Text", description="The answer, if it is text.")] = None
    file: Annotated[File | None, Meta(title="File", description="The answer, if it is anything else.")] = None


class HttpRequest(StepType[HttpRequestInputs, HttpRequestOutputs]):
    """One call through the guarded client."""

    kind = "http.request"
    version = 1
    lane = Lane.cpu
    title = "HTTP request"
    summary = "Calls an address on the web and gives back what it answers."
    category = "Web"
    Inputs = HttpRequestInputs
    Outputs = HttpRequestOutputs
    examples = (
        Example(
            title="Read an API",
            inputs={"url": "https://api.example.org/v1/items", "query": {"limit": 10}},
            runs_offline=False,
        ),
        Example(
            title="Send JSON",
            inputs={"url": "https://api.example.org/v1/items", "method": "POST", "json": {"name": "lamp"}},
            runs_offline=False,
        ),
    )

    async def run(self, inputs: HttpRequestInputs, ctx: Context) -> HttpRequestOutputs:
        """Send, judge the status, then read the answer by its type."""
        json = None if isinstance(inputs.json, UnsetType) else inputs.json
        headers, content = body_of(inputs.headers, json, inputs.body)
        landing = ctx.folder / "answer"
        answer = await ctx.http.request(
            inputs.method,
            with_query(inputs.url, inputs.query),
            headers=headers,
            content=content,
            timeout_s=inputs.timeout_s,
            max_bytes=inputs.max_bytes,
            into=landing,
        )
        _judge(answer, inputs)
        outputs = HttpRequestOutputs(status=answer.status, headers=answer.headers, url=answer.url)
        if answer.size_bytes == 0:
            return outputs
        mime = answer.headers.get("content-type", "").split(";")[0].strip().lower()
        if inputs.save_as is None and answer.size_bytes <= MAX_TEXT_BYTES:
            if mime == "application/json" or mime.endswith("+json"):
                return msgspec.structs.replace(outputs, json=_read_json(landing.read_bytes(), answer))
            if mime.startswith(TEXT_TYPES) or mime.endswith("+xml"):
                charset = answer.headers.get("content-type", "")
                return msgspec.structs.replace(outputs, text=_read_text(landing.read_bytes(), charset))
        name = inputs.save_as or _file_name(answer)
        return msgspec.structs.replace(outputs, file=await ctx.keep(landing, File, name, mime or None))


def _judge(answer: HttpAnswer, inputs: HttpRequestInputs) -> None:
    """Raises StepFailed: transient for what may go better later, bad_input or refused for a 4xx."""
    where = urlsplit(answer.url).hostname or "The address"
    if answer.status in TRY_LATER:
        raise StepFailed(
            ErrorClass.transient,
            f"{where} answered {answer.status}, which often passes.",
            remedy="Try again later, or give the step a retry for “transient”.",
            retry_after_s=retry_after_s(answer.headers.get("retry-after")),
        )
    if answer.status < 400 or inputs.expect == "any":
        return
    if answer.status in NOT_LET_IN:
        raise StepFailed(
            ErrorClass.refused,
            f"{where} answered {answer.status}: it does not let this call in.",
            remedy="Check the credentials in the step's headers.",
        )
    raise StepFailed(
        ErrorClass.bad_input,
        f"{where} answered {answer.status} to {inputs.method} {urlsplit(answer.url).path or '/'}.",
        remedy="Check address and body; with Expect set to “any” such an answer is no failure.",
    )


def _read_json(raw: bytes, answer: HttpAnswer) -> Any:
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError as exc:
        raise StepFailed(
            ErrorClass.transient if answer.status >= 500 else ErrorClass.bad_input,
            f"The answer says it is JSON but cannot be read: {exc}.",
            remedy="Set Save as to keep it as a file and look at it.",
        ) from exc


def _read_text(raw: bytes, content_type: str) -> str:
    found = re.search(r"charset=\"?([\w.:-]+)", content_type, re.IGNORECASE)
    try:
        return raw.decode(found.group(1) if found else "utf-8", errors="replace")
    except LookupError:
        return raw.decode("utf-8", errors="replace")


def _file_name(answer: HttpAnswer) -> str:
    """A name from Content-Disposition or the address; never a path."""
    disposition = answer.headers.get("content-disposition", "")
    found = re.search(r"filename\*?=(?:UTF-8'')?\"?([^\";]+)", disposition, re.IGNORECASE)
    name = unquote(found.group(1)) if found else unquote(urlsplit(answer.url).path)
    return re.sub(r"[\x00-\x1f/\\]+", "_", name.rstrip("/").rsplit("/", 1)[-1])[:200] or "answer"
