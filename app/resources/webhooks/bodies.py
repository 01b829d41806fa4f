"""Reading a delivery: its body is parsed as what the webhook takes, never as what the sender makes of it.

JSON, forms and text are small and held whole; files are streamed to the volume. Every byte also goes through
the signature, if there is one, before anything is made of it.
"""

import hashlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from app.flow.mapping import WebRequest
from app.flow.ports import FILE_PORTS, port_of_mime
from app.kit.blobs import Blob, BlobFolder
from app.kit.codec import decode_any
from app.kit.errors import Malformed, StudioError, TooLarge
from app.kit.settings import Settings
from app.resources.assets import service as assets
from app.resources.assets.multipart import FilePart, file_name
from app.resources.webhooks.auth import Signature
from app.resources.webhooks.model import Accepts
from app.steps.tools.sniff import Facts

MAX_BODY_BYTES: Final = 5_000_000  # JSON, forms and text; a larger thing is a file
MAX_FILE_BYTES: Final = 1024**3  # on top of what the box takes at all: a sender is no signed-in person
MAX_FIELDS: Final = 1_000  # of a form or a query
KEPT_BYTES: Final = 64 * 1024  # of a body in the log
FILE_FIELD: Final = "file"  # where a file stands in the body, unless its form says otherwise


class BodyTooLarge(TooLarge):
    """The body is larger than a webhook takes."""


class BodyBroken(Malformed):
    """The body is not what it is said to be."""


class UnexpectedContent(StudioError):
    """This webhook takes another kind of content."""

    status = 415


class NoFileSent(Malformed):
    """This webhook takes a file; send one as the body, or as multipart/form-data."""


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """A file that came with a delivery: its bytes are on the volume, nobody owns them yet."""

    field: str
    name: str
    blob: Blob
    facts: Facts


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that was read. `raw`: the body as it came; None for a file, and when it is too long."""

    request: WebRequest
    content_type: str
    size_bytes: int
    sha256: bytes
    raw: bytes | None
    file: Arrived | None = None


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery as it arrives: what its head says, and its body as a stream."""

    method: str
    headers: Mapping[str, str]  # names in small letters
    query: Mapping[str, Any]
    body: AsyncIterator[bytes]

    @property
    def content_type(self) -> str:
        """What the sender calls the body; empty when it does not say."""
        return self.headers.get("content-type", "").strip()[:300]


async def read(
    incoming: Incoming, accepts: Accepts, signature: Signature | None, blobs: BlobFolder, settings: Settings
) -> Received:
    """Read and judge a body. Raises Unproven, BodyTooLarge, BodyBroken, UnexpectedContent, NoFileSent, and
    what storing a file raises.
    """
    if incoming.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise UnexpectedContent("Send the body without compression (no Content-Encoding).")
    refuse_other_kinds(accepts, incoming.content_type)
    limit = MAX_BODY_BYTES
    if accepts is Accepts.file:
        limit = min(MAX_FILE_BYTES, settings.upload_max_bytes)
    stream = _Stream(incoming.body, limit, signature)
    announced = incoming.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:20]) > limit:
        raise stream.too_large()
    if accepts is Accepts.file:
        return await _read_file(incoming, stream, blobs, settings)
    raw = b"".join([piece async for piece in stream.pieces()])
    return Received(
        request=_request(incoming, parse(accepts, raw)),
        content_type=incoming.content_type,
        size_bytes=stream.size_bytes,
        sha256=stream.sha256,
        raw=raw if len(raw) <= KEPT_BYTES else None,
    )


def parse(accepts: Accepts, raw: bytes) -> Any:
    """The body of a delivery. Raises BodyBroken."""
    match accepts:
        case Accepts.json:
            return _json(raw)
        case Accepts.form:
            return fields_of(_text(raw, "form"))
        case Accepts.text:
            return _text(raw, "text")
        case Accepts.file:  # as the log keeps it: its fields, and the file by its id
            return _json(raw)


def fields_of(text: str) -> dict[str, Any]:
    """Form fields or a query by name; a name that comes again gives a list. Raises BodyBroken."""
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=False, errors="strict", max_num_fields=MAX_FIELDS
        )
    except UnicodeDecodeError:
        raise BodyBroken("The form is not valid UTF-8.") from None
    except ValueError:
        raise BodyBroken(f"A form may have at most {MAX_FIELDS:,} fields.") from None
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def refuse_other_kinds(accepts: Accepts, content_type: str) -> None:
    """Raises UnexpectedContent for a body that is said to be something this webhook does not take."""
    media, charset = _media(content_type)
    if not media or accepts is Accepts.file:
        return
    is_json = media in {"application/json", "text/json"} or media.endswith("+json")
    is_text = media.startswith("text/") or is_json or media == "application/xml" or media.endswith("+xml")
    fits, wanted = {
        Accepts.json: (is_json, "JSON (application/json)"),
        Accepts.form: (
            media == "application/x-www-form-urlencoded",
            "forms (application/x-www-form-urlencoded)",
        ),
        Accepts.text: (is_text, "text (text/plain)"),
    }[accepts]
    if not fits:
        raise UnexpectedContent(f"This webhook takes {wanted}; this is {media[:100]}.")
    if charset not in {"", "utf-8", "utf8", "us-ascii"}:
        raise UnexpectedContent(f"This webhook reads UTF-8, not {charset[:40]}.")


class _Stream:
    """The body on its way: counted, hashed, signed, and ended early when it grows too large."""

    def __init__(self, body: AsyncIterator[bytes], limit: int, signature: Signature | None) -> None:
        self._body = body
        self._limit = limit
        self._signature = signature
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    @property
    def sha256(self) -> bytes:
        """Of what came so far."""
        return self._digest.digest()

    def too_large(self) -> BodyTooLarge:
        """The refusal, with the limit in it."""
        return BodyTooLarge(f"A webhook takes bodies of at most {assets.in_words(self._limit)} here.")

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body; a signature is judged after its last byte and before whoever reads gets the end."""
        async for piece in self._body:
            self.size_bytes += len(piece)
            if self.size_bytes > self._limit:
                raise self.too_large()
            self._digest.update(piece)
            if self._signature is not None:
                self._signature.feed(piece)
            yield piece
        if self._signature is not None:
            self._signature.judge()


async def _read_file(incoming: Incoming, stream: _Stream, blobs: BlobFolder, settings: Settings) -> Received:
    """A file as the body itself or as the one file of a form, whose other fields stand beside it."""
    fields: dict[str, str] = {}
    field = FILE_FIELD
    if _media(incoming.content_type)[0] == "multipart/form-data":
        part = FilePart(incoming.content_type, stream.pieces())
        await part.open()
        blob, facts = await assets.receive(blobs, settings, part.chunks(), part.name)
        name, field, fields = part.name, part.field or FILE_FIELD, part.fields
    else:
        name = file_name(incoming.headers.get("content-disposition", "").encode("latin-1")) or FILE_FIELD
        try:
            blob, facts = await assets.receive(blobs, settings, stream.pieces(), name)
        except assets.EmptyFile:
            raise NoFileSent from None
        _refuse_lies(incoming.content_type, facts)
    return Received(
        request=_request(incoming, fields),
        content_type=incoming.content_type,
        size_bytes=stream.size_bytes,
        sha256=stream.sha256,
        raw=None,
        file=Arrived(field=field, name=name, blob=blob, facts=facts),
    )


def _refuse_lies(content_type: str, facts: Facts) -> None:
    said = port_of_mime(_media(content_type)[0])
    if said in FILE_PORTS[:3] and port_of_mime(facts.mime) != said:
        raise UnexpectedContent(f"This is said to be {content_type[:100]}; its content is {facts.mime}.")


def _request(incoming: Incoming, body: Any) -> WebRequest:
    return WebRequest(method=incoming.method, headers=incoming.headers, query=incoming.query, body=body)


def _json(raw: bytes) -> Any:
    if not raw.strip():
        return None
    try:
        return decode_any(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise BodyBroken(f"The body is not valid JSON: {exc}.") from None
    except RecursionError:
        raise BodyBroken("The JSON is nested too deeply.") from None


def _text(raw: bytes, what: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise BodyBroken(f"The {what} is not valid UTF-8.") from None


def _media(content_type: str) -> tuple[str, str]:
    """Media type and charset of a Content-Type header, in small letters."""
    media, *parameters = content_type.split(";")
    charset = ""
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "charset":
            charset = value.strip('" ').lower()
    return media.strip().lower(), charset
