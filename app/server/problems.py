"""Every error as problem details (RFC 9457): a sentence a person can act on, never a traceback."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

import psycopg
from litestar import Request, Response
from litestar.exceptions import HTTPException, InternalServerException, ValidationException
from redis.exceptions import RedisError

from app.flow.complaints import MAX_COMPLAINTS
from app.flow.mismatch import explain
from app.kit.codec import to_plain
from app.kit.errors import Complaint, Conflict, Invalid, Malformed, StudioError, Unavailable
from app.kit.log import get_logger
from app.kit.volume import VolumeAway, VolumeFull
from app.resources.problem import MEDIA_TYPE, Problem
from app.server.discretion import for_the_log
from app.store.database import DatabaseUnavailable

log = get_logger(__name__)

# What Litestar's own errors mean to a person; its texts speak of handlers and keys.
SENTENCES: Mapping[int, str] = {
    401: "Sign in to do this.",
    404: "There is nothing under this address.",
    405: "This address does not answer this method.",
    415: "This address does not read this kind of content.",
}


# What Litestar calls the ways in which a value comes.
PARAMETERS: Mapping[str, str] = {"query": "parameter", "header": "header", "cookie": "cookie", "path": "part"}
_MISSING = re.compile(r"Missing required (?P<kind>\w+) parameter '(?P<name>[^']+)' for path ")

_MALFORMED = re.compile(r"JSON is malformed: (?P<reason>.+) \(byte (?P<byte>\d+)\)")
_REASONS: Mapping[str, str] = {
    "invalid character": "there is a wrong character",
    "trailing characters": "something follows the value",
    "invalid number": "there is a number of no valid form",
    "object keys must be strings": "a name stands without quotes",
    "trailing comma in object": "a comma stands before the closing brace",
    "trailing comma in array": "a comma stands before the closing bracket",
    "invalid escape character in string": "there is an unknown escape",
    "invalid character in unicode escape": "there is a broken \\u escape",
    "unexpected end of escaped utf-16 surrogate pair": "an escape is half a character",
    "invalid utf-16 surrogate pair": "an escape is half a character",
    "unexpected end of hex escape": "there is a broken \\u escape",
}


MOST_COMPLAINTS = MAX_COMPLAINTS + 1  # of one answer: as many as a document has at most, and the last word


class SameMoment(Conflict):
    """Someone did the same at the same moment; look again before you repeat it."""


class Unstorable(Invalid):
    """A text holds a character that cannot be stored, such as a null character."""


class NotUtf8(Malformed):
    """This request is not valid UTF-8."""


class NestedTooDeeply(Malformed):
    """This JSON is nested too deeply."""


class RequestBroken(Malformed):
    """The connection broke off before the end of the request."""


class RedisUnavailable(Unavailable):
    """Redis does not answer; Studio tries again by itself, and so can you in a moment."""


def answer(request: Request[Any, Any, Any], exc: Exception) -> Response[Any]:
    """The one exception handler of the application."""
    request_id = cast("dict[str, Any]", request.scope).get("studio_request_id")
    headers: dict[str, str] = {}
    extra: Mapping[str, Any] = {}
    match meant := _meant(request, exc):
        case StudioError():
            problem, headers, extra = _of_studio_error(meant), meant.headers, meant.extra
        case ValidationException():
            problem = _of_validation(meant, request)
        case HTTPException():
            problem, headers = _of_http(meant, request), dict(meant.headers or {})
        case _:
            problem = Problem(
                type=_type("internal-error"),
                title="Internal error",
                status=500,
                detail="Something went wrong inside Studio. The log tells more under this request id.",
            )
            extra = _kind(request, exc)
    problem.request_id = request_id
    if problem.status == 401:
        headers = {"WWW-Authenticate": 'Bearer realm="studio"', **headers}
    if problem.status >= 500:
        log.error(
            "request failed",
            action="request_failed",
            method=request.method,
            path=for_the_log(request.url.path),
            status=problem.status,
            exc_info=exc if problem.status == 500 else None,
            error=None if problem.status == 500 else repr(exc),
        )
    content = {**to_plain(problem), **to_plain(extra)}
    return Response(content, status_code=problem.status, headers=headers, media_type=MEDIA_TYPE)


def _meant(request: Request[Any, Any, Any], exc: Exception) -> Exception:
    """What somebody else's exception means here; ours and Litestar's as they are."""
    match exc:
        case psycopg.errors.UniqueViolation():
            return SameMoment()
        case UnicodeDecodeError():
            return NotUtf8()
        case psycopg.DataError() | UnicodeEncodeError():
            return Unstorable()
        case RecursionError():
            return NestedTooDeeply()
        case psycopg.errors.DiskFull():
            return VolumeFull()
        case DatabaseUnavailable() | psycopg.OperationalError() | psycopg.InterfaceError():
            return _silent_database(request, exc)
        case RedisError():
            return RedisUnavailable()
        case _:
            return exc


def _silent_database(request: Request[Any, Any, Any], exc: Exception) -> StudioError:
    """That it does not answer, or rather that its volume cannot be written: that is what has to be mended."""
    state = request.app.state
    trouble = state.watch.trouble if state.settings.database.embedded else None
    if trouble is not None:
        return VolumeAway(trouble.sentence, remedy=trouble.remedy)
    return exc if isinstance(exc, DatabaseUnavailable) else DatabaseUnavailable()


def _kind(request: Request[Any, Any, Any], exc: Exception) -> Mapping[str, Any]:
    """Under DEBUG the kind of an unexpected error; never its text, which may hold a secret."""
    return {"exception": type(exc).__name__} if request.app.state.settings.debug else {}


def _type(code: str) -> str:
    return f"urn:studio:problem:{code}"


def _of_studio_error(exc: StudioError) -> Problem:
    code = exc.code()
    return Problem(
        type=_type(code),
        title=code.replace("-", " ").capitalize(),
        status=exc.status,
        detail=exc.detail,
        remedy=exc.remedy,
        complaints=_some(exc.complaints),
    )


def _some(complaints: tuple[Complaint, ...]) -> tuple[Complaint, ...]:
    """As many as anybody reads, and how many more there are."""
    if len(complaints) <= MOST_COMPLAINTS:
        return complaints
    more = f"There are {len(complaints) - MOST_COMPLAINTS:,} mistakes more; mend these first."
    return (*complaints[:MOST_COMPLAINTS], Complaint(message=more))


def _of_validation(exc: ValidationException, request: Request[Any, Any, Any]) -> Problem:
    """Values of the wrong shape: 422, each with its place."""
    entries = exc.extra if isinstance(exc.extra, list) else []
    complaints = _some(tuple(_complaint(entry, request) for entry in entries if isinstance(entry, dict)))
    if missing := _MISSING.match(exc.detail):
        what = PARAMETERS.get(missing["kind"], missing["kind"])
        sentence = f"This call needs the {what} “{missing['name']}”."
        complaints = (Complaint(field=missing["name"], message=sentence),)
    detail = "Some values are not valid; each complaint says which and why." if complaints else exc.detail
    return Problem(type=_type("invalid"), title="Invalid", status=422, detail=detail, complaints=complaints)


def _complaint(entry: Mapping[str, Any], request: Request[Any, Any, Any]) -> Complaint:
    """Litestar's entry about one value: msgspec's words, and the handler's own name for the place."""
    message, key = str(entry.get("message") or ""), str(entry.get("key") or "")
    if message == "'data'":  # the KeyError of a body that is not there at all
        return Complaint(message="This call wants a JSON body.")
    fields = request.route_handler.parsed_fn_signature.parameters
    if entry.get("source") == "body" or key == "data":
        path = "" if key == "data" else f".{key}"
        return explain(f"{message} - at `${path}`", fields["data"].annotation)
    name, dot, path = key.partition(".")
    field = fields.get(name)
    # A header goes by another name than the handler's argument.
    known_as = getattr(field and field.kwarg_definition, "name", None) or name
    return explain(f"{message} - at `${dot}{path}`", field and field.annotation, at=known_as)


def _of_http(exc: HTTPException, request: Request[Any, Any, Any]) -> Problem:
    # Litestar's only word for a caller who hung up; nobody reads this answer, and it is no fault of ours.
    if isinstance(exc, InternalServerException) and exc.detail == "client disconnected prematurely":
        return _of_studio_error(RequestBroken())
    phrase = HTTPStatus(exc.status_code).phrase
    sentence = SENTENCES.get(exc.status_code) or _unreadable(exc.detail)
    if exc.status_code == HTTPStatus.BAD_REQUEST and "content-encoding" in request.headers:
        sentence = "Send the body without compression (no Content-Encoding)."
    if exc.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        limit = request.route_handler.resolve_request_max_body_size() or 0
        sentence = f"This request is larger than the {limit / 1024**2:.0f} MiB that this address accepts."
    return Problem(
        type=_type(phrase.lower().replace(" ", "-")),
        title=phrase.capitalize(),
        status=exc.status_code,
        detail=sentence,
    )


def _unreadable(detail: str) -> str:
    """Why a body is no JSON, by the decoder's words."""
    if detail == "Input data was truncated":
        return "The JSON of this request ends too early, or an escape in it (\\u…) is half a character."
    if found := _MALFORMED.fullmatch(detail):
        reason = _REASONS.get(found["reason"], found["reason"])
        return f"The body of this request is no JSON: {reason} near byte {found['byte']}."
    return f"This request could not be read: {detail.rstrip('.')}."
